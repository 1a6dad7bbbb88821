"""What an error does: one table from error class to pause, count and next step; the retry times."""

import random
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from hub.mapping import RecordError
from hub.sdk.errors import (
    AuthFailed,
    Busy,
    ConfigInvalid,
    Conflict,
    NotFound,
    Rejected,
    ScopedError,
    Throttled,
    Unavailable,
    Uncertain,
)

RETRY_SECONDS: Sequence[float] = (5, 30, 120, 600, 1800, 3600, 10800, 21600)
"""Waits before the second and later tries of a counted failure; the last repeats. Printed in the UI."""
MAX_ATTEMPTS = 5
MAX_IN_HAND = 3  # Unavailable or Uncertain with this record in hand while others got through
MAX_BUSY = timedelta(hours=4)
PROBE_SECONDS: Sequence[float] = (1, 2, 5, 10, 20, 30)
THROTTLE_SECONDS: Sequence[float] = (10, 60, 300, 1800, 3600)
"""Waits where the vendor gives no time: a minute's limit is over soon, a day's quota is not worth a call a minute."""
BUSY_SECONDS = 60.0
PERSON_PROBE_SECONDS = 300.0  # a person must mend it; that it was mended is found out by itself

Then = Literal["snooze", "retry", "park", "look_up"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `pauses`: the error's scope; `counts`: costs an attempt; `bounded`: by MAX_IN_HAND."""

    pauses: bool
    counts: bool
    then: Then
    bounded: bool = False


POLICY: Sequence[tuple[type[BaseException], Rule]] = (
    (Throttled, Rule(pauses=True, counts=False, then="snooze")),
    (Unavailable, Rule(pauses=True, counts=False, then="snooze", bounded=True)),
    (AuthFailed, Rule(pauses=True, counts=False, then="snooze")),
    (ConfigInvalid, Rule(pauses=True, counts=False, then="snooze")),
    (Busy, Rule(pauses=False, counts=False, then="snooze")),
    (Rejected, Rule(pauses=False, counts=True, then="park")),
    (RecordError, Rule(pauses=False, counts=True, then="park")),
    (Conflict, Rule(pauses=False, counts=True, then="retry")),
    (NotFound, Rule(pauses=False, counts=True, then="park")),
    (Uncertain, Rule(pauses=False, counts=False, then="look_up", bounded=True)),
    (Exception, Rule(pauses=False, counts=True, then="retry")),
)


def rule_for(error: BaseException) -> Rule:
    """The most specific line for an error."""
    return next(rule for cls, rule in POLICY if isinstance(error, cls))


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is kept and shown."""

    error_class: str
    sentence: str
    zh: str
    fields: Sequence[dict[str, str]] = ()


def failure_of(error: BaseException) -> Failure:
    """Class, sentences and fields of an error; for our own bugs the trace goes into the sentence's end."""
    name = type(error).__name__
    if isinstance(error, RecordError):
        place = {"path": error.path or error.field, "sentence": error.sentence_zh}
        return Failure("MappingError", error.sentence_en, error.sentence_zh, [place])
    if isinstance(error, Rejected):
        fields = [{"path": f.path, "sentence": f.sentence} for f in error.fields]
        return Failure(name, error.sentence, error.zh, fields)
    sentence: Any = getattr(error, "sentence", None)
    if sentence is not None:
        return Failure(name, sentence, getattr(error, "zh", sentence))
    trace = "".join(traceback.format_exception(error))[-4000:]
    return Failure(
        "InternalError",
        f"a fault of ours: {name}: {error}\n{trace}",
        f"系统内部错误（{name}），已记录，请联系集成人员",
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a piece of work stands before this failure."""

    attempts: int
    in_hand: int
    busy_since: datetime | None
    others_pass: bool  # others of its stream got through meanwhile
    pause_failures: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A scope to be paused until it is probed: `stream` '' for the connection."""

    stream: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the piece of work."""

    state: Literal["due", "parked", "waiting"]
    due_at: datetime
    failure: Failure
    attempts: int
    in_hand: int
    busy_since: datetime | None
    pause: Pause | None = None
    look_up: bool = False


def decide(error: BaseException, standing: Standing, now: datetime, rng: random.Random, speed: float = 1) -> Decision:
    """Apply the table. `speed` shortens all waits (drills)."""
    rule = rule_for(error)
    attempts = standing.attempts + rule.counts
    in_hand = standing.in_hand + rule.bounded
    busy_since = (standing.busy_since or now) if isinstance(error, Busy) else None
    wait = _wait(error, standing, attempts, rng) / speed
    parked = (
        rule.then == "park"
        or (rule.then == "retry" and attempts >= MAX_ATTEMPTS)
        or (rule.bounded and in_hand >= MAX_IN_HAND and (standing.others_pass or isinstance(error, Uncertain)))
        or (busy_since is not None and now - busy_since >= MAX_BUSY)
    )
    due_at = now + timedelta(seconds=wait)
    return Decision(
        state="parked" if parked else "due",
        due_at=due_at,
        failure=failure_of(error),
        attempts=attempts,
        in_hand=in_hand,
        busy_since=busy_since,
        pause=_pause(error, rule, due_at),
        look_up=rule.then == "look_up",
    )


def _wait(error: BaseException, standing: Standing, attempts: int, rng: random.Random) -> float:
    if isinstance(error, Throttled):
        return error.retry_after or _step(THROTTLE_SECONDS, standing.pause_failures)
    if isinstance(error, Busy):
        return error.retry_after or BUSY_SECONDS
    if isinstance(error, AuthFailed | ConfigInvalid):
        return PERSON_PROBE_SECONDS
    if isinstance(error, Unavailable):
        return probe_wait(standing.pause_failures, rng)
    base = RETRY_SECONDS[min(max(attempts, 1), len(RETRY_SECONDS)) - 1]
    return base * rng.uniform(0.5, 1.0)


def probe_wait(failures: int, rng: random.Random) -> float:
    """Seconds until a scope that does not answer is probed; never less than the table says."""
    return _step(PROBE_SECONDS, failures) * rng.uniform(1.0, 1.1)


def _step(seconds: Sequence[float], count: int) -> float:
    return seconds[min(count, len(seconds) - 1)]


def _pause(error: BaseException, rule: Rule, until: datetime) -> Pause | None:
    if not rule.pauses or not isinstance(error, ScopedError):
        return None
    return Pause(error.scope or "", until)
