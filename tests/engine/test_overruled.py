"""What a system says in a field that another one owns is put right there, once or twice, and never for ever."""

from typing import Any

import pytest

from connectors.rest.sandbox import RestSandbox
from hub.sync.arbitrate import keep
from hub.sync.desk import DeskError, Person
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, owners, sync

NUMBER = "91310115MA1K4BQX0P"


def parts(**rules: Any) -> tuple[Part, ...]:
    return (
        connection("left"),
        connection("right"),
        sync("left-customers"),
        sync("right-customers"),
        owners("customer", **rules),
    )


async def told(build: Build, *more: Part, **rules: Any) -> tuple[Town, Engine]:
    """A customer of the left that the right knows, too; the phone is the left's to say."""
    town, engine = await build(*parts(**{"phone": "left", **rules}), *more)
    town.save("left", name="云帆", uscc=NUMBER, phone="1")
    await town.again(engine, 3)
    return town, engine


async def edit(town: Town, engine: Engine, **values: Any) -> None:
    town.save("right", "customers", "1", **values)
    await town.again(engine, 3)


async def parked(town: Town) -> list[Any]:
    return await town.rows("SELECT id, error, error_zh, error_fields FROM inbox WHERE state = 'parked'")


async def test_it_is_put_right_where_it_was_said(build: Build) -> None:
    town, engine = await told(build)
    writes = town.writes()
    await edit(town, engine, phone="2", remark="theirs to say")
    (there,) = town.table("right")
    assert (there["phone"], there["remark"]) == ("1", "theirs to say")
    assert town.table("left")[0]["phone"] == "1"
    assert town.writes() == writes + 3, "the user's, the correction, and the remark for the left"
    await town.again(engine, 3)
    assert town.writes() == writes + 3
    assert not await parked(town)


async def test_what_the_hub_works_out_is_put_right_too(build: Build) -> None:
    town, engine = await told(build, remark="hub")
    await town.change("UPDATE k_customer SET remark = 'due'")
    await edit(town, engine, remark="paid")
    assert town.table("right")[0]["remark"] == "due"
    await edit(town, engine, remark="paid")
    (row,) = await parked(town)
    assert "hub keep" in row.error and "查明" in row.error_zh
    async with town.db.begin("keep") as conn:
        with pytest.raises(DeskError, match="say hub"):
            await keep(conn, row.id, "right", Person("finance", town.clock.now()))
        await keep(conn, row.id, "hub", Person("finance", town.clock.now()))
    await town.again(engine, 3)
    assert town.table("right")[0]["remark"] == "due"
    assert not await parked(town)


async def test_what_nobody_has_said_yet_stands(build: Build) -> None:
    town, engine = await told(build, remark="hub")
    await edit(town, engine, remark="paid")
    assert town.table("right")[0]["remark"] == "paid"


@pytest.mark.parametrize(("kept", "phone"), [("left", "1"), ("right", "2")])
async def test_who_insists_is_for_a_person(build: Build, kept: str, phone: str) -> None:
    town, engine = await told(build)
    await edit(town, engine, phone="2")
    await edit(town, engine, phone="2")
    (row,) = await parked(town)
    (field,) = row.error_fields
    assert (field["path"], field["other"], field["theirs"], field["ours"]) == ("phone", "left", '"2"', '"1"')
    assert 'right keeps saying "2" for phone, which is left\'s to say ("1")' in row.error
    writes = town.writes()
    await town.again(engine, 3)
    assert town.writes() == writes, "nothing goes on meanwhile"
    async with town.db.begin("keep") as conn:
        await keep(conn, row.id, kept, Person("finance", town.clock.now()))
    await town.again(engine, 3)
    assert [town.table(side)[0]["phone"] for side in ("left", "right")] == [phone, phone]
    assert not await parked(town)


async def test_a_field_that_never_stands_still_is_for_a_person(build: Build) -> None:
    town, engine = await told(build)
    for phone in ("2", "3"):
        await edit(town, engine, phone=phone)
        assert town.table("right")[0]["phone"] == "1"
    await edit(town, engine, phone="4")
    assert len(await parked(town)) == 1


async def test_an_hour_later_it_is_another_edit(build: Build) -> None:
    town, engine = await told(build)
    for _ in range(4):
        await edit(town, engine, phone="2")
        assert town.table("right")[0]["phone"] == "1"
        town.clock.advance(hours=1)
    assert not await parked(town)


class Shouting(RestSandbox):
    """Keeps names in capitals, and says so only when it is asked again."""

    def _write(self, table: str, record: dict[str, Any]) -> dict[str, Any]:
        made = super()._write(table, {**record, "name": record["name"].upper()})
        return {**made, "name": record["name"]}


async def test_a_targets_own_spelling_is_accepted_after_one_try(build: Build) -> None:
    town, engine = await told(build, name="left")
    town.rest["right"].__class__ = Shouting
    town.save("left", "customers", "1", name="Acme")
    writes = town.writes()
    await town.again(engine, 8)
    assert town.table("right")[0]["name"] == "ACME"
    assert town.table("left")[0]["name"] == "Acme"
    assert town.writes() - writes <= 2, "the change, and one try to put it right"
    assert not await parked(town)
    town.save("left", "customers", "1", name="Acme Trading")
    await town.again(engine, 4)
    assert town.table("right")[0]["name"] == "ACME TRADING", "the next change is written again"


async def test_where_nothing_may_be_updated_it_stands(build: Build) -> None:
    quiet = sync("right-customers", push={"update": False})
    town, engine = await build(*parts(phone="left")[:3], quiet, owners("customer", phone="left"))
    town.save("left", name="云帆", uscc=NUMBER, phone="1")
    await town.again(engine, 3)
    await edit(town, engine, phone="2")
    assert town.table("right")[0]["phone"] == "2"
    assert (await town.entity(engine, "customer")).fields["phone"] == "1"


async def test_first_contact_overwrites_nobody(build: Build) -> None:
    """Two systems that both know a customer are linked; what differs there is for the reconciliation and its person."""
    town, engine = await build(*parts(phone="left"))
    town.save("right", name="云帆", uscc=NUMBER, phone="2")
    town.save("left", name="云帆", uscc=NUMBER, phone="1")
    await town.again(engine, 1)
    assert len(await town.entities(engine, "customer")) == 1
    assert not await parked(town)
