"""All tables, as SQLAlchemy Core; the migrations end in exactly this."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.db.causes import cause
from hub.db.kinds import OURS
from hub.mapping.shape import Field

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)
STATES = ("due", "running", "waiting", "parked", "done", "superseded", "dismissed")


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False), primary_key=True)


def _states() -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state")


SETTLED = "'done', 'superseded', 'dismissed'"
OPEN = text(f"state NOT IN ({SETTLED})")
ASKING = "state = 'parked' AND asks IS NOT NULL"

EAGER = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 500,
    "autovacuum_analyze_scale_factor": 0.05,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
}
"""Tables whose rows come and go: cleaned up when a fiftieth is dead, not a fifth. Why: docs/decisions/0013-retention.md"""
IN_PLACE = {"fillfactor": 80, **EAGER}
"""Tables whose rows are updated in columns that no index holds: the new version finds room beside the old one."""


def _archive(table: Table, by: str) -> Table:
    """The settled rows of a hot table, by month; `hub.db.partitions` makes the months and drops them."""
    columns = [
        Column(c.name, c.type, nullable=c.nullable and c.name != by, primary_key=c.name in {"id", by})
        for c in table.columns
        if c.computed is None
    ]
    return Table(f"{table.name}_archive", metadata, *columns, postgresql_partition_by=f"RANGE ({by})")


def _failure() -> list[Column[str]]:
    """What every failure has: class, plain sentence (en, zh), fields, whose turn."""
    return [
        Column("error_class", Text),
        Column("error", Text),
        Column("error_zh", Text),
        Column("error_fields", JSONB),
        Column("owner", Text),
    ]


# --- configuration -------------------------------------------------------------------------------------------------

connection = Table(
    "connection",
    metadata,
    Column("name", Text, primary_key=True),
    Column("connector", Text, nullable=False),
    Column("spec", JSONB, nullable=False),  # as configured: secrets only as references
    Column("updated_at", Instant, nullable=False),
)

mapping = Table(
    "mapping",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),  # as its author wrote it
    Column("active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False, server_default=text("''")),
    Column("note", Text),
    Column("sources", JSONB, nullable=False, server_default=text("'{}'")),  # 'mapping NAME', 'table NAME' -> text
)

mapping_draft = Table(
    "mapping_draft",
    metadata,
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("based_on", Integer),  # the version that was active when it was begun
    Column("who", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

sync = Table(
    "sync",
    metadata,
    Column("name", Text, primary_key=True),
    Column("connection", Text, ForeignKey("connection.name"), nullable=False),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("mode", Text, nullable=False),  # paused | observing | live: a person's word, kept over `apply`
    Column("cursor", Text),
    Column("backfilled", Boolean, nullable=False, server_default=text("false")),  # read to its end once
    Column("next_pull_at", Instant),
    Column("last_pull_at", Instant),
    Column("last_read", Integer),  # records read by the last pull
    Column("lease_until", Instant),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("error", Text),
    Column("error_zh", Text),
    Column("doubt", Text),  # why the last reading, though without an error, may not be all there is
    Column("doubt_zh", Text),
    Column("recheck_at", Instant),
    Column("recheck_after", BigInteger, nullable=False, server_default=text("0")),  # the link it came to
    Column("reconcile_at", Instant),  # the next comparison, or the next turn of the one under way
    Column("reconcile_lease", Instant),
    Column("reconcile_fence", BigInteger, nullable=False, server_default=text("0")),
    Column("reconciled_at", Instant),  # the last complete comparison
    Column("reconcile_doubt", Text),  # why the last comparison was not complete
    Column("reconcile_doubt_zh", Text),
    CheckConstraint("mode IN ('paused', 'observing', 'live')", name="mode"),
)

field_owner = Table(
    "field_owner",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("rules", JSONB, nullable=False),  # field -> "hub" | "latest" | [connection, ...]
)

kind_definition = Table(
    "kind_definition",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("spec", JSONB, nullable=False),
)

applied_config = Table(
    "applied_config",
    metadata,
    _id(),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("files", JSONB, nullable=False),
)

secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Index("ix_audit_failed", "id", postgresql_where=text("act LIKE 'failed.%'")),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),
    Column("principal", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("status", Integer),  # null while the first request is still at work
    Column("body", LargeBinary),
    Column("content_type", Text),
    Column("at", Instant, nullable=False),
)

# --- arrivals ------------------------------------------------------------------------------------------------------

receipt = Table(
    "receipt",
    metadata,
    _id(),
    Column("connection", Text, nullable=False),
    Column("source", Text, nullable=False),  # hook | file
    Column("received_at", Instant, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),  # never the secret segment of a hook's address
    Column("query", JSONB, nullable=False),
    Column("headers", JSONB, nullable=False),  # redacted
    Column("body", LargeBinary, nullable=False),
    Column("event_id", Text),
    Column("verdict", Text, nullable=False),  # accepted | duplicate | refused
    Column("reason", Text),
    Column("reason_zh", Text),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("opened_at", Instant),
    Column("records", Integer),
    *_failure(),
    cause("r", "source"),
    _states(),
    CheckConstraint("verdict IN ('accepted', 'duplicate', 'refused')", name="verdict"),
    # By connection, so that each gets its turn.
    Index("ix_receipt_open", "state", "connection", "id", postgresql_where=OPEN),
    Index("ix_receipt_list", "connection", "id"),
    postgresql_with=EAGER,
)
receipt_archive = _archive(receipt, "received_at")
Index("ix_receipt_archive_list", receipt_archive.c.connection, receipt_archive.c.id)
Index(
    "ix_receipt_archive_verdict",
    receipt_archive.c.verdict,
    receipt_archive.c.id,
    postgresql_where=text("verdict <> 'accepted'"),
)

event = Table(
    "event",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("source", Text, nullable=False),  # hook | file
    Column("at", Instant, nullable=False),
    Column("receipt_id", BigInteger, nullable=False),  # the one that was accepted
    Column("file", Text),
    Index("ix_event_hook", "at", postgresql_where=text("source = 'hook'")),
    Index("ix_event_file", "receipt_id", postgresql_where=text("source = 'file'")),
    postgresql_with=EAGER,
)
"""What was accepted once: a call for as long as the settings promise, a file for ever, its name with it."""

bell = Table(
    "bell",
    metadata,
    _id(),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("path", Text, nullable=False),  # '' : `text` is the key; else a vendor path to find by
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),  # webhook | parent | conflict | created
    Column("awaited", Text),  # what inbox records wait for, when a parent is fetched
    Column("correlation", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # counted ones
    Column("in_hand", Integer, nullable=False, server_default=text("0")),  # Unavailable while it alone was asked for
    Column("busy_since", Instant),
    Column("failing_since", Instant),
    *_failure(),
    cause("b"),
    _states(),
    UniqueConstraint("connection", "stream", "path", "text"),
    Index("ix_bell_open", "state", "due_at", postgresql_where=OPEN),
    postgresql_with=EAGER,
)

stream_sketch = Table(
    "stream_sketch",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("records", BigInteger, nullable=False),  # how many it was learned from
    Column("fields", JSONB, nullable=False),  # path -> types, always there or not, words of an enum
)
"""What a stream's records look like, so that a change of their shape is noticed."""

