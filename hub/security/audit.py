"""The audit trail: who did what to which thing; written in the same transaction as the deed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sdk import jsontext
from hub.security.redact import redact


async def record(
    connection: AsyncConnection,
    who: str,
    act: str,
    what: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one line; fields of the detail that name a secret are masked."""
    statement = """
        INSERT INTO audit (at, who, act, what, detail)
        VALUES (clock_timestamp(), :who, :act, :what, CAST(:detail AS jsonb))
    """
    masked = jsontext.dumps(redact(detail or {})).decode()
    await connection.execute(text(statement), {"who": who, "act": act, "what": what, "detail": masked})
