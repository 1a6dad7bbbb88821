"""What the functions that read and write are written with: the variables of one level (a record, one of its lines), and
how they tell which line of the mapping was at work when a value broke a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from hub.mapping.codecs import Change, Usual
from hub.mapping.emitter import Emitter
from hub.mapping.expression import Expression
from hub.mapping.faults import Fault, Place, RecordError, record_error
from hub.mapping.json_values import EMPTY
from hub.mapping.paths import Source, emit_path
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT

MAX_ELEMENTS: Final = 100_000
"""Of all the lists of one record together."""


@dataclass(frozen=True, slots=True)
class Spot:
    """What is at work: its field, its path, where the mapping says it, and the lists (field, path) around it."""

    field: str
    path: str
    place: Place
    lists: tuple[tuple[str, str], ...]

    def error(self, value: Any, fault: Fault, indexes: Sequence[int]) -> RecordError:
        error = record_error(self.field, self.path, value, fault, self.place)
        for (name, path), index in reversed(list(zip(self.lists, indexes, strict=False))):
            error = error.within(name, path, index)
        return error


@dataclass(slots=True)
class Level:
    """Variables of one level: `here` is read, `whole` is the record it belongs to, `made` is being made."""

    emitter: Emitter
    here: str
    whole: str
    made: str
    root: Level | None = None
    lists: tuple[tuple[str, str], ...] = ()
    known: dict[tuple[str, Path], str] = field(default_factory=dict)
    """Paths whose value a variable holds for certain."""
    kept: dict[Any, str] = field(default_factory=dict)
    """Variables that are None until first needed."""
    starts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.emitter.start(self.starts)

    @property
    def top(self) -> Level:
        return self.root or self

    def at(self, name: str, path: str, place: Place) -> None:
        """From here on this is at work."""
        self.emitter.line(f"at = {self.emitter.bind(Spot(name, path, place, self.lists))}")

    def keep(self, key: Any) -> str:
        """A variable of this level that is None until somebody fills it."""
        if key not in self.kept:
            self.kept[key] = self.emitter.fresh()
            self.starts.append(f"{self.kept[key]} = None")
        return self.kept[key]

    @contextmanager
    def branch(self, condition: str) -> Iterator[None]:
        """Statements that may not run: what they find out is not known after them."""
        known = dict(self.known)
        with self.emitter.block(condition):
            yield
        self.known = known

    @contextmanager
    def where(self, condition: Expression) -> Iterator[None]:
        """Statements for where the expression over this level holds."""
        emitter = self.emitter
        holds = emitter.set(condition.emit_value(emitter, self.here))
        absent, empty = emitter.bind(ABSENT), emitter.bind(EMPTY)
        with self.branch(f"if {holds} is not {absent} and ({holds} or type({holds}) not in {empty}):"):
            yield

    def fail(self, rule: str) -> str:
        """The statement that raises a Fault of that rule."""
        return f"raise {self.emitter.bind(Fault)}({self.emitter.bind(rule)})"

    def source(self, source: Source) -> str:
        """A Python expression: what stands at the source, ABSENT when the record does not speak of it."""
        if source.names is not None:
            return emit_path(self.emitter, source.names, self.whole if source.rooted else self.here, self.known)
        if source.expression is not None:
            return source.expression.emit_value(self.emitter, self.here)
        return f"{self.emitter.bind(source.get)}({self.here}, {self.whole})"

    def change(self, value: str, change: Change, usual: Usual) -> str:
        """A Python expression: what the codec makes of a variable."""
        emitter = self.emitter
        called = f"{emitter.bind(change)}({value})"
        if usual.words is not None:
            absent = emitter.bind(ABSENT)
            found = emitter.set(
                f"{emitter.bind(usual.words)}.get({value}, {absent}) if type({value}) is str else {absent}"
            )
            emitter.line(f"if {found} is {absent}: {found} = {called}")
            return found
        return f"{value} if {usual.unchanged.format(value)} else {called}" if usual.unchanged else called

    def store(self, names: Path, value: str) -> None:
        """Into what is being made, as `paths.put` does."""
        emitter, holder = self.emitter, self.made
        for length in range(1, len(names)):
            inner = self.keep(names[:length])
            name = emitter.bind(names[length - 1])
            emitter.line(f"if {inner} is None: {inner} = {holder}.setdefault({name}, {{}})")
            holder = inner
        emitter.line(f"{holder}[{emitter.bind(names[-1])}] = {value}")

    def is_empty(self, value: str) -> str:
        """The condition for a value that is absent, null or an empty text."""
        return f"{value} is None or {value} is {self.emitter.bind(ABSENT)} or type({value}) is str and not {value}"

    @contextmanager
    def elements(self, items: str, name: str, path: str, place: Place) -> Iterator[Level]:
        """The level of one element, to be written once for all of `items`."""
        emitter, index, item = self.emitter, f"i{len(self.lists)}", self.emitter.fresh()
        emitter.line(f"room -= len({items})")
        emitter.line(f"if room < 0: {self.fail('too_many')}")
        with emitter.block(f"for {index}, {item} in enumerate({items}):"):
            lists = (*self.lists, (name, path))
            inner = Level(emitter, item, self.whole, emitter.fresh(), self.top, lists, dict(self.known))
            with emitter.block(f"if type({item}) is not dict:"):
                inner.at("", "", place)
                emitter.line(f"raw = {item}")
                emitter.line(inner.fail("shape"))
            yield inner


def emit_function(emitter: Emitter, parameters: str, deep: int, write: Callable[[], None]) -> str:
    """A function whose Faults become RecordErrors, with `deep` lists in each other; gives its name. In it, `at` is the
    Spot at work, `raw` the value it looks at, `i0` and so on stand in which element, `room` is how many there may be."""
    with emitter.function(parameters) as name:
        indexes = [f"i{number}" for number in range(deep)]
        emitter.line(" = ".join(["raw", "at", *indexes]) + " = 0")
        with emitter.block("try:"):
            emitter.line(f"room = {MAX_ELEMENTS}")
            write()
        fault = f"{emitter.bind(Fault)} as fault"
        emitter.line(
            f"except {fault}: raise at.error(raw, fault, ({''.join(f'{index}, ' for index in indexes)})) from fault"
        )
    return name
