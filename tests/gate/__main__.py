"""Run all house rules over the repository; prints what they find and fails if they find anything."""

import sys
from pathlib import Path

from tests.gate.finding import Rule
from tests.gate.floats import floats
from tests.gate.kind_names import kind_names
from tests.gate.manifests import manifests

RULES: tuple[Rule, ...] = (floats, kind_names, manifests)


def main(root: Path) -> int:
    found = [finding for rule in RULES for finding in sorted(rule(root))]
    print(*found, f"{len(RULES)} house rules, {len(found)} findings", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[2]))
