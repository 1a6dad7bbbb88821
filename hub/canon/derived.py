"""What the hub derived from two entities that are joined: its stable keys name the winner from then on, and where both
had led to the same thing (an open item each), that is found twice and must be joined as well."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity
from hub.canon.identity import find_origins
from hub.canon.joinable import Pair
from hub.canon.kinds import Kinds
from hub.mapping.shape import Shape
from hub.sdk import jsontext

Twin = tuple[str, int, int]
"""Kind, what the loser led to, what the winner led to."""

_OF = text(
    "SELECT substr(value, 8) AS origin, kind, entity_id FROM match_key"
    " WHERE entity_id = ANY(:ids) AND value LIKE 'origin|%' ORDER BY entity_id, value"
)
_RENAME = text(
    """
    UPDATE match_key k SET value = 'origin|' || x.new
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(kind text, entity_id bigint, old text, new text)
    WHERE k.kind = x.kind AND k.entity_id = x.entity_id AND k.value = 'origin|' || x.old
    """
)


async def turn_origins(
    conn: AsyncConnection, kinds: Kinds, kind: str, pair: Pair, referring: Sequence[Entity]
) -> tuple[list[dict[str, Any]], list[Twin]]:
    """The keys renamed, and the twins."""
    renamed: list[dict[str, Any]] = []
    twins: list[Twin] = []
    ids = [entity.id for entity in referring if entity.joined_into is None]
    for row in (await conn.execute(_OF, {"ids": ids})).all():
        new = _turned(kinds.shape(row.kind), row.origin, kind, pair)
        if new == row.origin:
            continue
        twin = (await find_origins(conn, row.kind, [new])).get(new)
        if twin is None:
            renamed.append({"kind": row.kind, "entity_id": row.entity_id, "old": row.origin, "new": new})
        else:
            twins.append((row.kind, row.entity_id, twin))
    await conn.execute(_RENAME, {"rows": jsontext.dumps(renamed).decode()})
    return renamed, twins


async def origins_back(conn: AsyncConnection, renamed: Sequence[dict[str, Any]]) -> None:
    rows = [{**row, "old": row["new"], "new": row["old"]} for row in renamed]
    await conn.execute(_RENAME, {"rows": jsontext.dumps(rows).decode()})


def _turned(shape: Shape, origin: str, kind: str, pair: Pair) -> str:
    """`payment:7:open_item:9` names references and their values, in turn; what else it says stays."""
    parts = origin.split(":")
    for place in range(0, len(parts) - 1, 2):
        spec = shape.fields.get(parts[place])
        if spec is not None and spec.ref == kind and parts[place + 1] == str(pair[0]):
            parts[place + 1] = str(pair[1])
    return ":".join(parts)