schema_change = Table(
    "schema_change",
    metadata,
    _id(),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("run_id", BigInteger),
    Column("path", Text, nullable=False),
    Column("what", Text, nullable=False),  # added | vanished | retyped | enum
    Column("weight", Text, nullable=False),  # harmless | warning | breaking
    Column("sentence", Text, nullable=False),
    Column("sentence_zh", Text, nullable=False),
    Column("accepted_by", Text),
    Column("accepted_at", Instant),
    Index("ix_schema_change_stream", "connection", "stream", "id"),
)

inbox = Table(
    "inbox",
    metadata,
    _id(),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text),  # null when the record has none that can be read
    Column("record", JSONB, nullable=False),
    Column("digest", Text, nullable=False),  # of what the mapping reads of it
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", Instant, nullable=False),
    Column("receipt_id", BigInteger),
    Column("run_id", BigInteger),
    Column("correlation", Text, nullable=False),
    Column("live", Boolean, nullable=False),  # false: backfill, re-mapping, import
    Column("patient", Boolean, nullable=False, server_default=text("false")),  # of a backfill: others go before it
    Column("from_link", Boolean, nullable=False, server_default=text("false")),  # re-mapping: the record is the link's
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("waiting_for", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("corrects", BigInteger),
    Column("identity", Text),  # a person's answer to "which one is it?": an entity id, or new
    Column("asks", ARRAY(BigInteger)),  # a question to a person: which of these entities is it?
    Column("kept", JSONB),  # a person's answer to a dispute: field -> the connection whose value is kept
    Column("entity_id", BigInteger),
    Column("note", Text),
    Column("settled_at", Instant),
    *_failure(),
    cause("i"),
    _states(),
    Index(
        "ix_inbox_cause",
        "cause",
        "id",
        postgresql_include=["received_at"],
        postgresql_where=text("state = 'parked'"),
    ),
    # What comes from outside goes before a re-mapping.
    Index(
        "ix_inbox_due",
        "connection",
        "stream",
        "from_link",
        "patient",
        "due_at",
        "id",
        postgresql_where=text("state = 'due'"),
    ),
    Index("ix_inbox_waiting", "waiting_for", postgresql_where=text("state = 'waiting'")),
    Index("ix_inbox_parked", "connection", "stream", "key", postgresql_where=text("state IN ('parked', 'waiting')")),
    Index("ix_inbox_key", "connection", "stream", "key", "id"),
    Index("ix_inbox_asks", "asks", postgresql_using="gin", postgresql_where=text(ASKING)),
    Index("ix_inbox_corrects", "corrects", postgresql_where=text("corrects IS NOT NULL")),
    postgresql_with=EAGER,
)
inbox_archive = _archive(inbox, "settled_at")
for _name in ("entity_id", "correlation", "receipt_id"):
    Index(f"ix_inbox_archive_{_name}", inbox_archive.c[_name], inbox_archive.c.id)
