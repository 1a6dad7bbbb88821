"""S14: two systems that each spell a text their own way. Two writes at most, then one record waits for a person, with
both values; his word ends it, whichever he keeps."""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from connectors.rest.sandbox import RestSandbox
from hub.sync.arbitrate import keep
from hub.sync.desk import DeskError, Person
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, owners, sync
from tests.support.results import size, write_result

Spell = Callable[[str], str]

SPELLINGS: dict[str, tuple[Spell, Spell]] = {
    "case": (str.upper, str.lower),
    "blanks": (lambda text: text.replace(" ", ""), lambda text: " ".join(text.replace(" ", ""))),
    "width": (
        lambda text: unicodedata.normalize("NFKC", text),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    ),
    "phone": (
        lambda text: "".join(c for c in text if c.isdigit()),
        lambda text: "-".join(re.findall(r".{1,4}", "".join(c for c in text if c.isdigit()))),
    ),
    "brackets": (
        lambda text: text.replace("(", "（").replace(")", "）"),
        lambda text: text.replace("（", "(").replace("）", ")"),
    ),
}
PARTS = (
    connection("left"),
    connection("right"),
    sync("left-customers"),
    sync("right-customers"),
    owners("customer", name="latest", phone="latest", remark="latest"),
)


class Speller(RestSandbox):
    """Keeps a text in its own spelling, which the record's remark names, and says so only when it is asked again."""

    side: int

    def _kept(self, record: dict[str, Any]) -> dict[str, Any]:
        how = record.get("remark", "case")
        field = "phone" if how == "phone" else "name"
        return {**record, field: SPELLINGS[how][self.side](record[field])} if record.get(field) else record

    def _make(self, table: str, body: dict[str, Any], once: str = "") -> dict[str, Any]:
        made = super()._make(table, self._kept(body), once)
        return {**made, **body}

    def _write(self, table: str, record: dict[str, Any]) -> dict[str, Any]:
        made = super()._write(table, self._kept(record))
        return {**made, **{name: record[name] for name in ("name", "phone") if name in record}}


async def spelling_town(build: Build, *parts: Part) -> tuple[Town, Engine]:
    town, engine = await build(*PARTS, *parts)
    for side, name in enumerate(("left", "right")):
        town.rest[name].__class__ = Speller
        town.rest[name].side = side  # type: ignore[attr-defined]
    return town, engine


def text_of(rng: random.Random, how: str) -> dict[str, Any]:
    number = rng.randrange(10**8, 10**9)
    texts = {
        "case": {"name": f"Acme Trading {number}"},
        "blanks": {"name": f"acme 贸易 {number}"},
        "width": {"name": f"ACME（{number}）"},
        "phone": {"name": f"云帆{number}", "phone": f"138 {number}"},
        "brackets": {"name": f"云帆(上海){number}"},
    }
    return {**texts[how], "uscc": f"91310115{number}X", "remark": how}


async def parked(town: Town) -> list[Any]:
    return await town.rows(
        "SELECT id, connection, key, error, error_zh, error_fields FROM inbox WHERE state = 'parked'"
    )


def sent(town: Town) -> int:
    """What the hub wrote: everything but what users did."""
    return town.writes()


async def test_loop_makers(build: Build) -> None:
    """Each loop: at most two writes by the hub, then parked; and then it is quiet."""
    town, engine = await spelling_town(build)
    rng, wanted = random.Random(14), size(50, 500)
    for number in range(wanted):
        town.save(rng.choice(("left", "right")), **text_of(rng, list(SPELLINGS)[number % len(SPELLINGS)]))
    await town.again(engine, 8)
    writes = Counter(
        entry.data["record"]["uscc"]
        for there in town.rest.values()
        for what in ("created", "changed")
        for entry in there.ledger.of(what)
    )
    waiting = await parked(town)
    counts = {"loops": wanted, "parked": len(waiting), "most_writes": max(writes.values()) - 1}
    write_result("S14", counts)
    assert len(writes) == wanted
    assert counts["most_writes"] <= 2, "besides the user's own"
    assert counts["parked"] == wanted, "these loop makers all make loops"
    for row in waiting:
        (told,) = row.error_fields
        assert told["theirs"] in row.error
        assert told["ours"] in row.error_zh
    settled = sent(town)
    await town.again(engine, 5)
    assert sent(town) == settled, "it goes on"


