"""Lists page by page, what changed since a cursor, single records."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

from connectors.rest.client import address_of, call, next_address
from connectors.rest.config import Paging, StreamSpec
from connectors.rest.values import search, text_at
from hub.sdk import ConfigInvalid, Context, NotFound, Page, Record, Reply, Rows, Start, Window, changes

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
PASSES = 4  # how often a run of numbered pages is walked at most until one walk brings nothing unseen


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk through a list stands. `number` counts pages from 0; `cap` is how many rows a full page has,
    learned from the first page when the server gives fewer than asked for."""

    since: str | None
    number: int = 0
    seen: int = 0
    cap: int | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page as it came: its rows, how many the list has where the answer tells, and the place of the next page
    (None: it was the last)."""

    rows: list[Record]
    total: int | None
    following: Place | None


def window_of(ctx: Context, spec: StreamSpec) -> Window:
    """What the stream's stamps are worth, as it is declared."""
    assert spec.cursor is not None
    said = spec.cursor
    exact = timedelta(days=1) if said.granularity == "day" else None
    return Window(exact, timedelta(seconds=said.overlap), timedelta(seconds=said.lag), said.sorted, ctx.zone)


async def pull(ctx: Context, name: str, spec: StreamSpec, cursor: str | None) -> AsyncIterator[Page]:
    """What changed since the cursor; everything where the interface has no cursor."""
    if spec.cursor is None:
        async for rows, total, _ in _sheets(ctx, name, spec, None, sure=False):
            yield Page(rows, "", total=total)
        return
    window = window_of(ctx, spec)
    async for page in changes(window, ctx.clock, cursor, lambda start: _changed(ctx, name, spec, start)):
        yield page


async def _changed(ctx: Context, name: str, spec: StreamSpec, start: Start) -> AsyncIterator[Rows]:
    async for rows, total, last in _sheets(ctx, name, spec, start.since):
        stamps = [_stamp(row, name, spec) for row in rows]
        yield Rows(rows, stamps, key_of(rows[-1], name, spec) if rows else "", total, last)


async def walk(ctx: Context, name: str, spec: StreamSpec, since: str | None) -> AsyncIterator[list[Record]]:
    """All pages of a list that hold anything; what a page repeats of the one before is left out."""
    async for rows, _, _ in _sheets(ctx, name, spec, since):
        if rows:
            yield rows


@dataclass(slots=True)
class _Run:
    """Pages turned by number or link. A row that comes or goes meanwhile shifts the others past the next page, so
    such a run is walked again until a walk brings nothing unseen."""

    begin: Place
    keys: set[str] = field(default_factory=set)
    pages: int = 0
    unseen: bool = False
    passes: int = 1

    def again(self) -> bool:
        return self.pages > 1 and self.unseen and self.passes < PASSES


async def _sheets(
    ctx: Context, name: str, spec: StreamSpec, since: str | None, *, sure: bool = True
) -> AsyncIterator[tuple[list[Record], int | None, bool]]:
    """Fresh rows, how many the whole list has where told, and whether that was the end. `sure`: runs of numbered pages
    are walked again; without it a row that was missed comes with the next reading of the whole list."""
    place: Place | None = Place(since)
    before: dict[str, Record] = {}
    total: int | None = None
    run: _Run | None = None
    while place is not None:
        sheet = await _sheet(ctx, name, spec, place)
        total = sheet.total if total is None else total
        page = {key_of(row, name, spec): row for row in sheet.rows}
        if page and page.keys() == before.keys() and place.since == since:
            raise _same_page(name, spec)
        run = run or _Run(place)
        first_walk = run.passes == 1
        fresh = [row for key, row in page.items() if (before.get(key) != row if first_walk else key not in run.keys)]
        run.unseen |= not page.keys() <= run.keys
        run.keys |= page.keys()
        run.pages += first_walk and bool(page)
        following = sheet.following
        before, since = page, place.since
        if following is None or (following.number == 0 and following.link is None):
            if sure and run.again():
                following, before = run.begin, {}
                run.passes, run.unseen = run.passes + 1, False
            else:
                run = None
        if fresh or following is None:
            yield fresh, total, following is None
        place = following


def _same_page(name: str, spec: StreamSpec) -> ConfigInvalid:
    return ConfigInvalid(
        f"two pages of `{name}` hold the same records: check `paging` ({spec.paging.kind})",
        zh=f"{name} 连续两页记录相同：请检查 paging（{spec.paging.kind}）",
        scope=name,
    )


async def fetch(ctx: Context, name: str, spec: StreamSpec, keys: Sequence[str]) -> list[Record]:
    """Records by id; those that are gone are absent."""
    found = []
    for key in keys:
        record = await fetch_one(ctx, name, spec, key)
        if record is not None:
            found.append(record)
    return found


async def fetch_one(ctx: Context, name: str, spec: StreamSpec, key: str) -> Record | None:
    assert spec.get is not None
    try:
        reply = await call(ctx, name, "GET", address_of(ctx.config, spec.get.path, key))
    except NotFound:
        return None
    return _a_record(search(spec.get.record, reply.json()), name, "get.record")


async def find(ctx: Context, name: str, spec: StreamSpec, path: str, text: str) -> list[Record]:
    """Records whose value at `path` is exactly `text`; a filter that matches loosely is tightened here."""
    param = spec.find.get(path)
    if param is None:
        raise ConfigInvalid(
            f"`{name}` declares no filter for {path}: add it to `find`",
            zh=f"{name} 没有为 {path} 声明查询参数：请在 find 中补充",
            scope=name,
        )
    narrowed = spec.model_copy(update={"params": {**spec.params, param: text}})
    return [row async for rows in walk(ctx, name, narrowed, None) for row in rows if text_at(row, path) == text]


