"""Stamps of every kind, and what the cursor makes of them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.sdk import Page, Rows, Start, Window, changes
from hub.sdk.stamps import earlier, read_stamp
from tests.support.sdk import START, FixedClock

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)
WINDOW = Window()
EARLIER: list[tuple[str, timedelta, str]] = [
    ("2026-11-22T02:00:00Z", MINUTE, "2026-11-22T01:59:00Z"),
    ("2026-11-22T02:00:00.500Z", MINUTE, "2026-11-22T01:59:00.500Z"),
    ("2026-11-22T02:00:00.500123+08:00", MINUTE, "2026-11-22T01:59:00.500123+08:00"),
    ("2026-11-22 00:00:30", MINUTE, "2026-11-21 23:59:30"),
    ("2026-11-22T00:00", MINUTE, "2026-11-21T23:59"),
    ("2026-11-22", MINUTE, "2026-11-21"),
    ("1763776800", MINUTE, "1763776740"),
    ("1763776800000", MINUTE, "1763776740000"),
    ("4711", MINUTE, "4711"),
    ("rev-9", MINUTE, "rev-9"),
    ("2026-11-22T02:00:00Z", timedelta(0), "2026-11-22T02:00:00Z"),
    # Clocks go from 02:00 to 03:00: no clock showed 02:59:20. They go from 02:00 to 01:00: 01:59:30 comes twice.
    ("2026-03-08 03:00:20", MINUTE, "2026-03-08 01:59:20"),
    ("2026-11-01 02:00:30", MINUTE, "2026-11-01 00:59:30"),
]


@pytest.mark.parametrize(("stamp", "by", "wanted"), EARLIER)
def test_an_earlier_stamp_keeps_the_vendors_form(stamp: str, by: timedelta, wanted: str) -> None:
    assert earlier(stamp, by, NEW_YORK) == wanted


@pytest.mark.parametrize(
    ("stamp", "granularity", "until"),
    [
        ("2026-11-22T02:00:00Z", None, "2026-11-22T02:00:01Z"),
        ("2026-11-22T02:00Z", None, "2026-11-22T02:01:00Z"),
        ("2026-11-22", None, "2026-11-23T05:00:00Z"),
        ("2026-11-22T00:00:00", timedelta(days=1), "2026-11-23T05:00:00Z"),
        ("1763776800", None, "2025-11-22T02:00:01Z"),
        ("2026-11-01 01:30:00", None, "2026-11-01T06:30:01Z"),  # of the two, the second
        ("4711", None, None),
        ("rev-9", None, None),
    ],
)
def test_until_when_a_stamp_is_still_given(stamp: str, granularity: timedelta | None, until: str | None) -> None:
    said = read_stamp(stamp, NEW_YORK, granularity).until
    assert said == (datetime.fromisoformat(until) if until else None)


def test_only_an_hour_that_comes_twice_repeats() -> None:
    hours = [f"2026-11-01 0{hour}:30:00" for hour in range(4)]
    assert [read_stamp(hour, NEW_YORK).repeats for hour in hours] == [False, True, False, False]
    assert not any(read_stamp(hour, ZoneInfo("Asia/Kathmandu")).repeats for hour in hours)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def pulled(
    clock: FixedClock,
    cursor: str | None,
    *pages: list[float],
    window: Window = WINDOW,
    took: float = 0,
    last: bool = True,
) -> tuple[list[Page], Start]:
    starts: list[Start] = []

    async def source(start: Start) -> AsyncIterator[Rows]:
        starts.append(start)
        for number, page in enumerate(pages):
            stamps = [at(one) for one in page]
            end = last and number == len(pages) - 1
            yield Rows([{"id": stamp} for stamp in stamps], stamps, str(number), last=end)
            clock.advance(seconds=took)

    return [page async for page in changes(window, clock, cursor, source)], starts[0]


async def test_the_cursor_stays_before_what_may_still_change() -> None:
    clock = FixedClock()
    pages, start = await pulled(clock, None, [-300, -200], [-100, -62, -30])
    assert start == Start(None)
    assert [page.cursor for page in pages] == [f"{at(-200)}\t{at(-200)}\t0", at(-62)]


async def test_a_stamp_passed_too_early_holds_the_cursor_for_the_whole_pull() -> None:
    """The second page is asked for so late that its stamps are settled; a row may have been missed in the first."""
    pages, _ = await pulled(FixedClock(), None, [-300, -10], [-5, 20], took=600)
    assert pages[-1].cursor == at(-300)


async def test_an_interrupted_pull_goes_on_behind_its_last_row_and_the_next_begins_at_the_mark() -> None:
    clock = FixedClock()
    pages, _ = await pulled(clock, None, [-300, -10], [-5], last=False)
    _, start = await pulled(clock, pages[0].cursor, [-5])
    assert start == Start(at(-10), (at(-10), "0"))
    ended, _ = await pulled(clock, pages[0].cursor, [-5])
    assert ended[-1].cursor == at(-300)
    _, start = await pulled(clock, ended[-1].cursor)
    assert start == Start(at(-360))


async def test_in_no_order_the_cursor_moves_at_the_end_and_not_when_rows_are_missing() -> None:
    window = Window(ordered=False)
    pages, _ = await pulled(FixedClock(), at(-900), [-100, -300], [-200, -5], window=window)
    assert [page.cursor for page in pages] == [at(-900), at(-100)]


async def test_a_stamp_in_the_future_holds_nobody_up() -> None:
    clock = FixedClock()
    pages, _ = await pulled(clock, None, [-300, 86_400 * 365])
    assert pages[-1].cursor == at(-300)
    clock.advance(minutes=10)
    pages, _ = await pulled(clock, pages[-1].cursor, [-300, 100, 86_400 * 365])
    assert pages[-1].cursor == at(100)


async def test_an_inclusive_question_answered_with_nothing_is_doubted() -> None:
    (page,), _ = await pulled(FixedClock(), at(-900))
    assert page.doubt is not None and page.doubt.zh != page.doubt.sentence and page.cursor == at(-900)
    pages, _ = await pulled(FixedClock(), "4711")
    assert pages == [], "a running number may truly have nothing behind it"
