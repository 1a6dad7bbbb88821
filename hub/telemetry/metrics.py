"""Metrics for Prometheus, read from the database: any process answers for all, and nothing is lost by a restart.

Counters come from `tally`, written in the transactions they count. Gauges come from one query over what is open now."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.tables import SETTLED
from hub.telemetry.latency import LOOP, STEPS, SUM

_COUNTERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "received": ("hub_received", "Calls and files by verdict", "connection"),
    "read": ("hub_read", "Records that were read: new ones are stored, the others unchanged", "sync"),
    "applied": ("hub_applied", "Inbox records by what they came to: a state, or the class of the failure", "sync"),
    "pushed": ("hub_pushed", "Tries of deliveries by what they came to: done, or the class of the failure", "sync"),
    "paused": ("hub_pauses", "Pauses begun, by the class of their cause", "connection"),
}
_HISTOGRAMS: Final[Mapping[str, tuple[str, str, str]]] = {
    "latency": ("hub_arrive_to_push_seconds", "From a record's arrival to the target's yes", "sync"),
    LOOP: ("hub_loop_seconds", "How long one turn of an engine loop took", "loop"),
}
_GAUGES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "hub_open": ("What is not settled, by stage and state", ("stage", "connection", "sync", "state")),
    "hub_oldest_seconds": ("Age of the oldest that is not settled", ("stage", "connection", "sync", "state")),
    "hub_parked": ("What waits for a person, by class", ("stage", "connection", "sync", "class")),
    "hub_sync_health": ("1 for the health word of this sync", ("connection", "sync", "health")),
    "hub_sync_lag_seconds": (
        "How long the oldest unfinished thing of this sync has been with us",
        ("connection", "sync"),
    ),
    "hub_sync_read_age_seconds": ("Since the last pull ended", ("connection", "sync")),
    "hub_pause_seconds": ("How long a connection or stream has been paused", ("connection", "stream", "reason")),
    "hub_runs": ("Runs at work and held ones", ("sync", "what", "state")),
    "hub_table_bytes": ("Size of the tables that come and go, with their indexes", ("table",)),
    "hub_database_bytes": ("Size of the database", ()),
    "hub_oldest_transaction_seconds": ("Age of the oldest open transaction: it keeps dead rows from being removed", ()),
    "hub_engine_silent_seconds": ("Since an engine last wrote its pulse", ()),
    "hub_disk_free_bytes": ("Room on the disk of the data folder, as this process sees it", ()),
}

_READER: Final = """(SELECT s.name FROM sync s WHERE s.connection = o.connection AND s.stream = o.stream
    AND NOT s.spec ? 'message' AND coalesce(s.spec ->> 'direction', 'in') <> 'out' ORDER BY s.name LIMIT 1)"""
_OPEN: Final = f"state NOT IN ({SETTLED})"
_NOW: Final = text(
    f"""
    WITH opened AS (
        SELECT 'receipt' AS stage, connection, source AS stream, NULL AS sync, state, error_class, count(*) AS n,
            min(received_at) AS oldest FROM receipt WHERE {_OPEN} GROUP BY 2, 3, 5, 6
        UNION ALL SELECT 'bell', connection, stream, NULL, state, error_class, count(*), min(due_at)
            FROM bell WHERE {_OPEN} GROUP BY 2, 3, 5, 6
        UNION ALL SELECT 'inbox', connection, stream, NULL, state, NULL, count(*), min(received_at)
            FROM inbox WHERE state = 'due' GROUP BY 2, 3, 5
        UNION ALL SELECT 'inbox', connection, stream, NULL, state, error_class, count(*), min(received_at)
            FROM inbox WHERE state IN ('parked', 'waiting') GROUP BY 2, 3, 5, 6
        UNION ALL SELECT 'delivery', connection, stream, sync, state, error_class, count(*), min(owed_since)
            FROM delivery WHERE {_OPEN} GROUP BY 2, 3, 4, 5, 6
    )
    SELECT 'open' AS what, o.stage AS a, o.connection AS b, coalesce(o.sync, {_READER}, '') AS c, o.state AS d,
        o.error_class AS e, CAST(o.n AS double precision) AS n, greatest(extract(epoch FROM :now - o.oldest), 0) AS age
    FROM opened o
    UNION ALL SELECT 'tally', what, name, label, NULL, NULL, sum(n), NULL FROM tally GROUP BY what, name, label
    UNION ALL SELECT 'sync', name, connection, NULL, NULL, NULL, extract(epoch FROM :now - last_pull_at), NULL FROM sync
    UNION ALL SELECT 'pause', connection, stream, reason, NULL, NULL, extract(epoch FROM :now - since), NULL FROM pause
    UNION ALL SELECT 'run', sync, what, state, NULL, NULL, count(*), NULL FROM run WHERE state IN ('running', 'held')
        GROUP BY 2, 3, 4
    UNION ALL SELECT 'table', name, NULL, NULL, NULL, NULL, pg_total_relation_size(CAST(name AS regclass)), NULL
        FROM unnest(CAST(:tables AS text[])) AS name
    UNION ALL SELECT 'database', NULL, NULL, NULL, NULL, NULL, pg_database_size(current_database()), NULL
    UNION ALL SELECT 'transaction', NULL, NULL, NULL, NULL, NULL,
        coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0), NULL
        FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
    UNION ALL SELECT 'beat', NULL, NULL, NULL, NULL, NULL, extract(epoch FROM :now - max(at)), NULL FROM pulse
    """
)
TABLES: Final = ("receipt", "inbox", "delivery", "attempt", "change", "bell", "event")


async def read(conn: AsyncConnection, now: Any) -> list[Row[Any]]:
    """Everything that is counted and open, in one statement of one snapshot."""
    return list((await conn.execute(_NOW, {"now": now, "tables": list(TABLES)})).all())


def exposition(
    rows: Sequence[Row[Any]], syncs: Iterable[Mapping[str, Any]] = (), disk_free: int | None = None
) -> bytes:
    """As Prometheus reads it. `syncs`: name, connection, health and lag_seconds, as the views tell them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_counted(rows), *_gauged(rows, list(syncs), disk_free)]))
    return generate_latest(registry)


