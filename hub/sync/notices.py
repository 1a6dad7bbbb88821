"""Owners are told of their syncs' troubles: one message when they begin, one when they are over, never twice; and
whoever is assigned something (`hub.sync.assigning`) is told once.

`watch` compares what is the matter with what is noted; `tell` sends what is due, bundled by owner. Between noting that a
message goes out and noting that it went, the process may die: then it was perhaps sent, and is not sent again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Configuration
from hub.db import bulk
from hub.db.tables import notice as notice_table
from hub.sdk.records import Message
from hub.settings import NoticeSettings, Settings
from hub.sync.assigning import ways_to, withdraw
from hub.sync.channels import send
from hub.sync.engine import Engine
from hub.sync.letters import written
from hub.sync.mail import Told
from hub.sync.troubles import Trouble, troubles

UNKNOWN_SECONDS: Final = 120.0  # a message that is under way for so long was sent by a process that died
AGAIN_SECONDS: Final = 300.0  # no channel worked: not before
KEPT_DAYS: Final = 90

_OPEN = "SELECT * FROM notice WHERE phase <> 'closed' AND what <> 'assigned' FOR UPDATE"
_STANDS = """
UPDATE notice SET size = :size, cause = :cause, cause_zh = :zh, since = :since, place = :place, gone_at = NULL,
  phase = CASE WHEN phase = 'over' THEN 'told' ELSE phase END WHERE id = :id
"""
_GONE = "UPDATE notice SET gone_at = :now WHERE id = ANY(:ids) AND gone_at IS NULL"
_OVER = "UPDATE notice SET phase = 'over' WHERE id = ANY(:ids)"
_NEVER = "DELETE FROM notice WHERE id = ANY(:ids)"


async def notices_due(engine: Engine, settings: Settings) -> int:
    """Look, and tell what is due; returns how many messages went out."""
    if _anybody(engine.configuration, settings.notices):
        await watch(engine, settings.notices)
    return await tell(engine, settings)


def _anybody(configuration: Configuration, notices: NoticeSettings) -> bool:
    return bool(notices.fallback) or any(bound.spec.notify for bound in configuration.connections.values())


def channels_of(
    configuration: Configuration, notices: NoticeSettings, connection: str
) -> tuple[str | None, Sequence[str]]:
    """Whose connection it is, and where that person is told: as this connection says, else as `ways_to` says."""
    bound = configuration.connections.get(connection)
    owner = bound.spec.owner if bound else None
    if bound is not None and bound.spec.notify:
        return owner, bound.spec.notify
    return owner, ways_to(configuration, notices, owner)


async def watch(engine: Engine, notices: NoticeSettings) -> None:
    """Note what began and what is over. A trouble that comes back before it counted as over was never away."""
    async with engine.db.begin("notices") as conn:
        await _alone(conn)
        now = engine.now()
        found = await troubles(conn, engine.configuration, now)
        rows = (await conn.execute(text(_OPEN))).all()
        known = {(row.subject, row.what): row for row in rows}
        fresh = [
            _fresh(engine.configuration, notices, trouble, now) for key, trouble in found.items() if key not in known
        ]
        await bulk.insert(conn, notice_table, [row for row in fresh if row["channels"]])
        for key, row in known.items():
            if key in found and row.intent_at is None and _differs(row, found[key]):
                await conn.execute(text(_STANDS), {"id": row.id, **_facts(found[key])})
        away = [row for key, row in known.items() if key not in found and row.intent_at is None]
        calm = now - timedelta(seconds=notices.calm_seconds)
        await conn.execute(text(_GONE), {"ids": [row.id for row in away], "now": now})
        gone = [row for row in away if row.gone_at is not None and row.gone_at <= calm]
        await conn.execute(text(_OVER), {"ids": [row.id for row in gone if row.phase == "told"]})
        await conn.execute(text(_NEVER), {"ids": [row.id for row in gone if row.phase == "seen"]})


async def _alone(conn: AsyncConnection) -> None:
    await conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('notices', 0))"))


def _facts(trouble: Trouble) -> dict[str, Any]:
    return {
        "size": trouble.count,
        "cause": trouble.cause,
        "zh": trouble.zh,
        "since": trouble.since,
        "place": trouble.place,
    }


def _differs(row: Row[Any], trouble: Trouble) -> bool:
    facts = (row.size, row.cause, row.since, row.place)
    return row.gone_at is not None or facts != (trouble.count, trouble.cause, trouble.since, trouble.place)


def _fresh(configuration: Configuration, notices: NoticeSettings, trouble: Trouble, now: datetime) -> dict[str, Any]:
    owner, channels = channels_of(configuration, notices, trouble.connection)
    facts = _facts(trouble)
    return {
        "subject": trouble.subject,
        "what": trouble.what,
        "owner": owner,
        "channels": list(channels),
        "cause_zh": facts.pop("zh"),
        **facts,
        "phase": "seen",
        "seen_at": now,
    }


_FINISH = """
UPDATE notice SET phase = CASE WHEN phase = 'over' OR what = 'assigned' THEN 'closed' ELSE 'told' END,
  told_at = CASE WHEN phase = 'over' THEN told_at ELSE intent_at END,
  over_at = CASE WHEN phase = 'over' OR what = 'assigned' THEN intent_at END, intent_at = NULL, doubt = doubt OR :doubt,
  channel = coalesce(:channel, channel) WHERE id = ANY(:ids) AND intent_at IS NOT NULL
