"""Lists page by page, what changed since a cursor, single records."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.rest.client import address_of, call, next_address
from connectors.rest.config import Paging, StreamSpec
from connectors.rest.values import order, rewound, search, text_at
from hub.sdk import ConfigInvalid, Context, NotFound, Page, Record, Reply

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


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
    """One page as it came: its rows, and the place of the next one (None: it was the last)."""

    rows: list[Record]
    following: Place | None


async def pull(ctx: Context, name: str, spec: StreamSpec, cursor: str | None) -> AsyncIterator[Page]:
    """What changed since the cursor; everything where the interface has no cursor."""
    if spec.cursor is None:
        async for rows in walk(ctx, name, spec, None):
            yield Page(rows, cursor="")
        return
    since = rewound(cursor, spec.cursor.overlap) if cursor else None
    newest = cursor or ""
    held: list[Record] | None = None
    async for rows in walk(ctx, name, spec, since):
        stamps = [_stamp(row, name, spec) for row in rows]
        newest = max([newest, *stamps], key=order)
        if spec.cursor.sorted:
            yield Page(rows, cursor=newest)
            continue
        # In no order: until the last page is in, an older change may still come, so the cursor stays where it was.
        if held is not None:
            yield Page(held, cursor=cursor or "")
        held = rows
    if held is not None:
        yield Page(held, cursor=newest)


async def walk(ctx: Context, name: str, spec: StreamSpec, since: str | None) -> AsyncIterator[list[Record]]:
    """All pages of a list that hold anything; what a page repeats of the one before is left out."""
    place: Place | None = Place(since)
    before: dict[str, Record] = {}
    while place is not None:
        sheet = await _sheet(ctx, name, spec, place)
        page = {key_of(row, name, spec): row for row in sheet.rows}
        if page and page.keys() == before.keys() and place.since == since:
            raise ConfigInvalid(
                f"two pages of `{name}` hold the same records: check `paging` ({spec.paging.kind})",
                zh=f"{name} 连续两页记录相同：请检查 paging（{spec.paging.kind}）",
                scope=name,
            )
        fresh = [row for key, row in page.items() if before.get(key) != row]
        if fresh:
            yield fresh
        before, since, place = page, place.since, sheet.following


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
    _check_order(rows, name, spec, place)
    following = _following(spec, place, rows, answer)
    if spec.paging.kind == "next_link":
        link = _link(spec.paging, answer, reply)
        following = Place(place.since, link=next_address(ctx.config, current, link, name)) if link else None
    return Sheet(rows, following)


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


def _following(spec: StreamSpec, place: Place, rows: list[Record], answer: Any) -> Place | None:
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
    if spec.cursor is None or not spec.cursor.sorted or len(rows) < full:
        return onward
    # A record that changes while we read moves to the end and shifts the others one place forward, past the next
    # page. Asking anew from the last stamp misses none; only a page of one stamp must be turned by number.
    last = text_at(rows[-1], spec.cursor.path)
    return onward if last == (place.since or "") else replace(onward, since=last, number=0, seen=0)


def _check_order(rows: list[Record], name: str, spec: StreamSpec, place: Place) -> None:
    """A list that is not what its declaration says would make the cursor pass records by."""
    if spec.cursor is None or not spec.cursor.sorted or not rows:
        return
    stamps = [order(text_at(row, spec.cursor.path)) for row in rows]
    if stamps != sorted(stamps):
        raise ConfigInvalid(
            f"`{name}` does not come oldest change first: ask for it with `params`, or say `sorted: no` at `cursor`",
            zh=f"{name} 没有按修改时间升序返回：请用 params 指定排序，或在 cursor 写 sorted: no",
            scope=name,
        )
    if place.since and stamps[-1] < order(place.since):
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
