"""Reading what changed since last time without losing a row at the edges: one policy for every connector.

A source says when a row changed by a stamp, and stamps lie: many rows share one, a day is all some sources tell, local
time repeats an hour each autumn, a row committed late appears with a stamp in the past, and one changed while we read
moves to the end. A stream states what kind of stamps it has (`Window`) and reads rows from a `Start`; everything else,
the cursor above all, is done by `changes`:

- The cursor is the vendor's own text. It is never beyond a stamp that can still be given to a row not seen yet.
- The next pull begins some time before it (`overlap`), inclusive. What it reads again costs nothing: the engine drops it.
- An interrupted pull goes on behind the last row it kept, with the same cursor waiting for its end.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from hub.sdk.context import Clock
from hub.sdk.records import Doubt, Page, Record
from hub.sdk.stamps import Stamp, earlier, read_stamp

__all__ = ["Rows", "Source", "Start", "Window", "changes"]

_GAP: Final = "\t"
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What a stream's stamps are worth.

    `granularity`: how exact they are, where their text looks more exact than it is (a day written as midnight); None: as
    exact as they look. `overlap`: how far before the cursor a pull begins. `lag`: how late a row may appear with a stamp
    in the past. `ordered`: rows come oldest change first; if not, the cursor waits for the end. `zone`: whose local time
    a stamp without an offset is."""

    granularity: timedelta | None = None
    overlap: timedelta = MINUTE
    lag: timedelta = MINUTE
    ordered: bool = True
    zone: tzinfo = UTC

    def stamp(self, text: str) -> Stamp:
        return read_stamp(text, self.zone, self.granularity)

    def settled(self, stamp: Stamp, at: datetime) -> bool:
        """Can no unseen row have this stamp any more, judged at the moment the rows were asked for?"""
        return stamp.until is None or (stamp.until + self.lag <= at and not stamp.repeats)

    def since(self, mark: str) -> str:
        """The lower bound of a pull, inclusive, written as the vendor writes its stamps."""
        return earlier(mark, self.overlap, self.zone)


@dataclass(frozen=True, slots=True)
class Start:
    """Where to read from. `since`: the lowest stamp wanted, inclusive (None: everything). `after`: stamp and id of the
    last row that is kept already; go on right behind it, or, where the vendor cannot, at `since` again."""

    since: str | None
    after: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What one step of reading brought. `stamps`: the vendor's texts of its rows in their order, the last of them and
    `key` being where reading goes on. `total`: how many rows this reading has, where the vendor tells it. `last`: the
    source says there are no more."""

    records: Sequence[Record]
    stamps: Sequence[str]
    key: str = ""
    total: int | None = None
    last: bool = False


Source = Callable[[Start], AsyncIterator[Rows]]


async def changes(window: Window, clock: Clock, cursor: str | None, source: Source) -> AsyncIterator[Page]:
    """The pages of one pull. Every step of `source` must ask only when it is asked: the moment counts."""
    walk = _Walk.begin(window, cursor)
    asked, ended = clock.now(), False
    async for some in source(walk.start):
        walk.keep(some, asked)
        told, ended = walk.told, some.last
        page = walk.page(some, ended=ended)
        if page.records or page.cursor != told or page.doubt is not None:
            yield page
        asked = clock.now()
    if not ended:
        told, page = walk.told, walk.page(Rows((), ()), ended=True)
        if page.cursor != told or page.doubt is not None:
            yield page


@dataclass(slots=True)
class _Walk:
    """One pull on its way. `mark`: where the next one begins; `open`: the mark may still move on."""

    window: Window
    start: Start
    mark: str
    told: str
    open: bool = True
    first_asked: datetime | None = None
    stamps: list[str] = field(default_factory=list)  # of a list in no order: the best of each page
    read: int = 0
    total: int | None = None
    last: tuple[str, str] | None = None

    @classmethod
    def begin(cls, window: Window, cursor: str | None) -> "_Walk":
        mark, _, rest = (cursor or "").partition(_GAP)
        if rest and window.ordered:
            stamp, _, key = rest.partition(_GAP)
            return cls(window, Start(stamp, (stamp, key)), mark, cursor or "", open=mark == stamp)
        return cls(window, Start(window.since(mark) if mark else None), mark, cursor or "")

    def keep(self, rows: Rows, asked: datetime) -> None:
        self.read += len(rows.records)
        self.total = rows.total if rows.total is not None else self.total
        self.first_asked = self.first_asked or asked
        if self.window.ordered:
            self._advance(rows.stamps, asked)
        else:
            self._gather(rows.stamps)
        if rows.stamps:
            self.last = (rows.stamps[-1], rows.key)

    def _advance(self, stamps: Sequence[str], asked: datetime) -> None:
        """Once a stamp was passed that an unseen row may still get, the mark stays before it until the next pull."""
        for text in stamps if self.open else ():
            if text == self.mark:
                continue
            stamp = self.window.stamp(text)
            if not self.window.settled(stamp, asked):
                self.open = False
                return
            if not self.mark or self.window.stamp(self.mark).order < stamp.order:
                self.mark = text

    def _gather(self, stamps: Sequence[str]) -> None:
        """Rows in no order: what counts is the newest stamp that was settled before the first question."""
        assert self.first_asked is not None
        read = [self.window.stamp(text) for text in dict.fromkeys([*self.stamps, *stamps])]
        fit = [stamp for stamp in read if self.window.settled(stamp, self.first_asked)]
        self.stamps = [max(fit, key=lambda stamp: stamp.order).text] if fit else []

    def page(self, rows: Rows, *, ended: bool) -> Page:
        self.told = self._end() if ended else self._cursor()
        return Page(rows.records, self.told, total=self.total, doubt=self._doubt() if ended else None)

    def _cursor(self) -> str:
        if not self.window.ordered or self.last is None:
            return self.told
        return _GAP.join((self.mark, *self.last))

    def _end(self) -> str:
        if not self.window.ordered and not self._short():
            for text in self.stamps:
                if not self.mark or self.window.stamp(self.mark).order < self.window.stamp(text).order:
                    self.mark = text
        return self.mark

    def _short(self) -> bool:
        return self.total is not None and self.read < self.total

    def _doubt(self) -> Doubt | None:
        """Whoever asks for everything since a row that is there gets that row at least."""
        resumed = self.start.after is not None
        timed = bool(self.mark) and self.window.stamp(self.mark).until is not None
        if self.read or resumed or not timed or self.window.overlap <= timedelta(0):
            return None
        return Doubt(
            f"asked for what changed since {self.start.since}, the source answered with nothing at all, not even the "
            f"record of {self.mark} it gave before: look there whether records or rights were taken away",
            f"查询 {self.start.since} 之后的变更，来源没有返回任何记录，连之前 {self.mark} 的记录也没有："
            "请在来源系统检查数据或权限是否被移除",
        )