"""
_LOST = "SELECT id FROM notice WHERE phase <> 'closed' AND intent_at <= :before"
_DUE = """
SELECT n.* FROM notice n WHERE n.intent_at IS NULL AND (n.try_at IS NULL OR n.try_at <= :now)
  AND (n.phase = 'over' OR n.phase = 'seen' AND n.seen_at <= :ripe AND n.gone_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM notice o WHERE o.channels = n.channels
    AND (greatest(o.told_at, o.over_at) > :bundled OR o.intent_at IS NOT NULL))
ORDER BY n.id FOR UPDATE OF n
"""
_INTEND = "UPDATE notice SET intent_at = :now WHERE id = ANY(:ids)"
_NOT_YET = "UPDATE notice SET intent_at = NULL, try_at = :later WHERE id = ANY(:ids)"
_FORGET = "DELETE FROM notice WHERE phase = 'closed' AND over_at < :old"


async def tell(engine: Engine, settings: Settings) -> int:
    """Send what is due, one message per owner; returns how many went out."""
    bundles = await _claim(engine, settings.notices)
    return sum([await _send(engine, settings, channels, rows) for channels, rows in bundles.items()])


async def _claim(engine: Engine, notices: NoticeSettings) -> Mapping[tuple[str, ...], list[Row[Any]]]:
    """What is due, marked as under way. What was under way when its process died was perhaps sent."""
    async with engine.db.begin("notices claim") as conn:
        await _alone(conn)
        now = engine.now()
        lost = await conn.execute(text(_LOST), {"before": now - timedelta(seconds=UNKNOWN_SECONDS)})
        ids = [row.id for row in lost]
        await conn.execute(text(_FINISH), {"ids": ids, "doubt": True, "channel": None})
        await conn.execute(text(_FORGET), {"old": now - timedelta(days=KEPT_DAYS)})
        await withdraw(conn)
        values = {
            "now": now,
            "ripe": now - timedelta(seconds=notices.wait_seconds),
            "bundled": now - timedelta(seconds=notices.bundle_seconds),
        }
        rows = (await conn.execute(text(_DUE), values)).all()
        await conn.execute(text(_INTEND), {"ids": [row.id for row in rows], "now": now})
    bundles: defaultdict[tuple[str, ...], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        bundles[tuple(row.channels)].append(row)
    return bundles


async def _send(engine: Engine, settings: Settings, channels: Sequence[str], rows: Sequence[Row[Any]]) -> int:
    """By the first channel that works. One whose answer is missing counts as having worked: told twice is worse."""
    title, body = written(rows, settings, engine.now())
    message = Message("", title, body, f"notice-{rows[0].id}-{rows[0].phase}")
    for channel in channels:
        told = await send(engine, settings.mail, channel, message)
        await engine.keep(partial(_note, engine, channel, told, [row.id for row in rows]))
        if told.outcome != "failed":
            return 1
    async with engine.db.begin("notices wait") as conn:
        later = engine.now() + timedelta(seconds=AGAIN_SECONDS)
        await conn.execute(text(_NOT_YET), {"ids": [row.id for row in rows], "later": later})
    return 0


_BROKEN = """
INSERT INTO notice_channel (channel, since, error, error_zh) VALUES (:channel, :now, :error, :zh)
ON CONFLICT (channel) DO UPDATE SET error = excluded.error, error_zh = excluded.error_zh
"""


async def _note(engine: Engine, channel: str, told: Told, ids: Sequence[int]) -> None:
    """What came of one channel: it does not work now, or the message is out."""
    async with engine.db.begin("notices told") as conn:
        if told.outcome == "failed":
            values = {"channel": channel, "now": engine.now(), "error": told.error, "zh": told.zh}
            await conn.execute(text(_BROKEN), values)
            return
        await conn.execute(text("DELETE FROM notice_channel WHERE channel = :channel"), {"channel": channel})
        values = {"ids": list(ids), "doubt": told.outcome == "perhaps", "channel": channel}
        await conn.execute(text(_FINISH), values)