Index(
    "ix_inbox_archive_key",
    inbox_archive.c.connection,
    inbox_archive.c.stream,
    inbox_archive.c.key,
    inbox_archive.c.id,
)
Index(
    "ix_inbox_archive_class",
    inbox_archive.c.error_class,
    inbox_archive.c.id,
    postgresql_where=text("error_class IS NOT NULL"),
)

run = Table(
    "run",
    metadata,
    _id(),
    Column("sync", Text, nullable=False),
    Column("what", Text, nullable=False),  # pull | backfill | remap | reconcile
    Column("state", Text, nullable=False),  # running | done | unverified | failed | held | dismissed
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("read", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False, server_default=text("0")),
    Column("stored", Integer, nullable=False, server_default=text("0")),
    Column("cursor", Text),
    Column("pages", Integer, nullable=False, server_default=text("0")),
    Column("gone", Integer, nullable=False, server_default=text("0")),  # deletes it concluded
    Column("updated_at", Instant),
    Column("total", Integer),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("changed", Integer, nullable=False, server_default=text("0")),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),  # what it is about; what it would change
    Column("note", Text),
    Column("note_zh", Text),
    Column("error", Text),
    Column("error_zh", Text),
    Column("owner", Text),  # whose turn, while it is held
    CheckConstraint("state IN ('running', 'done', 'unverified', 'failed', 'held', 'dismissed')", name="state"),
    Index("ix_run_sync", "sync", "id"),
    Index("ix_run_open", "what", "state", postgresql_where=text("state IN ('running', 'held')")),
)

reconcile_seen = Table(
    "reconcile_seen",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),
)
"""The keys a comparison under way has met, so that it can be taken up again; emptied at its end."""

