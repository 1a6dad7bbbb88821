"""The law of lines that read what is written from them: a record comes to rest.

A line whose `in` is a plain path it also writes must give back exactly what it was given (`round_trip`). Any other line
whose value reaches, by way of what the mapping writes, a path that its own `in` reads (`in: trim(note), out: note`; or
by a detour over other lines) cannot be held to that: trimming, look-ups and several vendor words for one of ours change
a value once, rightly. What it must not do is change it every time. So: let r be any record the vendor may hold, e what
is read of it, r' = r with write(e) laid over it, e' what is read of r', and so on. Then

    within ROUNDS writes, and one more for each further line of the circle, two successive readings are equal,

and since reading, writing and laying over are functions, nothing changes ever after: the same write again is no
difference. `join(' ', [FNote, FRemark])` written to FNote breaks it: 'a b', 'a b b', 'a b b b'. And what is written must
still be readable: a record that was read before our write is read after it.

Records of two sorts are tried, a few of each, always the same ones: vendor's values of each sort on the paths read
(those that cannot be read prove nothing and are passed over), and what we write of a made-up entity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any, Final

from hub.mapping.circles import Spot, circling_of, meet, spots_of
from hub.mapping.compare import Overlay
from hub.mapping.compiled import CompiledMapping
from hub.mapping.faults import Findings, Problem, RecordError, shown
from hub.mapping.lines import Line
from hub.mapping.paths import dotted
from hub.mapping.reader import compile_steps
from hub.mapping.reads import Path
from hub.mapping.samples import RAWS, fill_record, sample_entity
from hub.mapping.shape import Entity, Record, Ref
from hub.mapping.writer import compile_writes

ROUNDS: Final = 3
MIXED: Final = 8
ENTITIES: Final = 6
LONGEST: Final = 240
_LOOSE: Final = frozenset({"text", "ref"})


def _only(lines: tuple[Line, ...], names: set[str], prefix: str = "") -> tuple[Line, ...]:
    kept: list[Line] = []
    known = {line.names[0] for line in lines}
    for line in lines:
        name = prefix + line.field
        if line.part is None:
            kept += [_unguarded(line, known)] if name in names else []
        elif inner := _only(line.part.lines, names, f"{name}[]."):
            kept.append(replace(line, part=replace(line.part, lines=inner)))
    return tuple(kept)


def _unguarded(line: Line, known: set[str]) -> Line:
    """A condition on what other systems say may hold at any time; one on the mapping's own fields is tried as it is."""
    when = line.when_entity
    foreign = when is not None and any(not path or path[0] not in known for path in when.reads)
    return replace(line, when_entity=None) if foreign else line


