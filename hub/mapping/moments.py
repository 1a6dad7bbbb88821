"""Dates and instants: what is accepted from a record, and their one canonical text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from hub.mapping.decimals import decimal_of, decimal_text, integer_of
from hub.mapping.faults import Fault

Epoch = Literal["ms", "s"]

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final[dict[str, timedelta]] = {"ms": timedelta(milliseconds=1), "s": timedelta(seconds=1)}
_DAY: Final = re.compile(r"[0-9]{4}([-/])[0-9]{2}\1[0-9]{2}")
_ISO: Final = re.compile(
    r"[0-9]{4}([-/])[0-9]{2}\1[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_SECONDS: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_DIRECTIVES: Final = re.compile(r"%(.)")
_PROBE: Final = datetime(2026, 1, 31, 13, 20, 30, tzinfo=UTC)

DATE_FORM: Final = "2026-01-31"
INSTANT_FORM: Final = "2026-01-31T10:00:00+08:00"


def usable_format(form: str) -> bool:
    """Only numeric directives (names of months depend on the machine), enough of them to make a day."""
    directives = set(_DIRECTIVES.findall(form))
    if not {"m", "d"} <= directives or not directives <= set("YymdHMSfz%"):
        return False
    try:
        parsed = datetime.strptime(_PROBE.strftime(form), form)  # noqa: DTZ007  # only the day is compared
    except (ValueError, re.error):
        return False
    return parsed.date() == _PROBE.date()


def instant_text(moment: datetime) -> str:
    """UTC, microseconds only when there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _iso(raw: Any, rule: str, form: str) -> datetime:
    if not isinstance(raw, str):
        raise Fault("epoch" if type(raw) is int else rule, form=form)
    text = raw.strip()
    if not _ISO.fullmatch(text):
        raise Fault(rule, form=form)
    try:
        return datetime.fromisoformat(text.replace("/", "-").replace(",", "."))
    except ValueError:
        raise Fault(rule, form=form) from None


def _by_format(form: str, rule: str, raw: Any) -> datetime:
    try:
        return datetime.strptime(str(raw).strip(), form)  # noqa: DTZ007  # the zone is added by the caller
    except ValueError:
        raise Fault(rule, form=form) from None


def _by_epoch(unit: timedelta, raw: Any) -> datetime:
    try:
        return _START + integer_of(raw) * unit
    except OverflowError:
        raise Fault("range") from None


def _reader(rule: str, form: str | None, epoch: Epoch | None) -> Callable[[Any], datetime]:
    if epoch is not None:
        return partial(_by_epoch, _UNITS[epoch])
    if form is not None:
        return partial(_by_format, form, rule)
    return lambda raw: _iso(raw, rule, INSTANT_FORM if rule == "instant" else DATE_FORM)


@lru_cache(maxsize=256)
def _offset(text: str) -> timedelta | None:
    return datetime.fromisoformat(f"2000-01-01T00:00:00{text}").utcoffset()


def _utc(text: str, zone: tzinfo | None) -> datetime | None:
    """A time in whole seconds as vendors write it, in UTC without saying so; None for anything else."""
    if not _SECONDS.fullmatch(text):
        return None
    try:
        local = datetime.fromisoformat(text[:19])
        offset = _offset(text[19:]) if len(text) > 19 else zone.utcoffset(local) if zone else None
        return local - offset if offset is not None else None
    except (ValueError, OverflowError):
        return None  # told by those who look closer


def instant_decoder(zone: tzinfo | None, form: str | None, epoch: Epoch | None) -> Callable[[Any], str]:
    """A record's time as canonical text; one without an offset is the zone's local time."""
    moment_of = _reader("instant", form, epoch)
    is_iso = form is None and epoch is None

    def decode(raw: Any) -> str:
        if is_iso and type(raw) is str and (moment := _utc(raw, zone)) is not None:
            return moment.isoformat() + "Z"
        moment = moment_of(raw)
        if moment.tzinfo is None:
            if zone is None:
                raise Fault("zone")
            moment = moment.replace(tzinfo=zone)
        try:
            return instant_text(moment)
        except OverflowError:
            raise Fault("range") from None

    return decode


