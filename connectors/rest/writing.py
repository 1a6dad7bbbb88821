"""Creates, updates, cancels and deletes, each so that it can be entered again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.rest.client import address_of, call
from connectors.rest.config import Call, StreamSpec
from connectors.rest.reading import find
from connectors.rest.values import at, missing_from, overlay, search, text_at
from hub.sdk import ConfigInvalid, Context, NotFound, Push, Pushed, Record, Rejected, Reply, Uncertain


async def put(ctx: Context, name: str, spec: StreamSpec, push: Push) -> Pushed:
    """A create or update; a create whose record is already there only adds what is missing."""
    if push.key is not None:
        missing = missing_from(push.known or {}, push.record) if push.action == "create" else push.record
        if push.known and not missing:
            return Pushed(push.key, push.known, _lines(spec, push.known))
        return await _update(ctx, name, spec, replace(push, record=missing), push.key)
    there = await _already_there(ctx, name, spec, push)
    if there is None:
        return await _create(ctx, name, spec, push)
    key = text_at(there, spec.id)
    lines = _lines(spec, there)
    await ctx.created(key, lines)
    missing = missing_from(there, push.record)
    if not missing:
        return Pushed(key, there, lines)
    again = Push("update", missing, push.reference, push.idempotency_key, key, there)
    return await _update(ctx, name, spec, again, key)


async def end(ctx: Context, name: str, spec: StreamSpec, push: Push) -> Pushed:
    """A cancel or delete. One that is gone already is deleted."""
    action = _declared(spec.cancel if push.action == "cancel" else spec.delete, name, push.action)
    key = _known_key(push)
    try:
        reply = await _send(ctx, name, spec, action, push, key, action.body)
    except NotFound:
        if push.action == "cancel":
            raise
        return Pushed(key)
    return Pushed(key, _whole(_answer(reply, action), push.known) if push.known else None)


async def _already_there(ctx: Context, name: str, spec: StreamSpec, push: Push) -> Record | None:
    """The record that carries our reference. Where the interface refuses a second create itself, nobody need look."""
    if spec.idempotency_header or not push.reference or spec.reference not in spec.find:
        return None
    found = await find(ctx, name, spec, spec.reference, push.reference)
    if len(found) > 1:
        ids = ", ".join(text_at(record, spec.id) for record in found)
        raise Rejected(
            f"{len(found)} records there carry our reference {push.reference} ({ids}): leave it on one",
            zh=f"对方有 {len(found)} 条记录带有本方标识 {push.reference}（{ids}）：请只保留一条",
        )
    return found[0] if found else None


async def _create(ctx: Context, name: str, spec: StreamSpec, push: Push) -> Pushed:
    action = _declared(spec.create, name, "create")
    reply = await _send(ctx, name, spec, action, push, "", push.record)
    record = _answer(reply, action)
    key = text_at(record, spec.id) or reply.headers.get("location", "").rstrip("/").rpartition("/")[2]
    if not key:
        raise Uncertain(
            f"the answer to a create holds no id at `{spec.id}`: correct `create.record` or `id` of `{name}`",
            zh=f"新建后的答复在 {spec.id} 处没有 id：请更正 {name} 的 create.record 或 id",
        )
    lines = _lines(spec, record or {})
    await ctx.created(key, lines)
    return Pushed(key, _whole(record, push.record), lines)


async def _update(ctx: Context, name: str, spec: StreamSpec, push: Push, key: str) -> Pushed:
    action = _declared(spec.update, name, "update")
    body = overlay(push.known, push.record) if action.whole else push.record
    reply = await _send(ctx, name, spec, action, push, key, body)
    record = _whole(_answer(reply, action), {**(push.known or {}), **push.record})
    return Pushed(key, record, _lines(spec, record or {}))


async def _send(ctx: Context, name: str, spec: StreamSpec, action: Call, push: Push, key: str, body: Any) -> Reply:
    headers = {}
    if spec.idempotency_header and push.action == "create" and not key:
        headers[spec.idempotency_header] = push.idempotency_key
    tag = text_at(push.known, spec.etag) if spec.etag and key else ""
    if tag:
        headers["if-match"] = tag if tag.startswith(('"', "W/")) else f'"{tag}"'
    content = {action.nest: body} if action.nest and body is not None else body
    address = address_of(ctx.config, action.path, key)
    return await call(ctx, name, action.method, address, writes=True, headers=headers, json=content)


def _answer(reply: Reply, action: Call) -> Record | None:
    """The record in the answer to a write; some answer with nothing at all."""
    found = search(action.record, reply.json()) if reply.body.strip() else None
    return found if isinstance(found, dict) else None


def _whole(record: Record | None, expected: Record) -> Record | None:
    """An answer with every field we know or sent shows the record as it stands; one with an id alone does not."""
    return record if record is not None and set(expected) <= set(record) else None


def _lines(spec: StreamSpec, record: Record) -> Mapping[str, Sequence[str]]:
    found = {path: at(record, path) for path in spec.lines}
    return {
        path: [text_at(row, spec.lines[path]) for row in rows] for path, rows in found.items() if isinstance(rows, list)
    }


def _known_key(push: Push) -> str:
    if push.key is None:
        raise NotFound(f"nothing to {push.action}: the record was never created there", zh="对方没有这条记录")
    return push.key


def _declared(action: Call | None, name: str, verb: str) -> Call:
    if action is None:
        raise ConfigInvalid(
            f"`{name}` declares no `{verb}` call: add it, or let the sync not ask for it",
            zh=f"{name} 没有声明 {verb} 调用：请补充，或让同步任务不再需要它",
            scope=name,
        )
    return action
