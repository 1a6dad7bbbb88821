"""Made-up values for trying a mapping: entities as its fields allow them, and records as a vendor may hold them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from hub.mapping.canonical import money, ref_to
from hub.mapping.decimals import decimal_text
from hub.mapping.lines import Line, Part
from hub.mapping.moments import instant_text
from hub.mapping.paths import Source, put
from hub.mapping.reads import Path
from hub.mapping.shape import LINE_KEY, Entity, Record

DEFAULT_CURRENCY: Final = "CNY"
_FIRST_DAY: Final = datetime(2020, 1, 1, tzinfo=UTC)


def _decimal(random: Random) -> str:
    return decimal_text(Decimal(random.randrange(-(10**12), 10**12)).scaleb(-random.randrange(7)))


def _moment(random: Random) -> datetime:
    return _FIRST_DAY + timedelta(seconds=random.randrange(8 * 365 * 86400))


def _money(random: Random, line: Line) -> Any:
    currency = line.currency
    table = [*currency.table.outward] if currency and currency.table else []
    codes = [currency.const] if currency and currency.const else table or [DEFAULT_CURRENCY]
    # One document has one currency: always the first.
    return money(_decimal(random), codes[0])


def _text(random: Random, line: Line) -> Any:
    number = str(random.randrange(10**6))
    return number if line.as_number else f"样本-{number}"


def _word(random: Random, line: Line) -> Any:
    return random.choice(line.values) if line.values else _text(random, line)


_SAMPLES: Final[Mapping[str, Callable[[Random, Line], Any]]] = {
    "text": _text,
    "integer": lambda random, _: random.randrange(-(10**9), 10**9),
    "decimal": lambda random, _: _decimal(random),
    "money": _money,
    "date": lambda random, _: _moment(random).date().isoformat(),
    "instant": lambda random, _: instant_text(_moment(random)),
    "bool": lambda random, _: random.choice((True, False)),
    "enum": _word,
    "ref": lambda random, line: ref_to(line.ref, str(random.randrange(10**6))),
}


def sample(line: Line, random: Random) -> Any:
    """A value the line's field may have; for an enum table one that the other side has a word for."""
    outward = line.outward_words
    if outward:
        return random.choice(outward)
    return _SAMPLES[line.type](random, line)


def sample_entity(lines: Iterable[Line], random: Random) -> Entity:
    entity: Entity = {}
    for line in lines:
        if line.part is not None:
            put(entity, line.names, _sample_lines(line.part, random))
        else:
            put(entity, line.names, sample(line, random))
    return entity


def _sample_lines(part: Part, random: Random) -> list[Entity]:
    made = [sample_entity(part.lines, random) for _ in range(random.randrange(1, 4))]
    for index, line in enumerate(made if part.key else ()):
        line[LINE_KEY] = str(index + 1)
    return made


Raw = Callable[[Random, int], Any]
"""A vendor's value, of the n-th path of a line."""

RAWS: Final[tuple[Raw, ...]] = (
    lambda _, index: "abcdefgh"[index % 8],
    lambda _, index: f"x-{index} Y",
    lambda _, index: index + 2,
    lambda _, index: Decimal(index * 10 + 5) / 2,
    lambda _, index: f"2026-01-{31 - index % 9:02}",
    lambda _, index: f"2026-01-31T1{index % 9}:20:30+08:00",
    lambda _, index: index % 2 == 0,
    lambda _, index: ["a", "b", "c"][: index + 2],
    lambda random, _: str(random.randrange(10**6)),
)
_QUOTED: Final = re.compile(r"'([^'\\]*)'")


def _words(line: Line) -> list[str]:
    """What the line itself knows of the vendor's words: those of its enum, and those its expression compares with."""
    known = list(line.enum.inward) if line.enum else []
    return known + (_QUOTED.findall(line.source.text) if line.source else [])


def _mixed(line: Line) -> Raw:
    words = _words(line)

    def raw(random: Random, index: int) -> Any:
        return random.choice(words) if words and random.randrange(10) < 6 else random.choice(RAWS)(random, index)

    return raw


def in_order(source: Source) -> list[Path]:
    """The paths a source reads, as they stand in its text."""
    return sorted(source.reads, key=lambda path: source.text.find(path[-1]) if path else -1)


def _lend(record: Record, names: Path, value: Any) -> None:
    """Put a value where nothing stands in the way yet."""
    *outer, last = names
    for name in outer:
        record = record.setdefault(name, {})
        if not isinstance(record, dict):
            return
    record.setdefault(last, value)


def fill_record(record: Record, lines: Iterable[Line], random: Random, raw: Raw | None) -> Record:
    """Gives the record a value on every path that the lines read and that it lacks: by `raw`, or a mixture."""
    _fill(record, record, lines, random, raw)
    return record


def _fill(here: Record, whole: Record, lines: Iterable[Line], random: Random, raw: Raw | None) -> None:
    for line in lines:
        if line.part is not None:
            _fill_list(here, whole, line.part, random, raw)
            continue
        if line.currency is not None and line.currency.source is not None and line.currency.source.names is not None:
            table = line.currency.table
            code = table.encode(next(iter(table.outward))) if table and table.outward else DEFAULT_CURRENCY
            _lend(whole if line.currency.source.rooted else here, line.currency.source.names, code)
        if line.source is not None:
            make = raw or _mixed(line)
            for index, path in enumerate(in_order(line.source)):
                if path:
                    _lend(whole if line.source.rooted else here, path, make(random, index))


def _fill_list(here: Record, whole: Record, part: Part, random: Random, raw: Raw | None) -> None:
    if part.source.names is None:
        return
    _lend(whole if part.source.rooted else here, part.source.names, [{}, {}])
    items: Any = here
    for name in part.source.names:
        items = items.get(name) if isinstance(items, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            if part.key is not None and part.key.source.names is not None:
                number = index + 1
                _lend(item, part.key.source.names, number if part.key.as_number else str(number))
            _fill(item, whole, part.lines, random, raw)
