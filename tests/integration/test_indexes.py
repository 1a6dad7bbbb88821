"""The review of indexes, as a program: every index of a table that grows has a statement that needs it, and every
statement that runs again and again finds its rows by one. The list of reasons is in docs/performance.md."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from sqlalchemy import text

from hub.canon.explain import _SETTING, _SOURCE
from hub.db.session import Database
from hub.db.tables import metadata
from hub.jobs.crank import _WAITING
from hub.sync import (
    arrive,
    bells,
    deliver,
    derive,
    groups,
    open,
    results,
    retention,
    route,
    settle,
    sweep,
    taking,
    tombstones,
    views,
)
from hub.sync.overlook import _PEOPLE
from hub.telemetry.metrics import _NOW, TABLES
from tests.support.sdk import START

# Small ones, and those of the kinds, which store.py asks for by id and by what refers to them.
ELSEWHERE: Final = re.compile(
    r"(pk|uq)_.*|ix_k_.*|ix_own_kind.*|ix_entity_kind|ix_run_.*|ix_applied.*|ix_join_.*|ix_mapping.*|ix_(schema|drift|notice|silence)_.*|"
    # Not for finding: that no record is on its way twice (invariant 3).
    r"ix_delivery_running|"
    # Of questions there are so few here that PostgreSQL reads them all.
    r"ix_inbox_asks"
)
CANON: Final = {
    "ix_match_key_entity": "SELECT 1 FROM match_key WHERE entity_id = ANY(:ids)",
    "ix_weak_key_entity": "SELECT 1 FROM weak_key WHERE entity_id = ANY(:ids)",
    "ix_link_name_link": "SELECT 1 FROM link_name WHERE link_id = ANY(:ids)",
    "ix_line_link_link": "SELECT 1 FROM line_link WHERE link_id = ANY(:ids)",
    "ix_line_link_line": "SELECT 1 FROM line_link WHERE line_id = ANY(:ids)",
    "ix_change_at": "SELECT 1 FROM change WHERE at > :now",
    "ix_inbox_cause": "SELECT id FROM inbox WHERE state = 'parked' ORDER BY cause, id LIMIT 10",
    "ix_delivery_cause": "SELECT id FROM delivery WHERE state = 'parked' ORDER BY cause, id LIMIT 10",
}
HOT: Final[Mapping[str, Any]] = {
    "apply claims": taking.ANY,
    "and takes along": taking.ALONG,
    "arrive asks": arrive._LAST,
    "bells are claimed": bells._BELLS,
    "orphans are parked": bells._ORPHANS,
    "deliveries are claimed": deliver._CLAIM,
    "changes are derived": derive._CHANGES,
    "changes are routed": route._CHANGES,
    "receipts are opened": open._DUE.format(only=""),
    "did others pass": results._OTHERS,
    "results are kept": results._UPDATE,
    "leases lapsed": sweep._LAPSED,
    "bells lapsed": "UPDATE bell SET state = 'due' WHERE state = 'running' AND due_at <= :now",
    "missed references": sweep._AWAITED,
    "verdicts": settle._WRITE,
    "the first is parked": settle._PARK_FIRST,
    "tombstones": tombstones._FRESH,
    "deliveries wake": "UPDATE delivery SET due_at = :now WHERE state = 'waiting' AND waiting_for = ANY(:awaited)",
    "records wake": "UPDATE inbox SET due_at = :now WHERE state = 'waiting' AND waiting_for = ANY(:awaited)",
    "older ones are settled": "UPDATE inbox SET note = '' WHERE connection = :connection AND stream = :stream"
    " AND key = ANY(:keys) AND state IN ('parked', 'waiting')",
    "a field is explained": _SETTING,
    "where it came from": _SOURCE,
    "the work left": views._STATUS,
    "what is parked": groups.FAILED,
    "groups of what is parked": groups.GROUPS,
    "what was done to a group": groups._HISTORY,
    **{f"group {letter}": groups.MEMBERS[letter] for letter in "id"},
    "whose turn": _PEOPLE,
    "syncs": views._SYNCS,
    "metrics": _NOW,
    "deliveries of an entity": "SELECT 1 FROM delivery WHERE entity_id = :id",
    "attempts of a delivery": "SELECT 1 FROM attempt WHERE delivery_id = :id ORDER BY id DESC LIMIT 100",
    "attempts in the archive": "SELECT 1 FROM attempt_archive WHERE delivery_id = :id ORDER BY id DESC LIMIT 100",
    **{f"has {step.__name__} anything to do": f"SELECT 1 FROM {rows}" for step, rows in _WAITING.items()},
    **{f"{rule.table.name} moves": retention._move_statement(rule) for rule in retention.RULES},
    **{
        f"{table} is forgotten": f"SELECT 1 FROM {table} WHERE {condition} ORDER BY {order} LIMIT 10"
        for table, (condition, order) in retention._FORGOTTEN.items()
    },
    **{
        f"inbox archive by {name}": f"SELECT 1 FROM inbox_archive WHERE {name} = :{kind} ORDER BY id DESC LIMIT 10"
        for name, kind in (("entity_id", "id"), ("receipt_id", "id"), ("correlation", "text"), ("error_class", "text"))
    },
    "inbox archive by key": "SELECT 1 FROM inbox_archive WHERE connection = :text AND stream = :text AND key = :text",
    "receipts of a connection": "SELECT 1 FROM receipt WHERE connection = :text ORDER BY id DESC LIMIT 10",
    "old receipts of a connection": "SELECT 1 FROM receipt_archive WHERE connection = :text ORDER BY id DESC LIMIT 10",
    "old refused calls": "SELECT 1 FROM receipt_archive WHERE verdict = 'refused' ORDER BY id DESC LIMIT 10",
}
SAMPLES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(
        ("now", "before", "horizon", "event", "inbox_at", "attempt", "pulse", "lease", "since", "due"), START
    ),
    **dict.fromkeys(("connection", "stream", "text", "error", "zh", "class", "kind", "group", "owner"), "x"),
    **{name: ["x"] for name in ("keys", "awaited", "known", "closed", "syncs", "names", "digests")},
    **dict.fromkeys(("limit", "after", "id", "max", "place", "receipt"), 1),
    "ids": [1],
    "only": "x",
    "crashed": False,
    "rows": "[]",
    "tables": list(TABLES),
}
CROWD: Final = """
    INSERT INTO delivery (sync, connection, stream, kind, entity_id, wanted_version, state, due_at, waiting_for,
      correlation, created_at)
    SELECT 's', 'c', 'x', 'k', n, 1, CASE n % 3 WHEN 0 THEN 'waiting' WHEN 1 THEN 'parked' ELSE 'done' END, now(), 'ref ' || n, 'r', now()
    FROM generate_series(1, 4000) n