class _Once:
    """What was collected already, in the form the library asks for."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _counted(rows: Sequence[Row[Any]]) -> Iterator[Metric]:
    connections = {row.a: row.b for row in rows if row.what == "sync"}
    told: defaultdict[str, defaultdict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row.what == "tally":
            told[row.a][row.b][row.c] = int(row.n)
    for what, (name, help_text, noun) in _COUNTERS.items():
        family = CounterMetricFamily(name, help_text, labels=[*_nouns(noun), "outcome"])
        for about, labels in told[what].items():
            for label, n in labels.items():
                family.add_metric([*_values(noun, about, connections), label], n)
        yield family
    for what, (name, help_text, noun) in _HISTOGRAMS.items():
        histogram = HistogramMetricFamily(name, help_text, labels=_nouns(noun))
        for about, labels in told[what].items():
            seconds = labels.get(SUM, 0) / 1_000_000
            histogram.add_metric(_values(noun, about, connections), _buckets(labels), seconds)
        yield histogram


def _nouns(noun: str) -> list[str]:
    return ["connection", "sync"] if noun == "sync" else [noun]


def _values(noun: str, about: str, connections: Mapping[str, str]) -> list[str]:
    return [connections.get(about, ""), about] if noun == "sync" else [about]


def _buckets(labels: Mapping[str, int]) -> list[tuple[str, float]]:
    """Each step with all that were as quick or quicker."""
    found: list[tuple[str, float]] = []
    total = 0
    for bound in (*(f"{seconds:g}" for seconds in STEPS), "+Inf"):
        total += labels.get(bound, 0)
        found.append((bound, total))
    return found


def _gauged(rows: Sequence[Row[Any]], syncs: Sequence[Mapping[str, Any]], disk_free: int | None) -> Iterator[Metric]:
    found: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for row in rows:
        _GAUGE_OF.get(row.what, _nothing)(found, row)
    for sync in syncs:
        place = (str(sync["connection"]), str(sync["name"]))
        found["hub_sync_health"][(*place, str(sync["health"]))] = 1
        found["hub_sync_lag_seconds"][place] = float(sync["lag_seconds"])
    if disk_free is not None:
        found["hub_disk_free_bytes"][()] = disk_free
    for name, (help_text, labels) in _GAUGES.items():
        family = GaugeMetricFamily(name, help_text, labels=labels)
        for values, n in sorted(found[name].items()):
            family.add_metric(values, n)
        yield family


_Found = defaultdict[str, dict[tuple[str, ...], float]]


def _nothing(found: _Found, row: Row[Any]) -> None:
    """No gauge."""


def _open(found: _Found, row: Row[Any]) -> None:
    place = (row.a, row.b, row.c, row.d)
    counts, ages = found["hub_open"], found["hub_oldest_seconds"]
    counts[place] = counts.get(place, 0) + row.n
    ages[place] = max(ages.get(place, 0), float(row.age))
    if row.d == "parked":
        parked, why = found["hub_parked"], (row.a, row.b, row.c, row.e or "")
        parked[why] = parked.get(why, 0) + row.n


def _single(name: str, *columns: str) -> Any:
    """One row, one value, where there is one."""

    def put(found: _Found, row: Row[Any]) -> None:
        if row.n is not None:
            found[name][tuple(getattr(row, column) for column in columns)] = float(row.n)

    return put


_GAUGE_OF: Final[Mapping[str, Any]] = {
    "open": _open,
    "sync": _single("hub_sync_read_age_seconds", "b", "a"),
    "pause": _single("hub_pause_seconds", "a", "b", "c"),
    "run": _single("hub_runs", "a", "b", "c"),
    "table": _single("hub_table_bytes", "a"),
    "database": _single("hub_database_bytes"),
    "transaction": _single("hub_oldest_transaction_seconds"),
    "beat": _single("hub_engine_silent_seconds"),
}
