"""How much work one evaluation of an expression may do: bounds time and memory whatever the author wrote."""

from __future__ import annotations

import threading
from typing import Final

from hub.mapping.grammar import ExpressionError

MAX_STEPS: Final = 100_000
MAX_CHARACTERS: Final = 1_000_000


class _Meter(threading.local):
    left = 0


_meter = _Meter()


def reset() -> None:
    _meter.left = MAX_STEPS


def charge(steps: int) -> None:
    """Count `steps` elements touched; raises ExpressionError when the evaluation has had its share."""
    _meter.left -= steps + 1
    if _meter.left < 0:
        raise ExpressionError("计算量过大：请简化表达式", "takes too much work; simplify the expression")


def bounded(length: int) -> None:
    """Refuse to build a text of that length."""
    if length > MAX_CHARACTERS:
        raise ExpressionError("结果文本过长", "the resulting text is too long")
    charge(length >> 6)
