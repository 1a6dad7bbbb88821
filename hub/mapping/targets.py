"""No two lines may write one path, nor one inside another's: what is written would depend on their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hub.mapping.document import Where
from hub.mapping.faults import Findings
from hub.mapping.lines import Line
from hub.mapping.paths import dotted
from hub.mapping.reads import Path


def _written(line: Line) -> Iterator[Path]:
    if line.part is not None:
        if line.outward and line.part.source.names is not None:
            yield line.part.source.names
        return
    yield from (target.names for target in line.targets)


def _currency(line: Line) -> Path | None:
    source = line.currency.source if line.currency and line.targets else None
    return source.names if source and not source.rooted else None


def check_targets(findings: Findings, lines: Iterable[Line], fixed: Mapping[Path, str], where: Where) -> None:
    """`fixed` are the paths written beside the lines: constants, our reference, a list's line key."""
    taken = dict(fixed)
    places = dict.fromkeys(fixed, where)
    for line in lines:
        for names in _written(line):
            if names in taken:
                _report(findings, line.where, line.field, names, taken[names])
            taken[names], places[names] = line.field, line.where
        if line.part is not None:
            key = line.part.key.source.names if line.part.key else None
            check_targets(findings, line.part.lines, {key: "key"} if key else {}, line.where)
    for line in lines:
        # Several amounts of a document share the path of its currency.
        if (currency := _currency(line)) is not None:
            taken.setdefault(currency, line.field)
            places.setdefault(currency, line.where)
    for names, field in taken.items():
        for above in (names[:length] for length in range(1, len(names))):
            if above in taken:
                _report(findings, places[names], field, above, taken[above])


def _report(findings: Findings, where: Where, field: str, names: Path, other: str) -> None:
    findings.add(where, f"fields.{field}", "same_target", dotted(names), other=other)
