"""M4: wrong edits of the mappings we ship, seeded. The comparison with the version in force shows them; a mapping that
was not changed shows nothing. `make test-full` tries more of them."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from hub.config.ground import Ground, shipped_ground
from hub.config.shipped import Text, shipped_mappings
from hub.mapping import CompiledMapping, MappingError
from hub.mapping.shadow import shadow
from tests.simulation.edits import EDITS, same_meaning
from tests.simulation.mapping_tree import text_of, tree_of
from tests.simulation.material import material

FULL = os.environ.get("HUB_TEST_FULL") == "1"
EACH = 20 if FULL else 4
RECORDS = 24 if FULL else 12
RESULTS = Path("build/results") / ("m4.json" if FULL else "m4-quick.json")
NAMES = sorted(shipped_mappings())
AIM = 0.99
TRIES = 4


@pytest.fixture(scope="module")
def ground() -> Ground:
    return shipped_ground()


@pytest.mark.parametrize("name", NAMES)
def test_an_unchanged_mapping_shows_nothing(ground: Ground, name: str) -> None:
    text = shipped_mappings()[name]
    old = ground.compiled(text)
    known, owed = material(old, Random(name), RECORDS)
    same = ground.compiled(Text(text.file, f"# written anew\n{text_of(tree_of(text.text))}"))
    assert same.digest == old.digest
    found = shadow(old, same, known, owed)
    assert found.nothing, found
    assert (found.records, found.unseen) == (len(known), ())


def test_wrong_edits_are_shown(ground: Ground) -> None:
    tried: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    missed: list[str] = []
    for name in NAMES:
        text = shipped_mappings()[name]
        random = Random(f"m4 {name}")
        old = ground.compiled(Text(text.file, text_of(tree_of(text.text))))
        known, owed = material(old, random, RECORDS)
        for kind, draft in islice(_edits(ground, text, random, refused), EACH):
            if draft.digest == old.digest or same_meaning(old, draft):
                continue
            tried[kind] += 1
            if shadow(old, draft, known, owed).nothing:
                missed.append(f"{name}: {kind}")
    shown = tried.total() - len(missed)
    _keep(tried, refused, missed)
    print(f"M4: {shown} of {tried.total()} wrong edits of {len(NAMES)} mappings shown; missed: {missed}")
    assert tried.total() > 0.9 * EACH * len(NAMES)
    assert shown >= AIM * tried.total(), missed


def _edits(ground: Ground, text: Text, random: Random, refused: Counter[str]) -> Iterator[tuple[str, CompiledMapping]]:
    """Wrong edits of one mapping without end, every kind in turn as far as the file has it and the check lets it pass."""
    while True:
        for kind in random.sample(list(EDITS), len(EDITS)):
            found = next((draft for _ in range(TRIES) if (draft := _edited(ground, text, kind, random))), None)
            if found is None:
                refused[kind] += 1
            else:
                yield kind, found


def _edited(ground: Ground, text: Text, kind: str, random: Random) -> CompiledMapping | None:
    """The mapping with one wrong edit; None where it has nothing of the kind, or the check refuses the edit."""
    tree = tree_of(text.text)
    if not EDITS[kind](tree, random):
        return None
    try:
        return ground.compiled(Text(text.file, text_of(tree)))
    except MappingError:
        return None


def _keep(tried: Counter[str], refused: Counter[str], missed: list[str]) -> None:
    told = {
        "size": "full" if FULL else "quick",
        "mappings": len(NAMES),
        "edits": tried.total(),
        "shown": tried.total() - len(missed),
        "by_kind": dict(sorted(tried.items())),
        "refused_or_not_there": dict(sorted(refused.items())),
        "missed": missed,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
