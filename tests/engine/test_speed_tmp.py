import time
from tests.engine.test_join import *
async def test_speed(shop):
    loser, winner = await shop.make("customer", name="甲"), await shop.make("customer", name="乙")
    async with shop.db.begin("x") as conn:
        ids = await new_ids(conn, 5000)
        await write(conn, KINDS, [Edit(i, "order", {"customer": loser, "number": str(i), "lines": [{"quantity": "1"}]}, {}, Origin("l","t",live=True)) for i in ids], SETS, NOW)
    t = time.perf_counter(); await shop.join("customer", loser, winner); print("join", time.perf_counter()-t)
    t = time.perf_counter(); await shop.part("customer", loser); print("part", time.perf_counter()-t)
