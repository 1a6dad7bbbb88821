"""What is the matter now, one line per sync (or connection) and kind of trouble: `failing`, `stopped`, `behind`,
`person`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync, Configuration
from hub.sync import groups

What = Literal["failing", "stopped", "behind", "person"]
"""Failing is told of records, stopped of the whole sync: that a few records fail must not hide that nothing goes."""

QUESTIONS: Final = frozenset({"Held", "Disputed", "Ambiguous", "PerhapsCreated", "NobodyToTell"})
"""Classes that ask a person something; the others say that something does not work."""
PASSING: Final = frozenset({"Unavailable", "Throttled"})
"""Pauses that mostly end by themselves: a trouble when they last longer than a sync may be behind."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`subject`: a sync or a connection. `place`: where it is looked at."""

    subject: str
    what: What
    connection: str
    count: int
    since: datetime
    cause: str
    zh: str
    place: str

    @property
    def key(self) -> tuple[str, str]:
        return self.subject, self.what


async def troubles(
    conn: AsyncConnection, configuration: Configuration, now: datetime
) -> dict[tuple[str, str], Trouble]:
    """Everything of live syncs, the largest cause of each named."""
    live = [sync for sync in configuration.syncs.values() if sync.mode == "live"]
    found = [
        *await _parked(conn, live),
        *await _paused(conn, live, now),
        *await _lagging(conn, live, now),
    ]
    together: dict[tuple[str, str], Trouble] = {}
    for trouble in found:
        known = together.get(trouble.key)
        together[trouble.key] = trouble if known is None else _both(known, trouble)
    return together


def _both(first: Trouble, second: Trouble) -> Trouble:
    """One line of two: the larger one names the cause."""
    large, small = (first, second) if first.count >= second.count else (second, first)
    return replace(large, count=large.count + small.count, since=min(large.since, small.since))


async def _parked(conn: AsyncConnection, live: Sequence[BoundSync]) -> list[Trouble]:
    """Failed work by cause; what belongs to no live sync (a receipt) is its connection's."""
    of = {(sync.connection, sync.stream): sync.name for sync in live}
    alive = {sync.connection for sync in live}
    found = []
    for group in await groups.groups(conn):
        place = (group["connection"], group["stream"])
        if place not in of and (group["what"] != "receipt" or group["connection"] not in alive):
            continue
        found.append(
            Trouble(
                subject=of.get(place) or str(group["connection"]),
                what="person" if group["error_class"] in QUESTIONS else "failing",
                connection=group["connection"],
                count=group["count"],
                since=group["oldest"],
                cause=_first_line(group["error"]),
                zh=_first_line(group["error_zh"] or group["error"]),
                place=f"failed?group={group['id']}",
            )
        )
    return found


def _first_line(sentence: str | None) -> str:
    return (sentence or "-").splitlines()[0]


async def _paused(conn: AsyncConnection, live: Sequence[BoundSync], now: datetime) -> list[Trouble]:
    """Connections and streams that an error has paused."""
    rows = await conn.execute(
        text("SELECT connection, stream, reason, error, error_zh, since FROM pause WHERE who = 'hub'")
    )
    found = []
    for row in rows:
        concerned = [s for s in live if s.connection == row.connection and row.stream in ("", s.stream)]
        patience = min((sync.spec.behind for sync in concerned), default=None)
        if patience is None or (row.reason in PASSING and now - row.since <= patience):
            continue
        subject = concerned[0].name if row.stream else row.connection
        place = f"connections/{row.connection}"
        error, zh = row.error or row.reason, row.error_zh or row.error or row.reason
        found.append(Trouble(subject, "stopped", row.connection, len(concerned), row.since, error, zh, place))
    return found


_OLDEST: Final = """
SELECT s.name, s.failures, s.error, s.error_zh, coalesce(s.last_pull_at, :now) AS pulled,
  EXISTS (SELECT 1 FROM pause p WHERE p.connection = s.connection AND p.stream IN ('', s.stream)) AS paused, least(
  (SELECT min(received_at) FROM inbox WHERE connection = s.connection AND stream = s.stream AND state = 'due'
     AND live AND NOT s.spec ? 'message'),
  (SELECT min(owed_since) FROM delivery WHERE sync = s.name AND connection = s.connection
     AND state NOT IN ('done', 'superseded', 'dismissed') AND state IN ('due', 'running'))) AS oldest
FROM sync s WHERE s.name = ANY(:names)
"""


async def _lagging(conn: AsyncConnection, live: Sequence[BoundSync], now: datetime) -> list[Trouble]:
    """Pulls that fail, and work that lies longer than its sync allows. A pause explains itself."""
    of: Mapping[str, BoundSync] = {sync.name: sync for sync in live}
    rows: Sequence[Any] = (await conn.execute(text(_OLDEST), {"names": list(of), "now": now})).all()
    found = []
    for row in rows:
        sync, place = of[row.name], f"syncs/{row.name}"
        if row.paused:
            continue
        if row.failures:
            error, zh = _first_line(row.error), _first_line(row.error_zh or row.error)
            found.append(Trouble(row.name, "stopped", sync.connection, row.failures, row.pulled, error, zh, place))
        if row.oldest is not None and now - row.oldest > sync.spec.behind:
            error, zh = f"behind for more than {_span(sync.spec.behind)}", f"滞后超过 {_span(sync.spec.behind)}"
            found.append(Trouble(row.name, "behind", sync.connection, 1, row.oldest, error, zh, place))
    return found


def _span(limit: timedelta) -> str:
    return f"{limit.total_seconds() / 60:g} min"
