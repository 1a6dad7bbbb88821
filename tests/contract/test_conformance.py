"""Every registered connector does what conformance asks; what it does not yet do stands in known_gaps.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.sdk.conformance import CHECKS, names, subjects_of
from hub.security.redact import redact

LISTED = tomllib.loads((Path(__file__).parent / "known_gaps.toml").read_text(encoding="utf-8"))
GAPS = {(gap["connector"], gap["check"]): gap["reason"] for gap in LISTED["gaps"]}
MOST = 0  # lower it with every gap that is closed; it never rises


@dataclass(frozen=True)
class Case:
    """One check of one connector, under all variants of its config."""

    connector: str
    check: str

    def __str__(self) -> str:
        return f"{self.connector}-{self.check}"


CASES = [Case(connector, check) for connector in names() for check in CHECKS]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_conforms(case: Case) -> None:
    found = []
    for variant, subject in subjects_of(case.connector, redact).items():
        found += [f"{variant}: {said}" if variant else said for said in await CHECKS[case.check](subject)]
    if (case.connector, case.check) in GAPS:
        assert found, f"the gap is closed: take {case} off known_gaps.toml and lower MOST"
    else:
        assert not found, "\n".join(found)


def test_the_list_of_gaps_only_shrinks() -> None:
    assert len(GAPS) <= MOST
    assert GAPS.keys() <= {(case.connector, case.check) for case in CASES}
    assert all(GAPS.values()), "each gap has a reason"


def test_our_own_connectors_are_all_found() -> None:
    folders = {path.parent.name for path in Path(__file__).parents[2].glob("connectors/*/connector.toml")}
    assert set(names()) >= folders
