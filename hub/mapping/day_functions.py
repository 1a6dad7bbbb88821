"""Days in expressions: read from a text, moved, written in a form. A day is the text 2026-01-31; it has no zone."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Any, Final

from hub.mapping.arithmetic import whole_of
from hub.mapping.grammar import ExpressionError
from hub.mapping.moments import formatted
from hub.mapping.text_functions import halfwidth

_DATE: Final = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?:[ T].*)?")
_DIRECTIVES: Final = re.compile(r"%(.)")
_NUMERIC: Final = frozenset("YymdHMSf%")
_LONGEST: Final = 40


def _no_date() -> ExpressionError:
    return ExpressionError("不是日期：请核对，或写明格式", "is not a date; check it, or state its format")


def _form(form: str) -> str:
    """Numbers only: the names of months depend on the machine."""
    if len(form) > _LONGEST or not set(_DIRECTIVES.findall(form)) <= _NUMERIC or form.endswith("%"):
        raise ExpressionError(
            f"日期格式 {form[:_LONGEST]} 不可用：请用 %Y %m %d 组成", f"date format {form[:_LONGEST]!r} cannot be used"
        )
    return form


def day_of(text: str, form: str | None = None) -> date:
    """Raises ExpressionError."""
    try:
        if form is not None:
            return datetime.strptime(text.strip(), _form(form)).date()  # noqa: DTZ007  # a day has no zone
        found = _DATE.fullmatch(halfwidth(text).strip())
        if found:
            year, month, day = (int(part) for part in found.groups())
            return date(year, month, day)
    except (ValueError, re.error):
        pass
    raise _no_date()


def day_text(text: Any, form: Any = None) -> str | None:
    return None if text is None else day_of(text, form).isoformat()


def written_day(text: Any, form: str) -> str | None:
    return None if text is None else formatted(day_of(text), _form(form))


def _moved(year: int, month: int, day: int) -> str:
    if not 1 <= year <= 9999:
        raise ExpressionError("日期超出范围", "the date is out of range")
    return date(year, month, min(day, monthrange(year, month)[1])).isoformat()


def add_days(text: Any, days: Any) -> str | None:
    if text is None or days is None:
        return None
    try:
        return (day_of(text) + timedelta(days=whole_of(days))).isoformat()
    except OverflowError:
        raise ExpressionError("日期超出范围", "the date is out of range") from None


def add_months(text: Any, months: Any) -> str | None:
    """The same day of another month, its last day where it is shorter."""
    if text is None or months is None:
        return None
    day = day_of(text)
    years, month = divmod(day.month - 1 + whole_of(months), 12)
    return _moved(day.year + years, month + 1, day.day)


def month_end(text: Any) -> str | None:
    if text is None:
        return None
    day = day_of(text)
    return _moved(day.year, day.month, 31)


def days_between(start: Any, end: Any) -> int | None:
    return None if start is None or end is None else (day_of(end) - day_of(start)).days
