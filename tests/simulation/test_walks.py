"""S1, S2: people in two or three systems, a hub between them, and everything that goes wrong; then it is quiet, and every
place says what the owners' rules want, nobody's edit is lost, and to read all of it again writes nothing.

The documents of a town share its faults, pauses and publications, and are walks of their own otherwise. A town that fails
is played again with fewer acts, and the smallest history found is what the test tells."""

from collections import Counter
from pathlib import Path

import pytest

from hub.db.session import Database
from tests.simulation.judging import most_writes
from tests.simulation.shrinking import smallest, walked
from tests.simulation.walks import planned
from tests.support.results import size, write_result

TOWNS, DOCS, STEPS = size(4, 200), size(20, 100), size(25, 100)
SHRINK_SECONDS = size(60, 600)
TOLD: dict[int, Counter[str]] = {}


@pytest.mark.parametrize("seed", range(TOWNS))
async def test_all_places_agree_in_the_end(db: Database, tmp_path: Path, seed: int) -> None:
    plan = planned(seed, DOCS, STEPS)
    walk = await walked(db, tmp_path, plan)
    if walk.wrong:
        concerned = sorted({int(told.partition(":")[0]) for told in walk.wrong if told[0].isdigit()})
        alone = plan.only(concerned[:1]) if concerned else plan
        less, wrong = await smallest(db, tmp_path, alone, SHRINK_SECONDS)
        pytest.fail(
            "\n".join([*walk.wrong, f"smallest, {less.sites}, {less.on_delete}:", *wrong, *map(str, less.acts)])
        )
    TOLD[seed] = walk.told
    assert walk.told["writes by the second reading"] == walk.told["rows written by the second reading"] == 0
    assert most_writes(walk) <= 0, "a system is written to once for each change at most"


def test_s1_and_s2_are_written_down() -> None:
    if len(TOLD) == TOWNS:
        told = sum(TOLD.values(), Counter[str]())
        reading = {name: told.pop(name, 0) for name in list(told) if "second reading" in name}
        write_result("S1", {"walks": TOWNS * DOCS, "steps": STEPS, "lost": 0, "not_equal": 0, **told})
        write_result("S2", {"walks": TOWNS * DOCS, "second_reading_writes": sum(reading.values())})