def _over(below: Any, above: Any) -> Any:
    """What has been read laid over what else the entity holds."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}
    if isinstance(below, list) and isinstance(above, list):
        return [_over(below[index] if index < len(below) else None, item) for index, item in enumerate(above)]
    return above


def _values(found: Any, names: Path) -> Iterator[Any]:
    if isinstance(found, list):
        for item in found:
            yield from _values(item, names)
    elif names:
        yield from _values(found.get(names[0]) if isinstance(found, dict) else None, names[1:])
    else:
        yield found


def _said(value: Any) -> str:
    if isinstance(value, str | Ref):
        return f"'{value}'"
    return f"{value['amount']} {value['currency']}" if isinstance(value, dict) and "currency" in value else shown(value)


def _text(record: Record) -> str:
    text = json.dumps(record, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class _Wheel:
    """The circling lines, those that write where they read, and the problems found so far."""

    def __init__(self, mapping: CompiledMapping, circling: list[Spot], spots: list[Spot]) -> None:
        reads = [read for spot in circling for read in spot.reads]
        writers = [spot for spot in spots if any(meet(path, read) for path, _ in spot.writes for read in reads)]
        self.spots, self.all = {spot.name: spot for spot in circling}, spots
        self.lines = _only(mapping.lines, {*self.spots, *(spot.name for spot in writers)})
        self.steps, self.writes, self.lay = (
            compile_steps(self.lines),
            compile_writes(self.lines),
            Overlay(self.lines).lay,
        )
        self.rounds = ROUNDS + len(circling) - 1
        self.findings = Findings()

    def read(self, record: Record) -> Entity:
        entity: Entity = {}
        for step in self.steps:
            step(record, record, entity)
        return entity

    def write(self, entity: Entity, creating: bool = False) -> Record:
        record: Record = {}
        for write in self.writes:
            write(entity, record, record, creating)
        return record

    def try_record(self, record: Record, base: Entity) -> None:
        """Write back what is read, some times over; `base` says what else the entity holds."""
        try:
            states = [self.read(record)]
        except RecordError:
            return
        after = record
        while len(states) < self.rounds + 1:
            try:
                pushed = self.write(_over(base, states[-1]))
            except RecordError:
                return
            after = self.lay(after, pushed)
            try:
                states.append(self.read(after))
            except RecordError as error:
                self.unreadable(error, pushed)
                return
            if states[-1] == states[-2]:
                return
        self.unsettled(record, states)

    def try_entity(self, entity: Entity, random: Random, alone: bool) -> None:
        """The same, beginning with what we write of an entity; `alone`: nothing else stands in the record."""
        try:
            record = self.write(entity, creating=True)
        except RecordError:
            return
        if not alone:
            self.try_record(fill_record(record, self.lines, random, RAWS[0]), entity)
            return
        try:
            self.read(record)
        except RecordError as error:
            self.unreadable(error, record, ours=True)
        else:
            self.try_record(record, entity)

    def unreadable(self, error: RecordError, pushed: Record, ours: bool = False) -> None:
        name = _without_indexes(error.field)
        spot = self.spots.get(name)
        # A made-up text may not be what the expression takes (a code, a phone number); a made-up day is a day.
        if spot is None or (ours and (spot.line.type in _LOOSE or not _reads_only_ours(spot))):
            return
        del self.spots[name]
        said = {"zh": error.sentence_zh, "en": error.sentence_en}
        self.findings.add(spot.line.where, _place(spot), "unreadable", shown(pushed), **said)

    def unsettled(self, record: Record, states: list[Entity]) -> None:
        for spot in list(self.spots.values()):
            rows = zip(*(_values(state, spot.field) for state in states), strict=False)
            moving = next((row for row in rows if row[-1] != row[-2]), None)
            if moving is not None:
                del self.spots[spot.name]
                self.report(spot, record, moving)

    def report(self, spot: Spot, record: Record, values: tuple[Any, ...]) -> None:
        seen = [_said(value) for index, value in enumerate(values) if index == 0 or value != values[index - 1]]
        first, second, third = [*seen, seen[-1], seen[-1]][:3]
        told = {"first": first, "second": second, "third": third, "record": _text(record), "written": self.paths(spot)}
        steps = " → ".join(seen[:3])
        self.findings.add(
            spot.line.where,
            _place(spot),
            "grows" if spot.line.type == "text" and _grows(values) else "unsettled",
            steps,
            **told,
        )

    def paths(self, spot: Spot) -> str:
        """Where the values go that come back to this line."""
        reach = [path for line in self.all for path, _ in line.writes if any(meet(path, read) for read in spot.reads)]
        return ", ".join(dotted(path) for path in dict.fromkeys(reach))


def _grows(values: tuple[Any, ...]) -> bool:
    lengths = [len(value) for value in values if isinstance(value, str)]
    rising = all(one <= other for one, other in pairwise(lengths))
    return len(lengths) == len(values) and rising and lengths[0] < lengths[-1]


def _without_indexes(field: str) -> str:
    first, *others = field.split("[")
    return first + "".join("[]" + other.partition("]")[2] for other in others)


def _reads_only_ours(spot: Spot) -> bool:
    return all(any(path == read for path, _ in spot.writes) for read in spot.reads)


def _place(spot: Spot) -> str:
    return "fields." + spot.name.replace("[].", ".fields.")


def settling(mapping: CompiledMapping) -> list[Problem]:
    """The lines that never come to rest, each once, with the record and the values it goes through."""
    spots = list(spots_of(mapping.lines))
    circling = circling_of(spots)
    if not circling:
        return []
    wheel, random = _Wheel(mapping, circling, spots), Random(0)
    for raw in (*RAWS, *[None] * MIXED):
        record = fill_record({}, wheel.lines, random, raw)
        wheel.try_record(record, sample_entity(mapping.lines, random))
    for index in range(ENTITIES):
        wheel.try_entity(sample_entity(mapping.lines, random), random, alone=index % 2 == 0)
    return wheel.findings.problems