@pytest.mark.parametrize("kept", ["left", "right"])
async def test_a_word_ends_it(build: Build, kept: str) -> None:
    town, engine = await spelling_town(build)
    town.save("left", name="Acme", uscc="91310115MA1K4BQX0P")
    for _ in range(6):
        await town.again(engine)
    (row,) = await parked(town)
    async with town.db.begin("keep") as conn:
        await keep(conn, row.id, kept, Person("finance", town.clock.now()))
    for _ in range(6):
        await town.again(engine)
    assert not await parked(town)
    assert (await town.entity(engine, "customer")).fields["name"] == ("ACME" if kept == "left" else "acme")
    calm = sent(town)
    town.save("left", "customers", "1", phone="1")
    for _ in range(4):
        await town.again(engine)
    assert town.table("right")[0]["phone"] == "1", "other fields go on"
    assert sent(town) - calm == 2, "the user's, and one to the other side"
    assert not await parked(town)


async def test_two_people_who_overrule_each_other_get_what_is_kept(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆", uscc="91310115MA1K4BQX0P", phone="1")
    await town.again(engine)
    town.save("right", "customers", "1", phone="2")
    await town.again(engine, 2)
    town.save("left", "customers", "1", phone="1")
    await town.again(engine, 2)
    (row,) = await parked(town)
    async with town.db.begin("keep") as conn:
        await keep(conn, row.id, "left", Person("finance", town.clock.now()))
    await town.again(engine, 2)
    assert town.table("right")[0]["phone"] == "1", "the other side takes it: it is written there"
    town.save("right", "customers", "1", phone="3")
    await town.again(engine, 2)
    assert town.table("left")[0]["phone"] == "3", "and what it says later counts again"


@pytest.mark.parametrize("kept", ["left", "right"])
async def test_one_word_settles_all_fields_in_dispute(build: Build, kept: str) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆", uscc="91310115MA1K4BQX0P", phone="1", remark="a")
    await town.again(engine)
    town.save("right", "customers", "1", phone="2", remark="b")
    await town.again(engine, 2)
    town.save("left", "customers", "1", phone="1", remark="a")
    await town.again(engine, 2)
    (row,) = await parked(town)
    assert sorted(each["path"] for each in row.error_fields) == ["phone", "remark"]
    async with town.db.begin("keep") as conn:
        await keep(conn, row.id, kept, Person("finance", town.clock.now()))
    await town.again(engine, 2)
    accepted = await town.rows("SELECT connection, accepted FROM link WHERE accepted IS NOT NULL")
    assert [(link.connection, sorted(link.accepted)) for link in accepted] == [
        ("right" if kept == "left" else "left", ["phone", "remark"])
    ]
    said = ("1", "a") if kept == "left" else ("2", "b")
    for there in ("left", "right"):
        (record,) = town.table(there)
        assert (record["phone"], record["remark"]) == said


async def test_slow_changes_are_no_dispute(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆", uscc="91310115MA1K4BQX0P", phone="1")
    await town.again(engine)
    for round_ in range(3):
        for there in ("right", "left"):
            town.clock.advance(minutes=30)
            town.save(there, "customers", "1", phone=f"{there} {round_}")
            await town.again(engine, 2)
    assert not await parked(town)
    assert town.table("right")[0]["phone"] == "left 2"


async def test_who_is_no_party_is_told_who_is(build: Build) -> None:
    town, engine = await spelling_town(build)
    town.save("left", name="Acme", uscc="91310115MA1K4BQX0P")
    for _ in range(6):
        await town.again(engine)
    (row,) = await parked(town)
    async with town.db.begin("keep") as conn:
        with pytest.raises(DeskError, match="say left, right"):
            await keep(conn, row.id, "middle", Person("finance", town.clock.now()))
