"""What differs between a record we want and the one the vendor is known to have; laying one over the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from hub.mapping.codecs import Change, comparable, scalar_text, word
from hub.mapping.emitter import Emitter, Late, alone
from hub.mapping.faults import Fault
from hub.mapping.lines import Line, Part
from hub.mapping.paths import emit_take, put, take
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT, Record

# Two of one of these types that are equal are the same to every codec, or unreadable alike.
_PLAIN: Final = frozenset({str, int, bool})
_NUMBERS: Final = frozenset({int, Decimal})


def _differs(wanted: Any, known: Any, same: Change) -> bool:
    return bool(comparable(same, wanted) != comparable(same, None if known is ABSENT else known))


def _values(line: Line) -> list[tuple[Path, Change, bool]]:
    """Path, what its values are compared by, and whether they are numbers."""
    is_number = line.type in ("decimal", "money")
    found = [(target.names, target.codec.same, is_number and target.value is None) for target in line.targets]
    currency = line.currency.source if line.currency else None
    if currency is not None and currency.names is not None and not currency.rooted:
        found.append((currency.names, scalar_text, False))
    return found


def _key_text(raw: Any) -> str | None:
    if type(raw) is str:
        return raw
    try:
        return None if raw is ABSENT or raw is None else scalar_text(raw)
    except Fault:
        return str(raw)


class _ListDiffer:
    """Lines are told apart by their key; without one, by their position."""

    def __init__(self, part: Part) -> None:
        self.names: Path = part.source.names or ()
        self.key = part.key.source.names if part.key else None
        self.inner = RecordDiffer(part.lines)

    def differs(self, wanted: Record, known: Record) -> bool:
        ours, theirs = take(wanted, self.names), take(known, self.names)
        if ours is ABSENT:
            return False
        ours = ours or []
        theirs = theirs if isinstance(theirs, list) else []
        if len(ours) != len(theirs):
            return True
        if self.key is None:
            return any(self.inner.paths(one, other) for one, other in zip(ours, theirs, strict=True))
        by_key = {_key_text(take(line, self.key)): line for line in theirs}
        return any(self._line_differs(line, by_key, self.key) for line in ours)

    def _line_differs(self, line: Record, by_key: dict[str | None, Record], key: Path) -> bool:
        text = _key_text(take(line, key))
        return text is None or text not in by_key or bool(self.inner.paths(line, by_key[text]))


class RecordDiffer:
    def __init__(self, lines: Iterable[Line], constants: Iterable[Path] = ()) -> None:
        outward = [line for line in lines if line.outward]
        self.values = [pair for line in outward if line.part is None for pair in _values(line)]
        self.values += [(names, word, False) for names in constants]
        self.lists = [_ListDiffer(line.part) for line in outward if line.part is not None]
        self._of_values: Callable[[Record, Record], list[Path]] = Late(alone("wanted, known", self._emit))

    def _emit(self, emitter: Emitter) -> None:
        """The paths that differ; only what is not plainly the same is compared by its codec."""
        found, seen = emitter.set("[]"), dict[tuple[str, Path], str]()
        absent = emitter.bind(ABSENT)
        for names, same, is_number in self.values:
            wanted = emitter.set(emit_take(emitter, names, "wanted", seen))
            known = emitter.set(emit_take(emitter, names, "known", seen))
            alike = f"type({known}) is type({wanted}) in {emitter.bind(_PLAIN)}"
            if is_number:
                numbers = emitter.bind(_NUMBERS)
                alike = f"({alike} or type({wanted}) in {numbers} and type({known}) in {numbers})"
            unlike = f"{emitter.bind(_differs)}({wanted}, {known}, {emitter.bind(same)})"
            emitter.line(
                f"if {wanted} is not {absent} and not ({alike} and {wanted} == {known}) and {unlike}:"
                f" {found}.append({emitter.bind(names)})"
            )
        emitter.line(f"return {found}")

    def paths(self, wanted: Record, known: Record) -> list[Path]:
        pair = [record if isinstance(record, dict) else {} for record in (wanted, known)]
        return self._of_values(*pair) + [each.names for each in self.lists if each.differs(wanted, known)]

    def differences(self, wanted: Record, known: Record) -> Record:
        result: Record = {}
        for names in self.paths(wanted, known):
            put(result, names, take(wanted, names))
        return result


class Overlay:
    """Lays what was pushed over what was known. A list is the pushed one; a line of it keeps what the vendor
    has computed there, found again by the line's key."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lists: dict[Path, tuple[Path, Overlay]] = {}
        for line in lines:
            key = line.part.key.source.names if line.part and line.part.key else None
            if line.part is not None and line.part.source.names is not None and key is not None:
                self.lists[line.part.source.names] = (key, Overlay(line.part.lines))

    def lay(self, known: Any, pushed: Any, at: Path = ()) -> Any:
        if isinstance(pushed, list) and isinstance(known, list) and at in self.lists:
            return _lay_lines(known, pushed, *self.lists[at])
        if not isinstance(pushed, dict) or not isinstance(known, dict):
            return pushed
        result = dict(known)
        for name, value in pushed.items():
            result[name] = self.lay(known[name], value, (*at, name)) if name in known else value
        return result


def _lay_lines(known: list[Any], pushed: list[Any], key: Path, inner: Overlay) -> list[Any]:
    by_key = {_key_text(take(line, key)): line for line in known}
    by_key.pop(None, None)
    return [inner.lay(by_key.get(_key_text(take(line, key)), {}), line) for line in pushed]
