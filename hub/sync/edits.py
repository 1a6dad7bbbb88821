"""The same edit for many: set values, or put another value where a certain one stands."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.store import load
from hub.config.runtime import Configuration
from hub.sync import corrections
from hub.sync.desk import DeskError, NotThere, Person, What


@dataclass(frozen=True, slots=True)
class Edit:
    """Either `values` (path or field -> value), or `new` where `old` stands at `path` (empty: the field that failed)."""

    values: Mapping[str, Any] = field(default_factory=dict)
    old: str | None = None
    new: Any = None
    path: str = ""

    def told(self) -> dict[str, Any]:
        kept = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value for name, value in kept.items() if name in ("old", "new") or value}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Edit":
        return cls(**told)

    def check(self, table: What) -> None:
        """Raises DeskError."""
        if bool(self.values) == (self.old is not None):
            raise DeskError("give either PATH=VALUE or from and to", "请填写 路径=值，或 from 与 to，二者之一")
        if self.old is not None and self.new is None:
            raise DeskError("say what it is to be: to", "请填写替换后的值 to")
        if self.old is not None and table == "delivery" and not self.path:
            raise DeskError(
                "say which field of the entity: a delivery names the field of its target",
                "请填写业务对象的字段 path：推送报错的是目标系统的字段",
            )


async def correct_one(
    conn: AsyncConnection, configuration: Configuration, row: tuple[What, int], edit: Edit, by: Person
) -> None:
    """A correction of one row by this edit. Raises DeskError when it does not fit."""
    table, number = row
    if table == "inbox":
        values = edit.values or await _in_record(conn, number, edit)
        await corrections.correct_inbox(conn, configuration, number, values, by)
    else:
        values = edit.values or await _in_entity(conn, configuration, number, edit)
        await corrections.correct_delivery(conn, configuration, number, values, by)


async def _in_record(conn: AsyncConnection, number: int, edit: Edit) -> dict[str, Any]:
    row = await corrections.open_row(conn, number)
    path = edit.path or _failed_at(row["error_fields"])
    if not path:
        raise DeskError(
            f"inbox {number} names no field: say at which path", f"入站记录 {number} 没有出错字段：请填写路径 path"
        )
    _same(_at(row["record"], path), path, edit)
    return {path: edit.new}


def _failed_at(fields: Any) -> str:
    first = fields[0] if isinstance(fields, list) and fields else {}
    return re.sub(r"\[([0-9]+)\]", r".\1", str(first.get("path") or ""))


async def _in_entity(conn: AsyncConnection, configuration: Configuration, number: int, edit: Edit) -> dict[str, Any]:
    found = await conn.execute(text("SELECT kind, entity_id FROM delivery WHERE id = :id"), {"id": number})
    row = found.one_or_none()
    if row is None:
        raise NotThere("delivery", number)
    entities = await load(conn, configuration.kinds, row.kind, [row.entity_id])
    if row.entity_id not in entities:
        raise NotThere(row.kind, row.entity_id)
    _same(entities[row.entity_id].fields.get(edit.path), edit.path, edit)
    return {edit.path: edit.new}


def _at(record: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(record, list):
            record = record[int(name)] if name.isdecimal() and int(name) < len(record) else None
        else:
            record = record.get(name) if isinstance(record, Mapping) else None
    return record


def _same(value: Any, path: str, edit: Edit) -> None:
    if isinstance(value, Mapping) and "amount" in value:
        value = f"{value['amount']} {value.get('currency') or ''}".strip()
    said = "" if value is None else str(value)
    if said != edit.old:
        raise DeskError(f"{path} is {said!r}, not {edit.old!r}", f"{path} 的值是 {said!r}，不是 {edit.old!r}")
