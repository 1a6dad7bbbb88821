"""How long a failure waits: too short wears out a system that is down, too long and a payment shows hours late."""

import random
from datetime import timedelta

import pytest

from hub.sdk.errors import AuthFailed, Busy, ConfigInvalid, Conflict, Throttled, Unavailable
from hub.sync.policy import MAX_ATTEMPTS, MAX_BUSY, Standing, decide
from tests.support.sdk import START


class Longest(random.Random):
    """Chance that always takes the most."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Shortest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


def waits(error: Exception, count: int, chance: random.Random, speed: float = 1) -> list[float]:
    """Seconds after the first, second, … failure; of the record and of its scope."""
    return [
        (decide(error, Standing(before, 0, None, False, before), START, chance, speed).due_at - START).total_seconds()
        for before in range(count)
    ]


def test_a_record_waits_longer_each_time_and_never_more_than_six_hours() -> None:
    table = [5, 30, 120, 600, 1800, 3600, 10800, 21600, 21600]
    assert waits(Conflict("changed"), 9, Longest()) == table
    assert waits(Conflict("changed"), 9, Shortest()) == [seconds / 2 for seconds in table]


def test_a_system_that_is_away_is_asked_soon_and_then_every_half_minute() -> None:
    table = [1, 2, 5, 10, 20, 30, 30]
    assert waits(Unavailable("away"), 7, Shortest()) == table
    assert waits(Unavailable("away"), 7, Longest()) == pytest.approx([seconds * 1.1 for seconds in table])


def test_a_limit_without_a_time_is_waited_out_by_its_usual_lengths() -> None:
    assert waits(Throttled("slow down"), 6, Shortest()) == [10, 60, 300, 1800, 3600, 3600]
    assert waits(Throttled("slow down", retry_after=7), 2, Shortest()) == [7, 7]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(Busy("locked"), 60), (Busy("locked", retry_after=9), 9), (AuthFailed("who"), 300), (ConfigInvalid("what"), 300)],
)
def test_what_a_person_must_end_is_looked_at_again(error: Exception, seconds: float) -> None:
    assert waits(error, 2, Longest()) == [seconds, seconds]


def test_a_drill_shortens_all_of_them() -> None:
    assert waits(Conflict("changed"), 3, Longest(), speed=10) == [0.5, 3, 12]


def test_the_last_attempt_is_the_fifth() -> None:
    states = [decide(Conflict("x"), Standing(n, 0, None, False, 0), START, Longest()).state for n in range(6)]
    assert states == ["due"] * 4 + ["parked"] * 2 and MAX_ATTEMPTS == 5


def test_a_locked_record_is_given_up_after_four_hours() -> None:
    def state(hours: float) -> str:
        since = START - timedelta(hours=hours)
        return decide(Busy("locked"), Standing(0, 0, since, False, 0), START, Longest()).state

    assert (state(3.99), state(4)) == ("due", "parked") and timedelta(hours=4) == MAX_BUSY
