"""How much work one evaluation of an expression may do: bounds time and memory whatever the author wrote."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Final

from hub.mapping.grammar import ExpressionError

MAX_STEPS: Final = 200_000
MAX_RESULT: Final = 20_000
MAX_CHARACTERS: Final = 1_000_000


class Meter(threading.local):
    """`left` holds one number, the steps that are left; each evaluation puts a list of its own there."""

    def __init__(self) -> None:
        self.left = [0]


METER: Final = Meter()


def too_much() -> ExpressionError:
    return ExpressionError("计算量过大：请简化表达式", "takes too much work; simplify the expression")


def charge(steps: int) -> None:
    """Count `steps` elements touched; raises ExpressionError when the evaluation has had its share."""
    left = METER.left
    left[0] -= steps + 1
    if left[0] < 0:
        raise too_much()


def bounded(length: int) -> None:
    """Refuse to build a text of that length."""
    if length > MAX_CHARACTERS:
        raise ExpressionError("结果文本过长", "the resulting text is too long")
    charge(length >> 3)


def counted(value: Any) -> None:
    """Refuse a result of too many nodes: a few characters can hold the same value a thousand times over."""
    left = MAX_RESULT
    waiting = [value]
    while waiting:
        one = waiting.pop()
        inner: Iterable[Any] = one.values() if type(one) is dict else one if type(one) is list else ()
        left -= 1
        if left < len(waiting):
            raise ExpressionError("结果过大：请简化表达式", "the result is too large; simplify the expression")
        waiting.extend(inner)
