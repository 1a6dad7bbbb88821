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
    Column("body", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
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
    _states(),
    CheckConstraint("verdict IN ('accepted', 'duplicate', 'refused')", name="verdict"),
    Index("ix_receipt_event", "connection", "event_id", unique=True, postgresql_where=text("verdict = 'accepted'")),
    Index("ix_receipt_due", "id", postgresql_where=text("state = 'due'")),
    Index("ix_receipt_list", "connection", "id"),
)

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
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    *_failure(),
    _states(),
    UniqueConstraint("connection", "stream", "path", "text"),
    Index("ix_bell_due", "due_at", postgresql_where=text("state = 'due'")),
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
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("waiting_for", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("corrects", BigInteger),
    Column("identity", Text),  # a person's answer to "which one is it?": an entity id, or new
    Column("entity_id", BigInteger),
    Column("note", Text),
    Column("settled_at", Instant),
    *_failure(),
    _states(),
    Index("ix_inbox_due", "connection", "stream", "due_at", "id", postgresql_where=text("state = 'due'")),
    Index("ix_inbox_waiting", "waiting_for", postgresql_where=text("state = 'waiting'")),
    Index("ix_inbox_parked", "connection", "stream", "key", postgresql_where=text("state IN ('parked', 'waiting')")),
    Index("ix_inbox_key", "connection", "stream", "key"),
)

run = Table(
    "run",
    metadata,
    _id(),
    Column("sync", Text, nullable=False),
    Column("what", Text, nullable=False),  # pull | backfill
    Column("state", Text, nullable=False),  # running | done | failed | held
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("read", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False, server_default=text("0")),
    Column("stored", Integer, nullable=False, server_default=text("0")),
    Column("cursor", Text),
    Column("error", Text),
    Column("error_zh", Text),
    Index("ix_run_sync", "sync", "id"),
)

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
    Column("live", Boolean, nullable=False),
    Column("derived", Boolean, nullable=False, server_default=text("false")),
    Column("routed", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("entity_id", "version"),
    Index("ix_change_derive", "id", postgresql_where=text("NOT derived")),
    Index("ix_change_route", "id", postgresql_where=text("derived AND NOT routed")),
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
    Column("deleted_at", Instant),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("connection", "stream", "key"),
    UniqueConstraint("entity_id", "connection", "stream", "part"),
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
    Column("waiting_for", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # counted ones since the last success
    Column("in_hand", Integer, nullable=False, server_default=text("0")),  # Unavailable or Uncertain while held
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    Column("lookups", Integer, nullable=False, server_default=text("0")),
    Column("intent_at", Instant),  # a create may have been sent; null once its outcome is known
    Column("busy_since", Instant),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("lease_until", Instant),
    Column("correlation", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("note", Text),
    *_failure(),
    _states(),
    UniqueConstraint("sync", "entity_id", "part", "change_id"),
    Index("ix_delivery_due", "connection", "due_at", postgresql_where=text("state = 'due'")),
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
    Index(
        "ix_delivery_open",
        "state",
        "connection",
        postgresql_where=text("state NOT IN ('done', 'superseded', 'dismissed')"),
    ),
    Index("ix_delivery_entity", "entity_id"),
)

attempt = Table(
    "attempt",
    metadata,
    _id(),
    Column("delivery_id", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seconds", Numeric, nullable=False),
    Column("version", Integer, nullable=False),
    Column("outcome", Text, nullable=False),  # done or an error class
    Column("error", Text),
    Column("error_zh", Text),
    Column("exchanges", JSONB, nullable=False),  # redacted requests and answers
    Index("ix_attempt_delivery", "delivery_id", "id"),
)

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
    Column("who", Text, nullable=False),
)

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
