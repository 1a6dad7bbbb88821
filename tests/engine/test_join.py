"""Two entities are one: what goes with the loser, what is refused, and that parting gives everything back."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import JOINED, JOINED_INTO, Entity
from hub.canon.explain import explain
from hub.canon.identity import LinkState, MatchSets, find_matches, keep_origins, links_by_entity, save_links
from hub.canon.join import Join, join
from hub.canon.joinable import CannotJoin
from hub.canon.kinds import Kinds
from hub.canon.part import Part, part
from hub.canon.store import load, new_ids, referring
from hub.canon.write import Edit, Origin, PersonChange, person_change, write
from hub.db import bulk
from hub.db.kinds import parse_shape
from hub.db.session import Database
from hub.db.tables import KIND_TABLES, LINE_TABLES, delivery
from hub.mapping.shape import Match
from hub.sync.apply import apply_due
from hub.sync.derive import derive_due
from hub.sync.engine import Engine
from hub.sync.route import route_due
from tests.engine.town import CUSTOMERS, Town, built, connection, sync

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VISIT = parse_shape(
    "visit", {"customer": {"ref": "customer"}, "note": "text", "stops": [{"order": {"ref": "order"}, "what": "text"}]}
)
GROUP = parse_shape("group", {"name": "text", "parent": {"ref": "group"}})
KINDS = Kinds({"visit": VISIT, "group": GROUP})
SETS: MatchSets = {
    "customer": [Match(("uscc",), False), Match(("name",), True)],
    "contact": [Match(("customer", "name"), False)],
    "order": [Match(("company", "number"), False), Match(("customer", "total"), True)],
}


class Shop:
    """Entities written straight into the store."""

    def __init__(self, db: Database, kinds: Kinds = KINDS, sets: MatchSets = SETS) -> None:
        self.db, self.kinds, self.sets = db, kinds, sets

    async def make(self, kind: str, who: str = "left", **fields: Any) -> int:
        async with self.db.begin("make") as conn:
            (entity_id,) = await new_ids(conn, 1)
            edit = Edit(entity_id, kind, fields, {}, Origin(who, "test", live=True))
            await write(conn, self.kinds, [edit], self.sets, NOW)
        return entity_id

    async def link(self, entity_id: int, where: str, key: str, lines: Mapping[str, int] | None = None) -> None:
        """`where`: left/customers. The record is called N-key there."""
        name, _, stream = where.partition("/")
        kind = (await self.one(entity_id)).kind
        state = LinkState(
            entity_id,
            kind,
            name,
            stream,
            key,
            {"id": key},
            key,
            "m",
            1,
            None,
            {"number": f"N-{key}"},
            {"lines": lines or {}},
        )
        async with self.db.begin("link") as conn:
            await save_links(conn, [state], NOW)

    async def owe(self, entity_id: int, state: str, **more: Any) -> None:
        row = {
            "sync": "right-customers",
            "connection": "right",
            "stream": "customers",
            "kind": "customer",
            "entity_id": entity_id,
            "change_id": 0,
            "wanted_version": 1,
            "applied_version": 0,
            "state": state,
            "due_at": NOW,
            "waiting_for": None,
            "intent_at": None,
            "correlation": "test",
            "created_at": NOW,
            "error": None,
            **more,
        }
        async with self.db.begin("owe") as conn:
            await bulk.insert(conn, delivery, [row])

    async def one(self, entity_id: int) -> Entity:
        async with self.db.read() as conn:
            kind = (await conn.execute(text("SELECT kind FROM entity WHERE id = :id"), {"id": entity_id})).scalar_one()
            return (await load(conn, self.kinds, kind, [entity_id]))[entity_id]

    async def join(self, kind: str, loser: int, winner: int) -> list[int]:
        async with self.db.begin("join") as conn:
            return await self.joining(conn, kind, loser, winner)

    async def joining(self, conn: AsyncConnection, kind: str, loser: int, winner: int) -> list[int]:
        return await join(conn, self.kinds, Join(kind, loser, winner, "lin", "same code", "join-1"), self.sets, NOW)

    async def part(self, kind: str, loser: int) -> list[int]:
        async with self.db.begin("part") as conn:
            return await part(conn, self.kinds, Part(kind, loser, "lin", "", "part-1"), self.sets, NOW)

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        async with self.db.read() as conn:
            return [dict(row) for row in (await conn.execute(text(query), values)).mappings()]

    async def everything(self) -> dict[str, list[str]]:
        """The whole store but for its history: versions, changes, times of writing."""
        names = [table.name for table in (*KIND_TABLES.values(), *LINE_TABLES.values())]
        names += ["own_kind", "match_key", "weak_key", "link", "link_name", "line_link", "delivery"]
        queries = {name: f"SELECT to_jsonb(t)::text AS row FROM {name} t ORDER BY 1" for name in names}
        queries["entity"] = (
            "SELECT (to_jsonb(e) - ARRAY['version', 'updated_at', 'created_at'])::text AS row FROM entity e ORDER BY 1"
        )
        return {name: [row["row"] for row in await self.rows(query)] for name, query in queries.items()}


@pytest.fixture
def shop(db: Database) -> Shop:
    return Shop(db)


async def a_random_store(shop: Shop, rng: random.Random) -> dict[str, list[int]]:
    """Customers with all that may hang on them; the first and second of each kind share no stream."""
    made: dict[str, list[int]] = {}

    def some(kind: str) -> dict[str, int]:
        return {kind: rng.choice(made[kind])} if rng.random() < 0.8 else {}

    def words(**choices: Any) -> dict[str, Any]:
        return {name: rng.choice(options) for name, options in choices.items() if rng.random() < 0.6}

    async def several(kind: str, count: int, fields: Callable[[], Mapping[str, Any]]) -> None:
        made[kind] = [await shop.make(kind, rng.choice(["left", "right"]), **fields()) for _ in range(count)]

    money = {"amount": "10", "currency": "CNY"}
    await several("company", 2, lambda: words(name=["甲", "乙"], number=["1"]))
    await several(
        "customer",
        3,
        lambda: {
            **words(
                name=["云帆", "远航"],
                uscc=["A", "B"],
                phone=["1", "2"],
                custom=[{"tier": "a"}, {"tier": "b", "zone": "z"}],
            ),
            **({"terms": [{**some("company"), "payment_days": 30}]} if rng.random() < 0.5 else {}),
        },
    )
    apart = iter(made["customer"])  # one key each; joined, two contacts may want the same
    await several("contact", 3, lambda: {"customer": next(apart), **words(name=["张", "李"])})
    await several("product", 2, lambda: words(name=["阀"]))
    await several(
        "order",
        3,
        lambda: {
            **some("customer"),
            **words(number=["SO-1", "SO-2"], total=[money]),
            "lines": [{**some("product"), **words(quantity=["1", "2"])} for _ in range(rng.randint(0, 3))],
        },
    )
    line_ids = [row["id"] for row in await shop.rows("SELECT id FROM k_order_lines ORDER BY id")]
    await several(
        "shipment",
        3,
        lambda: {
            **some("customer"),
            "lines": [
                {**some("order"), **({"order_line": rng.choice(line_ids)} if line_ids else {}), "quantity": "1"}
                for _ in range(rng.randint(0, 3))
            ],
        },
    )
    await several(
        "visit", 3, lambda: {**some("customer"), "stops": [{**some("order"), "what": "x"}], **words(note=["n"])}
    )
    for kind in ("customer", "order"):
        for entity_id in made[kind]:
            lines = (await shop.one(entity_id)).fields.get("lines") or []
            where = f"c{made[kind].index(entity_id)}/{kind}s"
            keys = {f"l{n}": line["_id"] for n, line in enumerate(lines)}
            await shop.link(entity_id, where, f"{kind}-{entity_id}", keys)
    for entity_id in made["customer"]:
        state = rng.choice(["due", "parked", "waiting", "done"])
        await shop.owe(entity_id, state, waiting_for="link|right|employee|1" if state == "waiting" else None)
    return made


@pytest.mark.parametrize("seed", range(12))
async def test_join_then_part_gives_everything_back(shop: Shop, seed: int) -> None:
    rng = random.Random(seed)
    made = await a_random_store(shop, rng)
    kind = rng.choice(["customer", "order", "product", "company"])
    loser, winner = rng.sample(made[kind], 2)
    before = await shop.everything()
    await shop.join(kind, loser, winner)
    joined = await shop.everything()
    assert joined != before
    for holder, path in (
        ("order", "customer"),
        ("shipment", "lines.order"),
        ("visit", "stops.order"),
        ("visit", "customer"),
    ):
        async with shop.db.read() as conn:
            target = path.rpartition(".")[2]
            found = await referring(conn, shop.kinds, holder, path, [loser])
            assert target != kind or not found
    await shop.part(kind, loser)
    after = await shop.everything()
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}
    assert await shop.rows("SELECT * FROM join_record") == []


async def test_two_joins_come_apart_in_turn(shop: Shop) -> None:
    a, b, c = [await shop.make("customer", name="云帆", uscc=code) for code in "ABC"]
    order = await shop.make("order", customer=a)
    await shop.link(a, "left/customers", "1")
    whole = await shop.everything()
    await shop.join("customer", a, b)
    first = await shop.everything()
    await shop.join("customer", b, c)
    assert [(await shop.one(i)).joined_into for i in (a, b, c)] == [c, c, None]
    assert (await shop.one(order)).fields["customer"] == c
    with pytest.raises(CannotJoin, match=f"part {b} first") as refused:
        await shop.part("customer", a)
    assert f"请先拆回 {b}" in refused.value.zh
    await shop.part("customer", b)
    assert await shop.everything() == first
    await shop.part("customer", a)
    assert await shop.everything() == whole


# --- what goes with the loser --------------------------------------------------------------------------------------


async def test_the_winner_takes_what_it_lacks_and_says_from_where(shop: Shop) -> None:
    loser = await shop.make("customer", "right", name="云帆", phone="021", custom={"tier": "a"})
    winner = await shop.make("customer", name="云帆科技", email="a@b.cn", custom={"zone": "z"})
    changes = await shop.join("customer", loser, winner)
    now = await shop.one(winner)
    assert now.fields == {
        "name": "云帆科技",
        "email": "a@b.cn",
        "phone": "021",
        "custom": {"tier": "a", "zone": "z"},
    }
    assert now.setters == {"phone": ("right", None), "custom.tier": ("right", None)}, "whose word it is stays"
    told = await shop.rows("SELECT * FROM change WHERE id = ANY(:ids) ORDER BY id", ids=changes)
    assert [(row["entity_id"], row["who"], row["reason"], row["live"]) for row in told] == [
        (winner, "person:lin", "joined: same code", False),
        (loser, "person:lin", "joined: same code", False),
    ]
    assert told[0]["fields"] == {
        "phone": {"from": None, "to": "021"},
        "custom.tier": {"from": None, "to": "a"},
        JOINED: {"from": None, "to": loser},
    }
    assert told[1]["fields"] == {JOINED_INTO: {"from": None, "to": winner}}
    async with shop.db.read() as conn:
        why = await explain(conn, shop.kinds, winner, "phone")
    assert [(step.entity_id, step.who) for step in why.steps] == [(winner, "person:lin"), (loser, "right")]


async def test_references_are_turned_each_by_a_change(shop: Shop) -> None:
    loser, winner = await shop.make("customer", name="甲"), await shop.make("customer", name="乙")
    order = await shop.make("order", "right", customer=loser)
    visit = await shop.make("visit", customer=loser)
    other = await shop.make("order", customer=winner)
    changes = await shop.join("customer", loser, winner)
    assert [(await shop.one(i)).fields["customer"] for i in (order, visit, other)] == [winner] * 3
    told = await shop.rows("SELECT entity_id, who, caused_by, fields FROM change WHERE id = ANY(:ids)", ids=changes[2:])
    assert sorted(row["entity_id"] for row in told) == [order, visit]
    assert {(row["who"], *row["caused_by"]) for row in told} == {("person:lin", changes[0])}
    assert (await shop.one(order)).setters == {}, "a join is nobody's word on whose field it is"
    assert (await shop.one(other)).version == 1


async def test_what_was_changed_since_stays(shop: Shop) -> None:
    loser = await shop.make("customer", "right", name="甲", phone="021", email="a@b.cn")
    winner = await shop.make("customer", name="乙")
    orders = [await shop.make("order", customer=loser) for _ in range(2)]
    third = await shop.make("customer", name="丙")
    await shop.join("customer", loser, winner)
    async with shop.db.begin("change") as conn:
        for kind, entity_id, fields in (
            ("customer", winner, {"phone": "010"}),
            ("order", orders[0], {"customer": third}),
        ):
            await person_change(conn, KINDS, PersonChange(kind, entity_id, fields, "wu", "", ""), SETS, NOW)
    await shop.part("customer", loser)
    assert (await shop.one(winner)).fields == {"name": "乙", "phone": "010"}
    assert (await shop.one(loser)).fields == {"name": "甲", "phone": "021", "email": "a@b.cn"}
    assert [(await shop.one(i)).fields["customer"] for i in orders] == [third, loser]


async def test_order_lines_pair_and_what_fulfils_them_follows(shop: Shop) -> None:
    valve, pump, seal = [await shop.make("product", name=name) for name in ("阀", "泵", "圈")]
    loser = await shop.make("order", lines=[{"product": pump, "quantity": "2"}, {"product": seal}])
    winner = await shop.make("order", lines=[{"product": valve}, {"product": pump, "quantity": "2"}])
    theirs = [line["_id"] for line in (await shop.one(loser)).fields["lines"]]
    mine = [line["_id"] for line in (await shop.one(winner)).fields["lines"]]
    await shop.link(loser, "right/orders", "7", {"a": theirs[0], "b": theirs[1]})
    shipment = await shop.make("shipment", lines=[{"order": loser, "order_line": number} for number in theirs])
    before = await shop.everything()
    await shop.join("order", loser, winner)
    async with shop.db.read() as conn:
        links = await links_by_entity(conn, "right", "orders", [winner])
    assert links[winner].lines == {"lines": {"a": mine[1]}}, "the seal is none of the winner's lines"
    lines = (await shop.one(shipment)).fields["lines"]
    assert [(line["order"], line.get("order_line")) for line in lines] == [(winner, mine[1]), (winner, None)]
    await shop.part("order", loser)
    assert await shop.everything() == before


async def test_an_order_without_lines_takes_copies_of_them(shop: Shop) -> None:
    loser, winner = await shop.make("order", lines=[{"quantity": "2"}]), await shop.make("order", number="SO-1")
    (theirs,) = (await shop.one(loser)).fields["lines"]
    await shop.link(loser, "right/orders", "7", {"a": theirs["_id"]})
    await shop.join("order", loser, winner)
    (mine,) = (await shop.one(winner)).fields["lines"]
    assert mine["quantity"] == "2" and mine["_id"] != theirs["_id"]
    assert await shop.rows("SELECT line_id FROM line_link") == [{"line_id": mine["_id"]}]
    assert (await shop.one(loser)).fields["lines"] == [theirs], "the loser keeps its row"


async def test_a_reference_between_the_two_does_not_become_one_to_itself(shop: Shop) -> None:
    loser = await shop.make("group", name="甲")
    winner = await shop.make("group", name="乙", parent=loser)
    child = await shop.make("group", name="丙", parent=loser)
    before = await shop.everything()
    await shop.join("group", loser, winner)
    assert (await shop.one(winner)).fields == {"name": "乙"}
    assert (await shop.one(child)).fields["parent"] == winner
    await shop.part("group", loser)
    assert await shop.everything() == before


async def test_what_found_the_loser_finds_the_winner_for_good(shop: Shop) -> None:
    loser, winner = await shop.make("customer", name="甲", uscc="A"), await shop.make("customer", name="乙", uscc="B")
    await shop.join("customer", loser, winner)
    async with shop.db.begin("change") as conn:
        wish = PersonChange("customer", winner, {"phone": "1"}, "wu", "", "")
        await person_change(conn, KINDS, wish, SETS, NOW)
    async with shop.db.read() as conn:
        strong = await find_matches(conn, "customer", ["uscc=a", "uscc=b"], weak=False)
        weak = await find_matches(conn, "customer", ["name=甲"], weak=True)
    assert strong == {"uscc=a": {winner}, "uscc=b": {winner}} and weak == {"name=甲": {winner}}


async def test_the_losers_open_deliveries_are_superseded_and_come_back(shop: Shop) -> None:
    loser, winner = await shop.make("customer", name="甲"), await shop.make("customer", name="乙")
    await shop.link(loser, "left/customers", "1")
    await shop.owe(loser, "parked", error="the code is wrong")
    await shop.owe(await shop.make("order"), "waiting", sync="left-orders", waiting_for=f"link|left|customer|{winner}")
    await shop.join("customer", loser, winner)
    query = "SELECT state, note, error, waiting_for FROM delivery ORDER BY id"
    assert [tuple(row.values()) for row in await shop.rows(query)] == [
        ("superseded", f"joined into {winner}", "the code is wrong", None),
        ("due", None, None, None),
    ], "and the left system knows the winner now"
    await shop.part("customer", loser)
    assert (await shop.rows(query))[0] == {
        "state": "parked",
        "note": None,
        "error": "the code is wrong",
        "waiting_for": None,
    }


# --- refusals ------------------------------------------------------------------------------------------------------


async def test_both_in_one_stream_is_refused_and_the_records_are_named(shop: Shop) -> None:
    loser, winner = await shop.make("customer", name="甲"), await shop.make("customer", name="乙")
    await shop.link(loser, "left/customers", "1")
    await shop.link(winner, "left/customers", "2")
    before = await shop.everything()
    with pytest.raises(CannotJoin) as refused:
        await shop.join("customer", loser, winner)
    assert f"1 (N-1) is customer {loser}, 2 (N-2) is customer {winner}" in refused.value.sentence
    assert f"1 (N-1) 对应 customer {loser}，2 (N-2) 对应 customer {winner}" in refused.value.zh
    assert await shop.everything() == before


async def test_what_is_not_two_standing_entities_of_a_kind_is_refused(shop: Shop) -> None:
    a, b, c = [await shop.make("customer", name=name) for name in "甲乙丙"]
    order = await shop.make("order")
    await shop.join("customer", a, b)
    for kind, loser, winner, sentence in (
        ("customer", c, c, f"customer {c} is one already"),
        ("customer", c, order, f"there is no customer {order}"),
        ("nonsense", b, c, f"there is no nonsense {b}"),
        ("customer", a, c, f"customer {a} is joined into {b} already"),
        ("customer", c, a, f"customer {a} is joined into {b} already"),
    ):
        with pytest.raises(CannotJoin, match=sentence):
            await shop.join(kind, loser, winner)
    for kind, loser in (("customer", b), ("order", a), ("customer", 999)):
        with pytest.raises(CannotJoin, match="nothing to part"):
            await shop.part(kind, loser)


async def test_a_write_of_unknown_outcome_comes_first(shop: Shop) -> None:
    loser, winner = await shop.make("customer", name="甲"), await shop.make("customer", name="乙")
    await shop.owe(loser, "parked", intent_at=NOW)
    with pytest.raises(CannotJoin, match="being written to right/customers") as refused:
        await shop.join("customer", loser, winner)
    assert "正在写入 right/customers" in refused.value.zh
    await shop.join("customer", winner, loser)  # the other way round nothing is in doubt


async def test_a_person_cannot_correct_the_loser(shop: Shop) -> None:
    loser, winner = await shop.make("customer", name="甲"), await shop.make("customer", name="乙")
    await shop.join("customer", loser, winner)
    async with shop.db.begin("change") as conn:
        with pytest.raises(LookupError, match=f"joined into {winner}"):
            await person_change(conn, KINDS, PersonChange("customer", loser, {"phone": "1"}, "wu", "", ""), SETS, NOW)


# --- with the engine -----------------------------------------------------------------------------------------------

ORDERS = """
mapping: orders
kind: order
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
fields:
  number: number
  customer: {ref: customer, by: key, path: customer_id}