STANDING = text("state IN ('suspect', 'open', 'repairing')")
drift = Table(
    "drift",
    metadata,
    _id(),
    Column("sync", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("entity_id", BigInteger),
    Column("what", Text, nullable=False),
    Column("state", Text, nullable=False),  # suspect: looked at again before anybody is told
    Column("fields", JSONB, nullable=False, server_default=text("'[]'")),  # field, here, there, owner, direction
    Column("digest", Text, nullable=False),  # of the difference: the same one dismissed does not return
    Column("run_id", BigInteger, nullable=False),
    Column("seen_at", Instant),  # by key, for the first time as it is now
    Column("look_at", Instant, nullable=False),
    Column("rounds", Integer, nullable=False, server_default=text("0")),
    Column("found_at", Instant),
    Column("choice", Text),  # a person's, for what is missing there: recreate | accept
    Column("owner", Text),  # who was assigned; null: the connection's
    Column("who", Text),
    Column("note", Text),
    Column("note_zh", Text),
    Column("closed_at", Instant),
    CheckConstraint("what IN ('missing_here', 'missing_there', 'different')", name="what"),
    CheckConstraint("state IN ('suspect', 'open', 'repairing', 'closed', 'dismissed')", name="state"),
    Index("ix_drift_standing", "sync", "key", unique=True, postgresql_where=STANDING),
    Index("ix_drift_repairing", "look_at", postgresql_where=text("state = 'repairing'")),
    Index("ix_drift_dismissed", "sync", "key", postgresql_where=text("state = 'dismissed'")),
    Index("ix_drift_closed", "sync", "closed_at", postgresql_where=text("state = 'closed'")),
)
"""Where two systems differ although nothing is under way (a suspect: until it was looked at again)."""

# --- canon ---------------------------------------------------------------------------------------------------------

entity_ids = Sequence("entity_ids", metadata=metadata)

entity = Table(
    "entity",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_by", Text, nullable=False),  # connection, hub or a person
    Column("setters", JSONB, nullable=False, server_default=text("'{}'")),  # field -> [who, vendor time]
    Column("joined_into", BigInteger),
    Column("deleted_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_entity_kind", "kind", "id"),
    postgresql_with=IN_PLACE,
)

own_kind = Table(
    "own_kind",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("fields", JSONB, nullable=False),
    Index("ix_own_kind_kind", "kind"),
)
"""Entities of the kinds a customer declares."""

change = Table(
    "change",
    metadata,
    _id(),
    Column("entity_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("fields", JSONB),  # field -> {from, to, path, raw}; null: created, all fields are new
    Column("connection", Text),
    Column("stream", Text),
    Column("key", Text),
    Column("mapping", Text),
    Column("mapping_version", Integer),
    Column("inbox_id", BigInteger),
    Column("caused_by", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),  # changes
    Column("reason", Text),
    Column("correlation", Text, nullable=False),
    Column("arrived_at", Instant),  # what led to it reached us; null: nothing did, a person or the clock made it
    Column("live", Boolean, nullable=False),
    Column("derived", Boolean, nullable=False, server_default=text("false")),
    Column("routed", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("entity_id", "version"),
    # What people wait for goes before a backfill.
    Index("ix_change_derive", text("live DESC"), "id", postgresql_where=text("NOT derived")),
    Index("ix_change_at", "at", postgresql_using="brin"),
    Index("ix_change_route", text("live DESC"), "id", postgresql_where=text("derived AND NOT routed")),
    postgresql_with=EAGER,
)

match_key = Table(
    "match_key",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("entity_id", BigInteger, nullable=False),
    Column("joined_from", BigInteger),  # it came with this entity when that was joined into the other
    Index("ix_match_key_entity", "entity_id"),
)

weak_key = Table(
    "weak_key",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("entity_id", BigInteger, primary_key=True),
    Column("joined_from", BigInteger),
    Index("ix_weak_key_entity", "entity_id"),
)

join_record = Table(
    "join_record",
    metadata,
    Column("loser", BigInteger, primary_key=True),
    Column("winner", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("change_id", BigInteger, nullable=False),  # the winner's
    Column("parent", BigInteger),  # the loser of the join that led to this one
    Column("at", Instant, nullable=False),
    Column("moved", JSONB, nullable=False),  # what parting gives back
    Index("ix_join_record_parent", "parent"),
)
"""The joins in force: parting removes the row, the changes remain."""

link = Table(
    "link",
    metadata,
    _id(),
    Column("entity_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("part", Text, nullable=False, server_default=text("''")),
    Column("key", Text, nullable=False),
    Column("known", JSONB),  # last known record, vendor's shape
    Column("digest", Text),  # of `known`
    Column("mapping", Text),
    Column("mapping_version", Integer),
    Column("record_version", Text),
    Column("accepted", JSONB),  # field -> {ours, theirs, again}: how that system spells our value, as a person accepted
    Column("deleted_at", Instant),
    Column("deleted_by", Text),  # hub: we deleted it there
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("connection", "stream", "key"),
    UniqueConstraint("entity_id", "connection", "stream", "part"),
    postgresql_with=IN_PLACE,
)

link_name = Table(
    "link_name",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("link_id", BigInteger, nullable=False),
    Index("ix_link_name_link", "link_id"),
)

line_link = Table(
    "line_link",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("path", Text, primary_key=True),  # entity list field: lines
    Column("key", Text, primary_key=True),
    Column("line_id", BigInteger, nullable=False),
    Column("link_id", BigInteger, nullable=False),
    Index("ix_line_link_link", "link_id"),
    Index("ix_line_link_line", "line_id"),
)

# --- deliveries ----------------------------------------------------------------------------------------------------

delivery = Table(
    "delivery",
    metadata,
    _id(),
    Column("sync", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("part", Text, nullable=False, server_default=text("''")),
    Column("change_id", BigInteger, nullable=False, server_default=text("0")),  # a message's; 0 for a record
    Column("wanted_version", Integer, nullable=False),
    Column("applied_version", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("patient", Boolean, nullable=False, server_default=text("false")),  # of a backfill: others go before it
    Column("waiting_for", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # counted ones since the last success
    Column("in_hand", Integer, nullable=False, server_default=text("0")),  # Unavailable or Uncertain while held
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    Column("lookups", Integer, nullable=False, server_default=text("0")),
    Column("remade", Integer, nullable=False, server_default=text("0")),  # how often it was created anew
    Column("intent_at", Instant),  # a create may have been sent; null once its outcome is known
    Column("busy_since", Instant),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("lease_until", Instant),
    Column("correlation", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("owed_since", Instant, nullable=False, server_default=text("now()")),  # what it brings reached us
    Column("settled_at", Instant),
    Column("note", Text),
    *_failure(),
    cause("d"),
    _states(),
    Index(
        "ix_delivery_cause",
        "cause",
        "id",
        postgresql_include=["created_at"],
        postgresql_where=text("state = 'parked'"),
    ),
    UniqueConstraint("sync", "entity_id", "part", "change_id"),
    Index("ix_delivery_due", "connection", "patient", "due_at", postgresql_where=text("state = 'due'")),
    Index(
        "ix_delivery_running",
        "connection",
        "stream",
        "entity_id",
        "part",
        unique=True,
        postgresql_where=text("state = 'running' AND change_id = 0"),
    ),
    Index("ix_delivery_waiting", "waiting_for", postgresql_where=text("state = 'waiting'")),
    Index("ix_delivery_open", "state", "connection", postgresql_where=OPEN),
    Index("ix_delivery_entity", "entity_id"),
    # Did others of the stream get through meanwhile?
    Index("ix_delivery_done", "connection", "stream", "settled_at", postgresql_where=text("state = 'done'")),
    Index("ix_delivery_message", "id", postgresql_where=text("change_id <> 0")),
    postgresql_with=EAGER,
)

attempt = Table(
    "attempt",
    metadata,
    _id(),
    Column("delivery_id", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seconds", Numeric, nullable=False),
    Column("version", Integer, nullable=False),
    Column("correlation", Text, nullable=False),  # the delivery's at that time: a later change brings its own
    Column("outcome", Text, nullable=False),  # done or an error class
    Column("error", Text),
    Column("error_zh", Text),
    Column("exchanges", JSONB, nullable=False),  # redacted requests and answers
    Index("ix_attempt_delivery", "delivery_id", "id"),
    postgresql_with=EAGER,
)
attempt_archive = _archive(attempt, "at")
Index("ix_attempt_archive_delivery", attempt_archive.c.delivery_id, attempt_archive.c.id)

pause = Table(
    "pause",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),  # '' : the whole connection
    Column("reason", Text, nullable=False),  # an error class, or person
    Column("error", Text),
    Column("error_zh", Text),
    Column("since", Instant, nullable=False),
    Column("probe_at", Instant),  # null: until a person resumes
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("trial", Boolean, nullable=False, server_default=text("false")),  # one push may try whether it is over
    Column("who", Text, nullable=False),
)

suspect = Table(
    "suspect",
    metadata,
    Column("what", Text, primary_key=True),  # inbox | receipt
    Column("id", BigInteger, primary_key=True),
    Column("crashes", Integer, nullable=False),  # processes that took it in hand and did not come back
    Column("by", Text, nullable=False),  # the last of them
)

# --- who is at work -----------------------------------------------------------------------------------------------

worker = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),  # of this start: a process that comes back is another one
    Column("name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("doing", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("redis", Text, nullable=False, server_default=text("''")),  # '' not configured | ok | away
    Column("redis_since", Instant),
)
"""The heartbeats of engines: each process that turns the crank, and what it is doing."""

leader = Table(
    "leader",
    metadata,
    Column("office", Text, primary_key=True),  # scheduler
    Column("holder", Text, nullable=False),  # a worker
    Column("since", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
)
"""Which of the workers does what one alone does."""

# --- people --------------------------------------------------------------------------------------------------------

assignment = Table(
    "assignment",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("owner", Text),
    Column("note", Text),
    Column("who", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
"""Whose turn a group of failed work is, by a person's word; what joins the group later is covered by it."""

notice = Table(
    "notice",
    metadata,
    _id(),
    Column("subject", Text, nullable=False),  # a sync or a connection; what was assigned
    Column("what", Text, nullable=False),  # failing | stopped | behind | person | assigned
    Column("owner", Text),
    Column("channels", ARRAY(Text), nullable=False),  # where it is told, in their order
    Column("size", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("cause_zh", Text, nullable=False),
    Column("place", Text, nullable=False),  # where it is looked at: a path of the UI
    Column("since", Instant, nullable=False),
    Column("phase", Text, nullable=False),  # seen | told | over (recovered, to be told) | closed
    Column("seen_at", Instant, nullable=False),
    Column("gone_at", Instant),  # not there any more since then; it may come back
    Column("try_at", Instant),  # no channel worked: not before
    Column("intent_at", Instant),  # a message is on its way; null once its outcome is known
    Column("told_at", Instant),
    Column("over_at", Instant),
    Column("channel", Text),  # by which it was told
    Column("doubt", Boolean, nullable=False, server_default=text("false")),  # perhaps told: it is not told twice
    CheckConstraint("phase IN ('seen', 'told', 'over', 'closed')", name="phase"),
    Index(
        "ix_notice_open",
        "subject",
        "what",
        unique=True,
        postgresql_where=text("phase <> 'closed' AND what <> 'assigned'"),
    ),
)
"""Troubles of which their owner is told once when they begin and once when they are over; and what a person was
assigned, told once."""

notice_channel = Table(
    "notice_channel",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("error", Text, nullable=False),
    Column("error_zh", Text, nullable=False),
)
"""Ways to people that do not work now."""

# --- seen from outside ---------------------------------------------------------------------------------------------

tally = Table(
    "tally",
    metadata,
    Column("what", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # of the connection, sync or loop it is about
    Column("label", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),  # processes count side by side; who reads adds up
    Column("n", BigInteger, nullable=False),
    postgresql_with={**IN_PLACE, "fillfactor": 50},
)
"""How often what happened since the hub was installed, counted in the transaction in which it happened."""

pulse = Table(
    "pulse",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("totals", JSONB, nullable=False),
)
"""The tallies' totals every few seconds, kept for two days: the engine lives, and how much it got done meanwhile."""

# --- typed tables of our kinds -------------------------------------------------------------------------------------

_TYPES: dict[str, Any] = {
    "text": Text,
    "enum": Text,
    "integer": BigInteger,
    "decimal": Numeric,
    "date": Date,
    "instant": Instant,
    "bool": Boolean,
    "ref": BigInteger,
    "object": JSONB,
}


def _columns(fields: dict[str, Field]) -> list[Column[Any]]:
    columns: list[Column[Any]] = []
    for name, field in fields.items():
        if field.type == "money":
            columns += [Column(name, Numeric), Column(f"{name}_currency", Text)]
        elif field.type != "list":
            columns.append(Column(name, _TYPES[field.type]))
    return columns


def table_name(kind: str) -> str:
    """`order` is a reserved word: kinds' tables carry a prefix."""
    return f"k_{kind}"


def _kind_tables() -> tuple[dict[str, Table], dict[tuple[str, str], Table]]:
    heads: dict[str, Table] = {}
    lines: dict[tuple[str, str], Table] = {}
    for kind, shape in OURS.items():
        refs = [name for name, field in shape.fields.items() if field.type == "ref"]
        heads[kind] = Table(
            table_name(kind),
            metadata,
            Column("id", BigInteger, primary_key=True),
            *_columns(dict(shape.fields)),
            *(Index(None, name) for name in refs),
            postgresql_with=IN_PLACE,
        )
        for name, field in shape.fields.items():
            if field.type == "list" and field.fields is not None:
                line_refs = [sub for sub, spec in field.fields.items() if spec.type == "ref"]
                lines[kind, name] = Table(
                    f"{table_name(kind)}_{name}",
                    metadata,
                    Column("id", BigInteger, primary_key=True),
                    Column("entity_id", BigInteger, nullable=False, index=True),
                    Column("position", Integer, nullable=False),
                    *_columns(dict(field.fields)),
                    *(Index(None, sub) for sub in line_refs),
                )
    return heads, lines


KIND_TABLES, LINE_TABLES = _kind_tables()
Index("ix_k_order_number", KIND_TABLES["order"].c.number)
Index(
    "ix_k_payment_unmatched",
    KIND_TABLES["payment"].c.matched,
    postgresql_where=text("matched IN ('waiting', 'partly_allocated')"),
)
