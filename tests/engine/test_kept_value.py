"""What a person kept in a dispute reaches the other system, however long the way there takes."""

from hub.sync.arbitrate import keep
from hub.sync.desk import Person
from tests.engine.conftest import Build
from tests.engine.town import connection, owners, sync


async def test_a_record_read_before_it_was_told_is_no_spelling_of_it(build: Build) -> None:
    """The push has to wait; meanwhile somebody changes another field of the record there."""
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-customers"),
        sync("right-customers"),
        owners("customer", phone="left"),
    )
    town.save("left", name="云帆", phone="1")
    await town.again(engine, 3)
    for _ in range(2):
        town.save("right", "customers", "1", phone="2")
        await town.again(engine, 3)
    (row,) = await town.rows("SELECT id FROM inbox WHERE state = 'parked' AND error_class = 'Disputed'")
    town.refuse("right", "Busy", "/api/customers/1", times=3)
    async with town.db.begin("keep") as conn:
        await keep(conn, row.id, "left", Person("anna", town.clock.now()))
    await town.work(engine)
    assert town.table("right")[0]["phone"] == "2", "the record is locked there"
    town.save("right", "customers", "1", remark="changed meanwhile")
    await town.again(engine, 6, minutes=5)
    (there,) = town.table("right")
    assert (there["phone"], there["remark"]) == ("1", "changed meanwhile")
    assert "parked" not in " ".join(await town.states())