def _is_day(text: str) -> bool:
    """Whether it is a day in the canonical form already."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def date_decoder(zone: tzinfo | None, form: str | None, epoch: Epoch | None) -> Callable[[Any], str]:
    """A record's day as canonical text; a moment with an offset is the day it falls on in the zone."""
    moment_of = _reader("date", form, epoch)
    is_iso = form is None and epoch is None

    def decode(raw: Any) -> str:
        if is_iso and type(raw) is str and _is_day(raw):
            return raw
        moment = moment_of(raw)
        if moment.tzinfo is not None:
            if zone is None:
                raise Fault("zone")
            try:
                moment = moment.astimezone(zone)
            except OverflowError:
                raise Fault("range") from None
        return moment.date().isoformat()

    return decode


def moment_of_canonical(text: Any) -> datetime:
    if isinstance(text, str) and _ISO.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Fault("instant", form=INSTANT_FORM) from None
        if moment.tzinfo is not None:
            return moment
    raise Fault("instant", form=INSTANT_FORM)


def day_of_canonical(text: Any) -> date:
    if isinstance(text, str) and _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise Fault("date", form=DATE_FORM)


def _written(moment: datetime, form: str | None, epoch: Epoch | None) -> Any:
    if epoch is not None:
        return (moment - _START) // _UNITS[epoch]
    return moment.isoformat() if form is None else formatted(moment, form)


def formatted(day: date, form: str) -> str:
    """`strftime` with four digits for every year: on Linux the C library writes the year 900 as 900."""
    year = f"{day.year:04}"
    return day.strftime(_DIRECTIVES.sub(lambda found: year if found[1] == "Y" else found[0], form))


def instant_encoder(zone: tzinfo | None, form: str | None, epoch: Epoch | None) -> Callable[[Any], Any]:
    """Outward: the zone's local time, with its offset unless a format says otherwise."""
    local = zone or UTC

    def encode(text: Any) -> Any:
        try:
            return _written(moment_of_canonical(text).astimezone(local), form, epoch)
        except OverflowError:
            raise Fault("range") from None

    return encode


def date_encoder(zone: tzinfo | None, form: str | None, epoch: Epoch | None) -> Callable[[Any], Any]:
    local = zone or UTC

    def encode(text: Any) -> Any:
        if form is None and epoch is None and type(text) is str and _is_day(text):
            return text
        day = day_of_canonical(text)
        if form is None and epoch is None:
            return text
        return _written(datetime(day.year, day.month, day.day, tzinfo=local), form, epoch)

    return encode


_VERSION_DIGITS: Final = 20
_DIGITS_ONLY: Final = re.compile(r"[0-9]{1,20}")
_MIRRORED: Final = str.maketrans("0123456789", "9876543210")


def _number_version(text: str) -> str:
    whole, point, rest = text.removeprefix("-").partition(".")
    padded = f"{whole.zfill(_VERSION_DIGITS)}{point}{rest}"
    return f"-{padded.translate(_MIRRORED)}~" if text.startswith("-") else padded


def version_text(raw: Any, zone: tzinfo | None) -> str | None:
    """A record's version as text whose order is the order of versions; None where the record has none."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, str) and _DIGITS_ONLY.fullmatch(raw):
        return raw.zfill(_VERSION_DIGITS)
    if type(raw) is int or isinstance(raw, Decimal):
        return _number_version(decimal_text(decimal_of(raw)))
    if not isinstance(raw, str):
        raise Fault("float" if isinstance(raw, float) else "text")
    utc = _utc(raw, zone)
    if utc is not None:
        return utc.isoformat() + ".000000Z"
    if not _ISO.fullmatch(raw):
        return raw
    moment = _iso(raw, "instant", INSTANT_FORM)
    if moment.tzinfo is None:
        if zone is None:
            raise Fault("zone")
        moment = moment.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise Fault("range") from None
    # Always six digits: "…00Z" would sort after "…00.5Z".
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def zone_named(name: str) -> tzinfo | None:
    """The zone of that name; None for the empty name. Raises KeyError or ValueError for an unknown one."""
    return ZoneInfo(name) if name else None
