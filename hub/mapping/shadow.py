"""A draft beside the mapping it would replace, over records and entities that are known: what would change, by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hub.mapping.compiled import CompiledMapping
from hub.mapping.faults import RecordError
from hub.mapping.paths import dotted
from hub.mapping.shadow_lines import Unkept, changed_lines, unkept_reads, within
from hub.mapping.shadow_tally import Difference, Example, Tally, Trouble, Troubles, anywhere, differing, flat
from hub.mapping.shape import ABSENT, Entity, Match, Record
from hub.mapping.trace import Reader, Writer
from hub.mapping.traced import FieldTrace, TracedError

__all__ = ["Difference", "Example", "Known", "Owed", "Shadow", "Trouble", "Unkept", "shadow"]

REFERENCE: Final = "our id"


@dataclass(frozen=True, slots=True)
class Known:
    """A record that is known. `whole`: as the vendor sent it, not only what the mapping in force keeps of it."""

    name: str
    record: Record
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Owed:
    """An entity as each of the two mappings is given it, references as the target calls them; None: it would wait for
    something the target does not know. `known`: the record it is over there."""

    name: str
    old: Entity | None
    new: Entity | None
    known: Record | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """What differs. `touched` and `written` count records and entities with at least one difference, `failing` the ones
    that could be read and written and no longer could, `healed` the reverse. `pushes` counts entities to which something
    would be sent that is not sent now. `unseen` are lines that were changed and of which nothing here shows a trace."""

    records: int
    entities: int
    touched: int
    written: int
    failing: int
    healed: int
    pushes: int
    identity: tuple[Difference, ...]
    reading: tuple[Difference, ...]
    writing: tuple[Difference, ...]
    ignored: Difference | None
    heeded: Difference | None
    waiting: Difference | None
    new_errors: tuple[Trouble, ...]
    gone_errors: tuple[Trouble, ...]
    unkept: tuple[Unkept, ...]
    unseen: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Nothing that is known would come out differently."""
        values = (self.identity, self.reading, self.writing, self.ignored, self.heeded, self.waiting)
        return not any((*values, self.new_errors, self.gone_errors, self.unkept))


def shadow(old: CompiledMapping, new: CompiledMapping, records: Sequence[Known], entities: Sequence[Owed]) -> Shadow:
    """Reads every record and writes every entity with both mappings; changes nothing."""
    comparison = _Comparison(old, new)
    for known in records:
        comparison.read(known)
    if old.kind == new.kind:
        for owed in entities:
            comparison.write(owed)
    return comparison.found(records, len(entities))


@dataclass(frozen=True, slots=True)
class _View:
    """What one mapping makes of one record or entity: values and errors by field (or path)."""

    values: dict[str, Any] = field(default_factory=dict)
    heads: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, TracedError] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()  # written paths of the lines that failed
    ignored: bool = False


class _Side:
    """One of the two mappings at work; only what fails is traced line by line."""

    def __init__(self, mapping: CompiledMapping) -> None:
        self.mapping = mapping
        self._reader, self._writer = Reader(mapping), Writer(mapping)

    def read(self, record: Record) -> _View:
        try:
            if not self.mapping.concerns(record):
                return _View(ignored=True)
            reading = self.mapping.read(record)
        except RecordError:
            return self._traced(record)
        heads = {"key": reading.key, "version": reading.version, "reference": reading.reference}
        heads |= {f"names.{name}": text for name, text in reading.names.items()}
        said = {name: ABSENT if value is None else value for name, value in heads.items()}
        return _View(dict(flat(reading.entity)), {**said, "deleted": reading.deleted})

    def _traced(self, record: Record) -> _View:
        trace = self._reader(record)
        heads = {head.field: head.result for head in trace.heads if head.outcome == "set" and head.field != "where"}
        return _View(dict(flat(trace.made)), {"deleted": False, **heads}, _errors(trace.failed))

    def write(self, entity: Entity, creating: bool) -> _View:
        try:
            return _View(dict(flat(self.mapping.write(entity, creating=creating, reference=REFERENCE), money=False)))
        except RecordError:
            trace = self._writer(entity, creating, REFERENCE)
            failed = trace.failed
            return _View(
                dict(flat(trace.made, money=False)),
                errors=_errors(failed),
                paths=frozenset(anywhere(each.path) for each in failed),
            )

    def sends(self, entity: Entity, known: Record) -> bool:
        """Is there anything to tell the target?"""
        try:
            return bool(self.mapping.differences(self.mapping.write(entity, creating=False), known))
        except RecordError:
            return False


def _errors(failed: Iterable[FieldTrace]) -> dict[str, TracedError]:
    return {each.field: each.error for each in failed if each.error is not None}


