"""Reading a form: a moving filter for pulls, whole documents by condition, keys for reconciliation."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.kingdee.client import query, quoted
from connectors.kingdee.config import is_field_key
from connectors.kingdee.documents import Layout, assemble, grouped, value_at, with_column
from connectors.kingdee.forms import Form
from hub.sdk import ConfigInvalid, Context, Page, Record, Rows, Start, Unavailable, Window, changes

STAMP = "FModifyDate"
OVERLAP = timedelta(minutes=5)
FETCH_AT_ONCE = 100  # keys in one `in (…)`


def pull(ctx: Context, plan: Layout, cursor: str | None) -> AsyncIterator[Page]:
    """Documents in the order of (stamp, key). Stamps are the server's local time without a zone."""
    window = Window(overlap=OVERLAP, zone=ctx.zone)
    return changes(window, ctx.clock, cursor, lambda start: _changed(ctx, plan, start))


async def _changed(ctx: Context, plan: Layout, start: Start) -> AsyncIterator[Rows]:
    """The filter moves with what was read: page numbers would miss rows while data changes."""
    position = start.after
    where = _behind(plan, position) if position else _since(start.since)
    while True:
        rows = await query(ctx, plan.form, plan.names, where=where, order=_pull_order(plan))
        whole = len(rows) < ctx.config.page_size
        documents, stamps, key = await _complete(ctx, plan, rows, whole)
        if not documents:
            return
        reached = (stamps[-1], key)
        if reached == position:
            raise Unavailable(f"{plan.form.stream}: Kingdee gave the same page twice", zh="金蝶两次返回同一页数据")
        position = reached
        yield Rows(documents, stamps, key, last=whole)
        if whole:
            return
        where = _behind(plan, position)


async def _complete(
    ctx: Context, plan: Layout, rows: Sequence[Sequence[Any]], whole: bool
) -> tuple[list[Record], list[str], str]:
    """The documents of a page, their stamps, and the last one's key. A full page may cut its last document: that one
    is left to the next page, or, when it fills the page alone, read by itself."""
    groups = list(grouped(rows))
    if not whole and len(groups) > 1:
        groups.pop()
    if not groups:
        return [], [], ""
    stamp_at = plan.names.index(STAMP)
    stamps, key = [str(group[0][stamp_at]) for group in groups], str(groups[-1][0][0])
    if not whole and len(groups) == 1 and len(groups[0]) == len(rows):
        return await select(ctx, plan, f"{plan.form.key} = {key}"), stamps, key
    return assemble(plan, [row for group in groups for row in group]), stamps, key


def _since(stamp: str | None) -> str:
    if stamp is None:
        return ""
    _demand_stamp(stamp)
    return f"{STAMP} >= {quoted(_literal(stamp))}"


def _behind(plan: Layout, position: tuple[str, str]) -> str:
    """Every document after this one."""
    stamp, key = position
    _demand_stamp(stamp)
    said = quoted(_literal(stamp))
    return f"{STAMP} > {said} or ({STAMP} = {said} and {plan.form.key} > {int(key)})"


def _pull_order(plan: Layout) -> str:
    return f"{STAMP} asc, {_key_order(plan)}"


def _key_order(plan: Layout) -> str:
    lines = "" if plan.form.lines is None else f", {plan.form.lines.id_column} asc"
    return f"{plan.form.key} asc{lines}"


def _literal(stamp: str) -> str:
    return stamp.replace("T", " ")


def _demand_stamp(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ConfigInvalid(f"cursor {text!r} is no time stamp; start a backfill", zh="游标无效，请重新回补") from None


async def select(ctx: Context, plan: Layout, where: str) -> list[Record]:
    """All documents that fulfil a condition, whole."""
    rows: list[list[Any]] = []
    while True:
        page = await query(ctx, plan.form, plan.names, where=where, order=_key_order(plan), start=len(rows))
        rows += page
        if len(page) < ctx.config.page_size:
            return assemble(plan, rows)


async def fetch(ctx: Context, plan: Layout, keys: Sequence[str]) -> list[Record]:
    """Documents by id; an id that is no number names nothing there."""
    numbers = [key for key in keys if key.isdigit()]
    found: list[Record] = []
    for start in range(0, len(numbers), FETCH_AT_ONCE):
        some = ",".join(numbers[start : start + FETCH_AT_ONCE])
        found += await select(ctx, plan, f"{plan.form.key} in ({some})")
    return found


async def find(ctx: Context, plan: Layout, path: str, text: str) -> list[Record]:
    """Documents whose header field equals a text exactly."""
    if not is_field_key(path):
        raise ConfigInvalid(
            f"{path!r} is no field of {plan.form.form_id}", zh=f"{path!r} 不是字段标识", scope=plan.form.stream
        )
    if path == plan.form.key:
        return await fetch(ctx, plan, [text])
    plan = with_column(plan, path)
    found = await select(ctx, plan, f"{path} = {quoted(text)}")
    # The database's own comparison knows neither case nor blanks at the end.
    return [record for record in found if value_at(record, path) == text]


async def keys(ctx: Context, form: Form) -> AsyncIterator[list[str]]:
    """All ids, ascending."""
    last = 0
    while True:
        rows = await query(ctx, form, [form.key], where=f"{form.key} > {last}", order=f"{form.key} asc")
        if rows:
            last = int(rows[-1][0])
            yield [str(row[0]) for row in rows]
        if len(rows) < ctx.config.page_size:
            return
