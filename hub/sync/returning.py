"""What was deleted and is said to be there again by a call that came by itself: calls come late and overtake each other,
so this one may be from before the delete. The source is asked: by key where it can be, else it is read once more; what
it says then is believed."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, text

from hub.sdk.connector import Fetches, Pulls
from hub.sdk.records import Bell
from hub.sync.batch import Batch
from hub.sync.bells import Ring, ring

ASKED: Final = "it was deleted there: the source is asked whether it is there again"

_GONE = """
SELECT key, 0 AS id FROM link
WHERE connection = :connection AND stream = :stream AND key = ANY(:keys) AND deleted_at IS NOT NULL
UNION ALL SELECT key, id FROM inbox
WHERE connection = :connection AND stream = :stream AND key = ANY(:keys) AND deleted AND state IN ('due', 'waiting')
"""


async def ask_again(batch: Batch, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Set aside what only a call says of records that are deleted, or about to be; returns the others."""
    sync = batch.sync
    called = [row for row in rows if row.receipt_id is not None and row.corrects is None and row.key is not None]
    stream = batch.engine.configuration.connections[sync.connection].streams.get(sync.stream)
    if not called or not isinstance(stream, Fetches | Pulls):
        return list(rows)
    scope = {"connection": sync.connection, "stream": sync.stream, "keys": sorted({row.key for row in called})}
    gone: defaultdict[str, set[int]] = defaultdict(set)
    for each in await batch.conn.execute(text(_GONE), scope):
        gone[each.key].add(each.id)
    doubted = [row for row in called if row.key in gone and row.id > min(gone[row.key])]
    for row in doubted:
        batch.verdicts.superseded(row.id, ASKED)
    if doubted:
        keys = {row.key if isinstance(stream, Fetches) else None: row.correlation for row in doubted}
        rings = [Ring(Bell(sync.stream, key), "there again?", correlation=said) for key, said in keys.items()]
        await ring(batch.conn, sync.connection, rings, doubted[0].correlation, batch.now)
    aside = {row.id for row in doubted}
    return [row for row in rows if row.id not in aside]