"""
"""An empty table leaves no choice between two indexes."""
GROWING: Final = ("receipt", "inbox", "delivery", "attempt", "change", "bell", "event", "link")
WHOLE: Final = {"pulse is forgotten": ("pulse",), "bell is forgotten": ("bell",), "missed links": ("link",)}


async def plan(db: Database, statement: Any) -> str:
    """How PostgreSQL goes about it when reading a whole table is its last resort."""
    made = text(str(statement)) if not isinstance(statement, str) else text(statement)
    values = {name: value(name, str(made)) for name in made._bindparams}
    async with db.begin("explain") as conn:
        await conn.execute(text("SET LOCAL enable_seqscan = off"))
        await conn.execute(text("SET LOCAL enable_bitmapscan = on"))
        rows = await conn.execute(text(f"EXPLAIN {made}"), values)
        return "\n".join(row[0] for row in rows)


def value(name: str, statement: str) -> Any:
    if name == "inbox":  # an id where a record is explained, a moment where bells are forgotten
        return 1 if "CAST(:inbox" in statement else START
    return SAMPLES[name]


@pytest.fixture
async def plans(db: Database) -> dict[str, str]:
    from hub.db import partitions

    async with db.begin("months") as conn:
        for rule in retention.RULES:
            await partitions.ensure(conn, rule.archive, [partitions.Month.of(START)])
        await conn.execute(text(CROWD))
        await conn.execute(text("ANALYZE delivery"))
    return {name: await plan(db, statement) for name, statement in {**HOT, **CANON}.items()}


async def test_every_hot_statement_finds_its_rows_by_an_index(plans: dict[str, str]) -> None:
    whole = {
        (name, table)
        for name, told in plans.items()
        for table in re.findall(r"Seq Scan on (\w+)", told)
        if table in GROWING and table not in WHOLE.get(name, ())
    }
    assert not whole


async def test_every_index_has_a_statement_that_uses_it(plans: dict[str, str]) -> None:
    told = "\n".join(plans.values())
    used = set(re.findall(r"(?:using|on) (\w+)", told))
    parents = {re.sub(r"_archive_\d{4}_\d{2}_", "_archive_", name) for name in used}
    ours = {index.name for table in metadata.tables.values() for index in table.indexes}
    archived = {name for name in ours if name and "_archive_" in name}
    idle = {name for name in ours - archived if name not in used and not ELSEWHERE.fullmatch(str(name))}
    assert not idle
    for name in archived:  # a month's index is called after its columns
        table = "_".join(str(name).removeprefix("ix_").split("_")[:2])
        assert any(found.startswith(f"{table}_") and found.endswith("_idx") for found in parents), name
