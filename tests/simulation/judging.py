"""The end of a walk: it is made quiet, compared with the model, and read once more."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, text

from hub.canon.entity import Entity
from hub.canon.ownership import HUB
from hub.sync.arbitrate import keep
from hub.sync.desk import Person, retry
from hub.sync.holding import confirm
from tests.simulation.walking import TABLE, Walk
from tests.simulation.walks import OWNED, RANKED, Document

QUIET = 6
HOPELESS = ["NotFound", "PerhapsCreated"]
MOVING = ("inbox", "change", "entity", "entity_custom", "delivery", "attempt", "link", "line_link", "link_name")


async def quiet(walk: Walk) -> None:
    """Nothing fails any more, everything is live, and people see to what waits for them."""
    for there in walk.town.rest.values():
        there.faults.clear()
    for site in walk.plan.sites:
        await walk.put(site, "live")
    walk.ticks += 10
    walk.come_at_last()
    if walk.plan.silent:
        await walk.town.again(walk.engine, 3, minutes=5)
        await walk.town.read_all_again()
    for _ in range(QUIET):
        await walk.town.again(walk.engine, 3, minutes=5)
        await _decide(walk)
    await walk.town.again(walk.engine, 6, minutes=1)
    walk.see()


async def _decide(walk: Walk) -> None:
    """What parked is tried again, of a dispute the owner's value is kept or else the newer one, and a mass of deletes
    is real."""
    parked = f"SELECT id FROM delivery WHERE state = 'parked' AND NOT error_class = ANY(ARRAY{HOPELESS})"
    disputed = "SELECT id, connection, error_fields FROM inbox WHERE state = 'parked' AND error_class = 'Disputed'"
    held = "SELECT id FROM run WHERE state = 'held'"
    deliveries = [row.id for row in await walk.town.rows(parked)]
    disputes, runs = await walk.town.rows(disputed), await walk.town.rows(held)
    now = walk.town.clock.now()
    async with walk.town.db.begin("decide") as conn:
        await retry(conn, "delivery", deliveries, "anna", now)
        for row in disputes:
            await keep(conn, row.id, _in_the_right(row), Person("anna", now))
        for row in runs:
            await confirm(conn, row.id, "anna", now)
    walk.told["disputes"] += len(disputes)
    walk.told["runs confirmed"] += len(runs)


async def compare(walk: Walk) -> None:
    """What stands in every place, and what the hub itself knows, with the model; and nothing is left to be done."""
    rows: defaultdict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for site in walk.plan.sites:
        for record in walk.town.rest[site].tables[TABLE].values():
            doc = int(record["code"][1:])
            if site in rows[doc]:
                walk.wrong.append(f"{doc}: {site} has it twice")
            rows[doc][site] = record
    ours = {entity.id: entity for entity in await walk.town.entities(walk.engine, "thing")}
    codes = {each.id: int(each.fields["code"][1:]) for each in ours.values()}
    known = {codes[each.id]: each for each in ours.values()}
    for doc, document in walk.documents.items():
        walk.wrong += [f"{doc}: {told}" for told in _told(walk, doc, document, rows[doc], known.get(doc))]
    walk.wrong += await _still_open(walk, codes)
    paused = await walk.town.rows("SELECT connection FROM pause")
    walk.wrong += [f"{row.connection} is paused" for row in paused]


async def _still_open(walk: Walk, codes: Mapping[int, int]) -> list[str]:
    """A record that was deleted there is not written any more, and a person is told so. Nothing else is open."""
    rows = await walk.town.rows(
        "SELECT connection, entity_id, error_class, error FROM delivery"
        " WHERE state NOT IN ('done', 'superseded', 'dismissed') UNION ALL"
        " SELECT connection, NULL, error_class, error FROM inbox WHERE state NOT IN ('done', 'superseded', 'dismissed')"
    )
    return [
        f"{codes.get(row.entity_id, '?')}: still open at {row.connection}: {str(row.error)[:200]}"
        for row in rows
        if row.error_class != "NotFound" or row.connection not in walk.documents[codes[row.entity_id]].deleted
    ]


def _told(walk: Walk, doc: int, document: Document, found: dict[str, dict[str, Any]], ours: Entity | None) -> list[str]:
    if walk.plan.on_delete == "delete" and document.creator in document.deleted:
        return [f"deleted by its creator and still in {sorted(found)}"] if found else []
    had = {site for site, number in walk.keys if number == doc}
    due = (had if document.creator in document.deleted else {*walk.plan.sites}) - document.deleted
    if due != found.keys():
        return [f"it is in {sorted(found)}, and must be in {sorted(due)}"]
    if found and ours is None:
        return ["the hub does not know it"]
    if not found or ours is None:
        return []
    places = {**found, HUB: {**ours.fields, "lines": ours.fields["items"]}}
    return document.wrong(places, ours.setters.keys(), later=walk.published)


async def read_again(walk: Walk) -> None:
    """S2: to read everything once more writes nothing, neither here nor there."""
    before, written = await counters(walk), walk.town.writes()
    await walk.town.read_all_again()
    await walk.town.again(walk.engine, 3)
    after = await counters(walk)
    assert before > 0, "the server counts"
    walk.told["rows written by the second reading"] += after - before
    walk.told["writes by the second reading"] += walk.town.writes() - written


async def counters(walk: Walk) -> int:
    """Rows inserted, changed and deleted in the tables that carry records, by the server's own count."""
    await walk.town.db.engine.dispose()  # a connection that ends tells what it has counted
    names = ", ".join(f"'{name}'" for name in MOVING)
    query = f"SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS n FROM pg_stat_user_tables WHERE relname IN ({names})"
    async with walk.town.db.read() as conn:
        await conn.execute(text("SELECT pg_stat_clear_snapshot()"))
        return int((await conn.execute(text(query))).scalar_one())


def most_writes(walk: Walk) -> int:
    """How far any system was written to more often than there were reasons to, for one document. Besides everybody's
    edits this is that it is created there."""
    most = 0
    for site in walk.plan.sites:
        there = walk.town.rest[site].ledger
        written = Counter(e.data["record"]["code"] for what in ("created", "changed") for e in there.of(what))
        for doc, document in walk.documents.items():
            code = f"c{doc}"
            most = max(most, written[code] - walk.by_users[site, code] - document.edits - 1)
    return most


def _in_the_right(row: Row[Any]) -> str:
    """Whose word a person keeps in a dispute: the owner's, the higher one's; where nobody is the owner, the newer."""
    dispute = row.error_fields[0]
    name, parties = dispute["path"], (row.connection, dispute["other"])
    if name == "made":  # its creator never insists
        return str(dispute["other"])
    ranked = (OWNED.get(name), *(RANKED if name == "rank" else ()))
    return str(next((site for site in ranked if site in parties), row.connection))
