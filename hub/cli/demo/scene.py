"""A scene of the story: what happens in it, and how it went."""

from collections.abc import Callable
from dataclasses import dataclass

Counts = dict[str, int]


class Stuck(Exception):
    """Something the story waits for does not come."""


@dataclass(frozen=True, slots=True)
class Step:
    """One scene: what happens, by what it is called, and the counts to show afterwards."""

    name: str
    zh: str
    act: Callable[[], Counts]


@dataclass(slots=True)
class Played:
    """How a scene went."""

    name: str
    zh: str
    ok: bool
    seconds: float
    counts: Counts
    error: str | None = None