"""


async def a_town(db: Database, folder: Path) -> tuple[Town, Engine, Shop]:
    """Two systems that write to what they know and create nothing in each other."""
    known = {"push": {"create": False}}
    town = await built(
        db,
        folder,
        connection("left"),
        connection("right"),
        sync("left-customers", **known),
        sync("right-customers", **known),
        sync("right-orders", stream="orders", mapping="orders", direction="in"),
        mappings=(CUSTOMERS, ORDERS),
    )
    engine = await town.engine()
    return town, engine, Shop(db, engine.kinds, engine.match_sets)


async def two_customers(town: Town, engine: Engine) -> tuple[int, int]:
    """Of the right and of the left system."""
    town.save("right", name="云帆", number="R1", uscc="A", phone="021")
    await town.again(engine)
    town.save("left", name="云帆科技", number="L1", uscc="B", email="a@b.cn")
    await town.again(engine)
    right, left = await town.entities(engine, "customer")
    return right.id, left.id


def said(town: Town, name: str) -> dict[str, Any]:
    (record,) = town.table(name)
    return {key: record.get(key) for key in ("name", "uscc", "phone", "email")}


async def test_both_systems_get_the_merged_result_and_later_their_own_again(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    town.save("right", "orders", number="SO-1", customer_id="1", lines=[{"sku": "MAT001"}])
    await town.again(engine)
    merged = {"name": "云帆科技", "uscc": "B", "phone": "021", "email": "a@b.cn"}
    await shop.join("customer", loser, winner)
    await town.again(engine, 2)
    assert said(town, "left") == said(town, "right") == merged
    assert (await town.entity(engine, "order")).fields["customer"] == winner
    quiet = await town.footprint()
    await town.read_all_again()
    await town.again(engine, 2)
    assert await town.footprint() == quiet
    town.save("right", "customers", "1", phone="022")  # its own field, whoever it was filled into
    await town.again(engine, 2)
    assert said(town, "left")["phone"] == "022"
    await shop.part("customer", loser)
    await town.again(engine, 2)
    assert said(town, "right") == {"name": "云帆", "uscc": "A", "phone": "022", "email": None}
    assert (await town.entity(engine, "order")).fields["customer"] == loser
    assert (await shop.one(winner)).fields["phone"] == "022", "changed since: it stays"
    states = await town.states()
    assert not any("parked" in state or "waiting" in state for state in states), states


async def test_parting_takes_out_of_the_records_what_the_join_brought_in(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    before = said(town, "left"), said(town, "right")
    await shop.join("customer", loser, winner)
    await town.again(engine, 2)
    assert said(town, "left")["phone"] == "021" and said(town, "right")["email"] == "a@b.cn"
    await shop.part("customer", loser)
    await town.again(engine, 2)
    assert (said(town, "left"), said(town, "right")) == before
    quiet = await town.footprint()
    await town.read_all_again()
    await town.again(engine, 2)
    assert await town.footprint() == quiet


async def test_what_the_losers_system_emptied_meanwhile_is_empty(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    await shop.join("customer", loser, winner)
    await town.again(engine, 2)
    town.save("right", "customers", "1", phone=None)
    await town.again(engine, 2)
    await shop.part("customer", loser)
    await town.again(engine, 2)
    assert "phone" not in (await shop.one(loser)).fields
    assert (await shop.one(loser)).setters["phone"][0] == "right"
    assert said(town, "right")["phone"] is None


async def test_no_message_follows_from_a_join(shop: Shop) -> None:
    loser, winner = await shop.make("order", payment_status="paid"), await shop.make("order")
    item = await shop.make("open_item", order=loser)
    changes = [*await shop.join("order", loser, winner), *await shop.part("order", loser)]
    told = await shop.rows("SELECT entity_id, live FROM change WHERE id = ANY(:ids)", ids=changes)
    assert {row["entity_id"] for row in told} == {loser, winner, item}
    assert not any(row["live"] for row in told)


async def test_a_record_that_finds_the_loser_becomes_the_winners(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    await shop.link(loser, "third/customers", "9")
    await town.change("DELETE FROM link WHERE connection = 'right'")
    await shop.join("customer", loser, winner)
    town.save("right", "customers", "1", remark="seen again")
    await town.again(engine)
    assert (await shop.one(winner)).fields["remark"] == "seen again"
    assert await town.count("entity") == 2


async def test_a_join_while_the_loser_is_being_written_is_refused(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    refusals: list[CannotJoin] = []

    async def meanwhile(request: httpx.Request) -> None:
        if request.method == "PATCH":
            with pytest.raises(CannotJoin) as refused:
                await shop.join("customer", loser, winner)
            refusals.append(refused.value)

    town.meanwhile = meanwhile
    async with db.begin("change") as conn:
        wish = PersonChange("customer", loser, {"phone": "1"}, "wu", "", "c")
        await person_change(conn, shop.kinds, wish, shop.sets, engine.now())
    await town.again(engine)
    assert len(refusals) == 1 and "right/customers" in refusals[0].sentence
    await shop.join("customer", loser, winner)


async def blocked(db: Database) -> None:
    """Until somebody waits for a lock that somebody else holds."""
    async with asyncio.timeout(20):
        while True:
            async with db.read() as conn:
                if (await conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one():
                    return
            await asyncio.sleep(0.02)


async def meeting(db: Database, first: Callable[[AsyncConnection], Awaitable[Any]], second: Awaitable[Any]) -> None:
    """The second begins while the first has done its work and not committed."""
    async with db.begin("first") as conn:
        await first(conn)
        waiting = asyncio.ensure_future(second)
        await blocked(db)
        assert not waiting.done()
    await waiting


async def test_an_apply_that_meets_a_join_writes_to_the_winner(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    record = town.save("right", "customers", "1", phone="023")
    await town.arrive(engine, "right-customers", record)
    await meeting(db, lambda conn: shop.joining(conn, "customer", loser, winner), apply_due(engine))
    assert (await shop.one(winner)).fields["phone"] == "023"
    assert (await shop.one(loser)).fields["phone"] == "021"


async def test_a_reference_that_meets_a_join_is_to_the_winner(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    record = town.save("right", "orders", number="SO-1", customer_id="1", lines=[{"sku": "MAT001"}])
    await town.arrive(engine, "right-orders", record)
    await meeting(db, lambda conn: shop.joining(conn, "customer", loser, winner), apply_due(engine))
    assert (await town.entity(engine, "order")).fields["customer"] == winner


async def test_a_join_that_meets_an_apply_takes_what_it_wrote(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    for number in range(20):
        record = town.save("right", "orders", number=f"SO-{number}", customer_id="1", lines=[{"sku": "MAT001"}])
        await town.arrive(engine, "right-orders", record)
    await asyncio.gather(apply_due(engine), shop.join("customer", loser, winner))
    orders = await town.entities(engine, "order")
    assert [order.fields["customer"] for order in orders] == [winner] * 20


async def test_a_route_that_meets_a_join_leaves_the_loser_nothing_to_send(db: Database, tmp_path: Path) -> None:
    town, engine, shop = await a_town(db, tmp_path)
    loser, winner = await two_customers(town, engine)
    async with db.begin("change") as conn:
        wish = PersonChange("customer", loser, {"remark": "late"}, "wu", "", "c")
        await person_change(conn, shop.kinds, wish, shop.sets, engine.now())
    await derive_due(engine)
    await meeting(db, lambda conn: shop.joining(conn, "customer", loser, winner), route_due(engine))
    await town.again(engine, 2)
    assert said(town, "right")["name"] == "云帆科技"
    states = await town.rows("SELECT state FROM delivery WHERE entity_id = :id", id=loser)
    assert {row.state for row in states} <= {"done", "superseded"}


async def test_joined_orders_owe_once(db: Database, tmp_path: Path) -> None:
    """What was derived from both is joined with them, and the sums are made anew; parted, each has its own again."""
    _, engine, _ = await a_town(db, tmp_path)
    shop = Shop(db, engine.kinds, SETS)
    company = await shop.make("company", name="甲")
    sum_of = {"amount": "100", "currency": "CNY"}
    common: dict[str, Any] = {"company": company, "total": sum_of, "status": "confirmed"}
    loser, winner = [await shop.make("order", number=number, **common) for number in ("SO-10001", "SO-10002")]

    async def derived() -> None:
        while await derive_due(engine):
            pass

    for number, amount in (("SO-10001", "30"), ("SO-10002", "60")):
        money = {"amount": amount, "currency": "CNY"}
        fields = {"amount": money, "status": "received", "remittance": number, "matched": "waiting"}
        await shop.make("payment", company=company, paid_on="2026-11-01", **fields)
    await derived()
    items = await shop.rows("SELECT id FROM k_open_item ORDER BY id")
    query = "SELECT id, paid, payment_status FROM k_order ORDER BY id"
    open_query = """SELECT i.id, i.open, i."order", i.status FROM k_open_item i ORDER BY id"""
    apart = await shop.rows(query), await shop.rows(open_query)
    await shop.join("order", loser, winner)
    await derived()
    assert [(await shop.one(row["id"])).joined_into for row in items] == [items[1]["id"], None]
    order = (await shop.one(winner)).fields
    assert (order["paid"]["amount"], order["payment_status"]) == ("90", "partial")
    assert (await shop.one(items[1]["id"])).fields["open"]["amount"] == "10"
    with pytest.raises(CannotJoin, match=f"part {loser}, and both come apart"):
        await shop.part("open_item", items[0]["id"])
    await shop.part("order", loser)
    await derived()
    assert (await shop.rows(query), await shop.rows(open_query)) == apart


async def test_a_renamed_key_leads_to_the_winners_item(shop: Shop) -> None:
    """Only the loser had an open item: the winner's rule finds that one, and makes no second."""
    loser, winner = await shop.make("order"), await shop.make("order")
    item = await shop.make("open_item", "hub", order=loser)
    async with shop.db.begin("key") as conn:
        await keep_origins(conn, [("open_item", f"order:{loser}:1", item)])
    before = await shop.everything()
    await shop.join("order", loser, winner)
    query = "SELECT value FROM match_key WHERE entity_id = :id"
    assert await shop.rows(query, id=item) == [{"value": f"origin|order:{winner}:1"}]
    await shop.part("order", loser)
    assert await shop.everything() == before
