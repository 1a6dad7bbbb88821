"""Writing one row: what to send, and only when there is something to send."""

from collections.abc import Set as AbstractSet
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.fxiaoke.client import write
from connectors.fxiaoke.errors import part
from hub.sdk import Context, Record

EMPTY: tuple[Any, ...] = (None, "", [])


async def create(ctx: Context, object_name: str, fields: Record) -> str:
    filled = {name: value for name, value in fields.items() if value not in EMPTY}
    data = {"object_data": {"dataObjectApiName": object_name, **filled}}
    answer = await write(ctx, "create", {**_flows(ctx), "data": data})
    return str(part(answer, "dataId", writes=True))


async def update(ctx: Context, object_name: str, key: str, fields: Record) -> None:
    """An owner changes by a call of its own; `update` refuses it."""
    rest = {name: value for name, value in fields.items() if name not in {"_id", "owner"}}
    if rest:
        data = {"object_data": {"dataObjectApiName": object_name, "_id": key, **rest}}
        await write(ctx, "update", {**_flows(ctx), "data": data})
    if fields.get("owner"):
        change = [{"objectDataId": key, "ownerId": fields["owner"]}]
        await write(ctx, "changeOwner", {"data": {"dataObjectApiName": object_name, "Data": change}})


async def invalidate(ctx: Context, object_name: str, key: str) -> None:
    await write(ctx, "invalid", {"data": {"dataObjectApiName": object_name, "object_data_id": key}})


async def delete(ctx: Context, object_name: str, key: str) -> None:
    """Works on invalidated rows only."""
    await write(ctx, "delete", {"data": {"dataObjectApiName": object_name, "idList": [key]}})


def differing(wanted: Record, standing: Record, numbers: AbstractSet[str]) -> Record:
    """The fields whose value there is another. Empty fields are left out of the vendor's answers."""
    return {
        name: value
        for name, value in wanted.items()
        if name != "_id" and not _same(value, standing.get(name), name in numbers)
    }


def _same(left: Any, right: Any, number: bool) -> bool:
    if left in EMPTY or right in EMPTY:
        return left in EMPTY and right in EMPTY
    if left == right or not number:
        return bool(left == right)
    try:
        return Decimal(str(left)) == Decimal(str(right))
    except InvalidOperation:
        return False


def _flows(ctx: Context) -> dict[str, bool]:
    """Both default to true there: a sync that starts approvals and workflows would call itself."""
    return {"triggerApprovalFlow": ctx.config.trigger_approval, "triggerWorkFlow": ctx.config.trigger_workflow}
