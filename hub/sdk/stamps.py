"""The stamps by which vendors say when a row changed: numbers, dates, local times, times with an offset.

A stamp stays the vendor's text; this reads what it means and writes an earlier one in the same form."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)
SECONDS_DIGITS, MILLISECONDS_DIGITS = 10, 13
_DATE: Final = 10  # characters of 2026-11-22


@dataclass(frozen=True, slots=True)
class Stamp:
    """`order` compares stamps of one stream as the vendor sorts them. `until`: from then on the clock there gives this
    stamp to no row any more; None where it is no time (a running number). `repeats`: a local time that comes twice."""

    text: str
    order: tuple[Any, ...]
    until: datetime | None
    repeats: bool = False


def read_stamp(text: str, zone: tzinfo, granularity: timedelta | None = None) -> Stamp:
    """What a stamp says. Anything that is no time is a running text."""
    if text.isdigit():
        return _numeric(text, granularity)
    moment = _parsed(text)
    if moment is None:
        return Stamp(text, (2, text), None)
    unit = granularity or (DAY if len(text) == _DATE else _unit(text))
    if moment.tzinfo is not None:
        return Stamp(text, (1, moment.astimezone(UTC)), _end(moment, unit, moment.tzinfo))
    order = (1, moment.replace(tzinfo=UTC))
    return Stamp(text, order, _end(moment, unit, zone), unit < DAY and repeats(moment, zone))


def earlier(text: str, by: timedelta, zone: tzinfo) -> str:
    """The stamp that long before, in the vendor's own form; what is no time is given back as it is."""
    if text.isdigit():
        unit = _number_unit(text)
        return text if unit is None else str(int(text) - by // unit)
    moment = _parsed(text)
    if moment is None or not by:
        return text
    if moment.tzinfo is not None:
        return _written(moment - by, text)
    # Through UTC: an hour before half past three in spring is half past one, and no clock shows half past two.
    there = (moment.replace(tzinfo=zone).astimezone(UTC) - by).astimezone(zone).replace(tzinfo=None, fold=0)
    if len(text) == _DATE:
        return there.date().isoformat()
    # A time that comes twice may be taken for the second one there, which would leave out the hour between.
    return _written(there - _repeated(there, zone), text)


def repeats(moment: datetime, zone: tzinfo) -> bool:
    """Does this local time come twice, because clocks were put back?"""
    return _repeated(moment, zone) > timedelta(0)


def _repeated(moment: datetime, zone: tzinfo) -> timedelta:
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return max((first or timedelta()) - (second or timedelta()), timedelta())


def _numeric(text: str, granularity: timedelta | None) -> Stamp:
    unit = _number_unit(text)
    order = (0, Decimal(text))
    if unit is None:
        return Stamp(text, order, None)
    start = datetime(1970, 1, 1, tzinfo=UTC) + int(text) * unit
    return Stamp(text, order, _end(start, granularity or unit, UTC))


def _number_unit(text: str) -> timedelta | None:
    """Seconds or milliseconds since 1970 by their length; a shorter number counts something else, as a longer does."""
    if SECONDS_DIGITS <= len(text) < MILLISECONDS_DIGITS:
        return SECOND
    return MILLISECOND if len(text) == MILLISECONDS_DIGITS else None


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _end(moment: datetime, unit: timedelta, zone: tzinfo) -> datetime:
    """When the span that a stamp stands for is surely over; of a local time that comes twice, the second."""
    local = moment.replace(tzinfo=None)
    if unit >= DAY:
        local = local.replace(hour=0, minute=0, second=0, microsecond=0)
    local += unit
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _unit(text: str) -> timedelta:
    """How exact the text is: without a fraction, a second (a minute, where it gives no seconds)."""
    clock = text[_DATE + 1 :]
    if "." in clock:
        return MILLISECOND
    digits = clock.rstrip("Z").partition("+")[0].partition("-")[0]
    return SECOND if digits.count(":") == 2 or (":" not in digits and len(digits) == 6) else timedelta(minutes=1)


def _written(moment: datetime, like: str) -> str:
    """Separator, fraction and way of writing UTC as in `like`."""
    if len(like) == _DATE:
        return moment.date().isoformat()
    fraction = like.partition(".")[2]
    digits = len(fraction) - len(fraction.lstrip("0123456789"))
    spec = "microseconds" if digits > 3 else "milliseconds" if digits else "seconds"
    if not digits and _unit(like) > SECOND:
        spec = "minutes"
    written = moment.isoformat(sep=like[_DATE], timespec=spec)
    return written.replace("+00:00", "Z") if like.endswith("Z") else written