def key_of(record: Record, name: str, spec: StreamSpec) -> str:
    key = text_at(record, spec.id)
    if not key:
        raise ConfigInvalid(
            f"a record of `{name}` has no id at `{spec.id}`: correct `id`",
            zh=f"{name} 的记录在 {spec.id} 处没有 id：请更正 id",
            scope=name,
        )
    return key


def _stamp(record: Record, name: str, spec: StreamSpec) -> str:
    assert spec.cursor is not None
    stamp = text_at(record, spec.cursor.path)
    if not stamp:
        raise ConfigInvalid(
            f"record {key_of(record, name, spec)} of `{name}` does not say when it changed at `{spec.cursor.path}`",
            zh=f"{name} 的记录 {key_of(record, name, spec)} 在 {spec.cursor.path} 处没有修改时间",
            scope=name,
        )
    return stamp


async def _sheet(ctx: Context, name: str, spec: StreamSpec, place: Place) -> Sheet:
    if place.link is not None:
        reply = await call(ctx, name, "GET", place.link)
        current = place.link
    else:
        current = address_of(ctx.config, spec.path)
        reply = await call(ctx, name, "GET", current, params=_params(spec, place))
    answer = reply.json()
    rows = search(spec.list_at, answer)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigInvalid(
            f"`list: {spec.list_at}` of `{name}` finds no list of records in the answer",
            zh=f"{name} 的 list: {spec.list_at} 在答复中找不到记录列表",
            scope=name,
        )
    _check_order(ctx, rows, name, spec, place)
    following = _following(ctx, spec, place, rows, answer)
    if spec.paging.kind == "next_link":
        link = _link(spec.paging, answer, reply)
        address = next_address(ctx.config, current, link, name) if link else None
        following = _anchored(ctx, spec, place, rows, Place(place.since, link=address)) if address else None
    return Sheet(rows, _total(spec.paging, answer), following)


def _total(paging: Paging, answer: Any) -> int | None:
    found = search(paging.total, answer) if paging.total is not None else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _params(spec: StreamSpec, place: Place) -> dict[str, str]:
    paging, params = spec.paging, dict(spec.params)
    if spec.cursor is not None and place.since:
        params[spec.cursor.param] = place.since
    if paging.kind != "none":
        params[paging.size_param] = str(paging.size)
    if paging.kind == "page":
        params[paging.page_param] = str(paging.first_page + place.number)
    if paging.kind == "offset":
        params[paging.offset_param] = str(place.seen)
    return params


def _following(ctx: Context, spec: StreamSpec, place: Place, rows: list[Record], answer: Any) -> Place | None:
    """The next page of `page` and `offset` lists."""
    paging = spec.paging
    if paging.kind in {"none", "next_link"} or not rows:
        return None
    if paging.more is not None and not search(paging.more, answer):
        return None
    full = paging.size if place.cap is None else place.cap
    if len(rows) < full and paging.more is None and place.cap is not None:
        return None
    # A first page shorter than asked for is the end, or the server's own limit: the next one tells.
    cap = place.cap or min(len(rows), paging.size)
    onward = Place(place.since, place.number + 1, place.seen + len(rows), cap)
    return onward if len(rows) < full else _anchored(ctx, spec, place, rows, onward)


def _anchored(ctx: Context, spec: StreamSpec, place: Place, rows: list[Record], onward: Place) -> Place:
    """A record that changes while we read moves to the end and shifts the others one place forward, past the next page.
    Asking anew from the last stamp misses none; only a page of one stamp, or of an hour that clocks show twice, must be
    turned by number."""
    if spec.cursor is None or not spec.cursor.sorted or not rows:
        return onward
    last = text_at(rows[-1], spec.cursor.path)
    if last == (place.since or "") or window_of(ctx, spec).stamp(last).repeats:
        return onward
    return Place(last, cap=onward.cap)


def _check_order(ctx: Context, rows: list[Record], name: str, spec: StreamSpec, place: Place) -> None:
    """A list that is not what its declaration says would make the cursor pass records by."""
    if spec.cursor is None or not spec.cursor.sorted or not rows:
        return
    window = window_of(ctx, spec)
    stamps = [window.stamp(text_at(row, spec.cursor.path)) for row in rows]
    if any(later.order < one.order and not (one.repeats and later.repeats) for one, later in pairwise(stamps)):
        raise ConfigInvalid(
            f"`{name}` does not come oldest change first: ask for it with `params`, or say `sorted: no` at `cursor`",
            zh=f"{name} 没有按修改时间升序返回：请用 params 指定排序，或在 cursor 写 sorted: no",
            scope=name,
        )
    since = window.stamp(place.since) if place.since else None
    if since is not None and stamps[-1].order < since.order and not (since.repeats and stamps[-1].repeats):
        raise ConfigInvalid(
            f"`{name}` was asked for changes since {place.since} and answers with older ones: check `cursor.param`",
            zh=f"{name} 查询 {place.since} 之后的变更却返回更早的记录：请检查 cursor.param",
            scope=name,
        )


def _link(paging: Paging, answer: Any, reply: Reply) -> str:
    if paging.next is not None:
        return str(search(paging.next, answer) or "")
    found = _NEXT.search(reply.headers.get("link", ""))
    return found[1] if found else ""


def _a_record(value: Any, name: str, field: str) -> Record:
    if isinstance(value, dict):
        return value
    raise ConfigInvalid(
        f"`{field}` of `{name}` finds no record in the answer", zh=f"{name} 的 {field} 在答复中找不到记录", scope=name
    )
