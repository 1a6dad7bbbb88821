"""A person's word in a dispute: whose value of the disputed fields is kept. To decide is to write: a new inbox row names
the parked one and carries the word; apply obeys it."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.ownership import HUB
from hub.db import bulk
from hub.db.tables import inbox
from hub.db.wake import wake
from hub.security import audit
from hub.sync.corrections import KEPT, open_row
from hub.sync.desk import DeskError, Person
from hub.sync.disputes import DISPUTED


async def keep(conn: AsyncConnection, number: int, connection: str, by: Person) -> int:
    """Keep what `connection` says of the fields in dispute; returns the new inbox row. Raises DeskError."""
    row = await open_row(conn, number)
    disputes: list[dict[str, Any]] = row["error_fields"] if row["error_class"] == DISPUTED else []
    if not disputes:
        raise DeskError(
            f"inbox {number} is not in dispute: retry, correct or dismiss it",
            f"入站记录 {number} 没有取值争议，请重试、更正或忽略",
        )
    others = {each["other"] for each in disputes}
    parties = sorted(others if HUB in others else {row["connection"], *others})
    if connection not in parties:
        named = ", ".join(parties)
        raise DeskError(f"{connection} is no party: say {named}", f"{connection} 不是争议方，请选择 {named}")
    fresh = {
        **{name: row[name] for name in KEPT},
        "kept": {each["path"]: connection for each in disputes},
        "state": "due",
        "due_at": by.now,
        "received_at": by.now,
        "corrects": number,
    }
    (made,) = await bulk.insert(conn, inbox, [fresh], returning=["id"])
    settled = "UPDATE inbox SET state = 'superseded', note = 'corrected', settled_at = :now WHERE id = :id"
    await conn.execute(text(settled), {"id": number, "now": by.now})
    await audit.record(conn, by.name, "inbox.keep", str(number), {"kept": connection, "by": made["id"]})
    wake(conn)
    return int(made["id"])