class _Comparison:
    def __init__(self, old: CompiledMapping, new: CompiledMapping) -> None:
        self.old, self.new = _Side(old), _Side(new)
        self.unkept = unkept_reads(old, new)
        self.identity, self.reading, self.writing = Tally(), Tally(), Tally()
        self.ignored, self.heeded, self.waiting = Tally(), Tally(), Tally()
        self.new_errors, self.gone_errors = Troubles(), Troubles()
        self.touched: set[str] = set()
        self.written: set[str] = set()
        self.failing: set[str] = set()
        self.healed: set[str] = set()
        self.pushes = 0

    def read(self, known: Known) -> None:
        old, new = self.old.read(known.record), self.new.read(known.record)
        unsure = frozenset(() if known.whole else self.unkept)
        skipped = unsure.union(map(anywhere, old.errors), map(anywhere, new.errors))
        if old.ignored or new.ignored:
            if old.ignored is not new.ignored and "where" not in unsure:
                tally = self.ignored if new.ignored else self.heeded
                tally.add(known.name, "where", not old.ignored, not new.ignored)
                self.touched.add(known.name)
            return
        differs = self._compare(self.identity, known.name, (old.heads, new.heads), skipped)
        if old.heads["deleted"] is new.heads["deleted"]:
            differs |= self._compare(self.reading, known.name, (old.values, new.values), skipped)
        differs |= self._errors("in", known.name, old, new, unsure)
        if differs:
            self.touched.add(known.name)

    def write(self, owed: Owed) -> None:
        if owed.old is None or owed.new is None:
            if (owed.old is None) is not (owed.new is None):
                said = ("waiting", ABSENT) if owed.old is None else (ABSENT, "waiting")
                self.waiting.add(owed.name, "waiting", *said)
            return
        for creating in (False, True):
            old, new = self.old.write(owed.old, creating), self.new.write(owed.new, creating)
            failed = old.paths | new.paths
            differs = self._errors("out", owed.name, old, new, frozenset())
            for at, *values in differing(old.values, new.values):
                if not within(anywhere(at), failed):
                    self.writing.add(owed.name, at, *values, creating=creating)
                    differs = True
            if differs:
                self.written.add(owed.name)
        if owed.known is not None and self.new.sends(owed.new, owed.known) and not self.old.sends(owed.old, owed.known):
            self.pushes += 1

    def _compare(
        self,
        tally: Tally,
        name: str,
        sides: tuple[dict[str, Any], dict[str, Any]],
        skipped: frozenset[str],
    ) -> bool:
        """Notes where the two differ, but for what one side could not make and what is not known."""
        differs = False
        for at, *values in differing(*sides):
            if not within(anywhere(at), skipped):
                tally.add(name, at, *values)
                differs = True
        return differs

    def _errors(self, way: Literal["in", "out"], name: str, old: _View, new: _View, unsure: frozenset[str]) -> bool:
        come = [at for at in new.errors if _other(new, old, at) and not within(anywhere(at), unsure)]
        gone = [at for at in old.errors if _other(old, new, at) and not within(anywhere(at), unsure)]
        for at in come:
            self.new_errors.add(way, name, at, new.errors[at])
        for at in gone:
            self.gone_errors.add(way, name, at, old.errors[at])
        if come and not old.errors:
            self.failing.add(f"{way} {name}")
        if gone and not new.errors:
            self.healed.add(f"{way} {name}")
        return bool(come or gone)

    def found(self, records: Sequence[Known], entities: int) -> Shadow:
        old, new = self.old.mapping, self.new.mapping
        if records:
            for what, before, after in (
                ("kind", old.kind, new.kind),
                ("match", _spoken(old.match), _spoken(new.match)),
            ):
                for known in records if before != after else ():
                    self.identity.add(known.name, what, before, after)
        return Shadow(
            records=len(records),
            entities=entities,
            touched=len(self.touched),
            written=len(self.written),
            failing=len(self.failing),
            healed=len(self.healed),
            pushes=self.pushes,
            identity=self.identity.differences(),
            reading=self.reading.differences(),
            writing=self.writing.differences(),
            ignored=self.ignored.only(),
            heeded=self.heeded.only(),
            waiting=self.waiting.only(),
            new_errors=self.new_errors.found(),
            gone_errors=self.gone_errors.found(),
            unkept=tuple(self._unkept(sum(not known.whole for known in records))),
            unseen=tuple(self._unseen()),
        )

    def _unkept(self, records: int) -> Iterator[Unkept]:
        by_path: dict[str, list[str]] = {}
        for label, paths in self.unkept.items():
            for path in paths:
                by_path.setdefault(dotted(path), []).append(label)
        for text, labels in sorted(by_path.items()):
            yield Unkept(text, tuple(sorted(labels)), records)

    def _unseen(self) -> Iterator[str]:
        """A list's own line differs also where one inside it does: that is told by the inner one."""
        read = {*self.identity, *self.reading, *self.new_errors, *self.gone_errors, *self.unkept}
        read |= {"where"} if [*self.ignored, *self.heeded] else set()
        for label, paths in changed_lines(self.old.mapping, self.new.mapping).items():
            seen = any(within(each, {label, f"{label}[]"}) for each in read)
            if not seen and not any(within(each, paths) for each in self.writing):
                yield label


def _other(one: _View, other: _View, at: str) -> bool:
    """An error here that is not the same there."""
    known = other.errors.get(at)
    return known is None or (known.rule, known.value) != (one.errors[at].rule, one.errors[at].value)


def _spoken(rules: Sequence[Match]) -> str:
    return "; ".join(("weak: " if rule.weak else "") + ", ".join(rule.fields) for rule in rules)
