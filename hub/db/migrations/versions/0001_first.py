"""first."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE entity_ids")
    op.create_table(
        "api_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
    )
    op.create_table(
        "applied_config",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applied_config")),
    )
    op.create_table(
        "assignment",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_assignment")),
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Numeric(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("exchanges", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index("ix_attempt_delivery", "attempt", ["delivery_id", "id"], unique=False)
    op.create_table(
        "attempt_archive",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Numeric(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("exchanges", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_attempt_archive")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_attempt_archive_delivery", "attempt_archive", ["delivery_id", "id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_failed", "audit", ["id"], unique=False, postgresql_where=sa.text("act LIKE 'failed.%'"))
    op.create_table(
        "bell",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("awaited", sa.Text(), nullable=True),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("in_hand", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("busy_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("error_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column(
            "cause",
            sa.Text(),
            sa.Computed(
                "CASE WHEN error_class IS NOT NULL THEN 'b'::text || left(md5(connection || chr(31) || stream || chr(31) || error_class || chr(31) || regexp_replace(coalesce(error_fields -> 0 ->> 'path'::text, ''::text), '[0-9]+'::text, '#'::text, 'g'::text) || chr(31) || regexp_replace(regexp_replace(split_part(coalesce(error, ''::text), chr(10), 1), '''[^'']*''|\"[^\"]*\"|“[^”]*”|「[^」]*」'::text, '…'::text, 'g'::text), '[A-Za-z0-9_:./+-]*[0-9][A-Za-z0-9_:./+-]*'::text, '#'::text, 'g'::text)), 9) ELSE NULL::text END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('due', 'running', 'waiting', 'parked', 'done', 'superseded', 'dismissed')",
            name=op.f("ck_bell_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bell")),
        sa.UniqueConstraint("connection", "stream", "path", "text", name=op.f("uq_bell_connection_stream_path_text")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(
        "ix_bell_open",
        "bell",
        ["state", "due_at"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('done', 'superseded', 'dismissed')"),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("stream", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("mapping", sa.Text(), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True),
        sa.Column("caused_by", postgresql.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("derived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("routed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("entity_id", "version", name=op.f("uq_change_entity_id_version")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index("ix_change_at", "change", ["at"], unique=False, postgresql_using="brin")
    op.create_index(
        "ix_change_derive",
        "change",
        [sa.literal_column("live DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("NOT derived"),
    )
    op.create_index(
        "ix_change_route",
        "change",
        [sa.literal_column("live DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("derived AND NOT routed"),
    )
    op.create_table(
        "connection",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connection")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("change_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("wanted_version", sa.Integer(), nullable=False),
        sa.Column("applied_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("patient", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("in_hand", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lookups", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("remade", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("busy_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owed_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("error_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column(
            "cause",
            sa.Text(),
            sa.Computed(
                "CASE WHEN error_class IS NOT NULL THEN 'd'::text || left(md5(connection || chr(31) || stream || chr(31) || error_class || chr(31) || regexp_replace(coalesce(error_fields -> 0 ->> 'path'::text, ''::text), '[0-9]+'::text, '#'::text, 'g'::text) || chr(31) || regexp_replace(regexp_replace(split_part(coalesce(error, ''::text), chr(10), 1), '''[^'']*''|\"[^\"]*\"|“[^”]*”|「[^」]*」'::text, '…'::text, 'g'::text), '[A-Za-z0-9_:./+-]*[0-9][A-Za-z0-9_:./+-]*'::text, '#'::text, 'g'::text)), 9) ELSE NULL::text END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('due', 'running', 'waiting', 'parked', 'done', 'superseded', 'dismissed')",
            name=op.f("ck_delivery_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "sync", "entity_id", "part", "change_id", name=op.f("uq_delivery_sync_entity_id_part_change_id")
        ),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(
        "ix_delivery_cause",
        "delivery",
        ["cause", "id"],
        unique=False,
        postgresql_include=["created_at"],
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "ix_delivery_done",
        "delivery",
        ["connection", "stream", "settled_at"],
        unique=False,
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["connection", "patient", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index("ix_delivery_entity", "delivery", ["entity_id"], unique=False)
    op.create_index("ix_delivery_message", "delivery", ["id"], unique=False, postgresql_where=sa.text("change_id <> 0"))
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["state", "connection"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('done', 'superseded', 'dismissed')"),
    )
    op.create_index(
        "ix_delivery_running",
        "delivery",
        ["connection", "stream", "entity_id", "part"],
        unique=True,
        postgresql_where=sa.text("state = 'running' AND change_id = 0"),
    )
    op.create_index(
        "ix_delivery_waiting", "delivery", ["waiting_for"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "drift",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rounds", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("note_zh", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('suspect', 'open', 'repairing', 'closed', 'dismissed')", name=op.f("ck_drift_state")
        ),
        sa.CheckConstraint("what IN ('missing_here', 'missing_there', 'different')", name=op.f("ck_drift_what")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift")),
    )
    op.create_index(
        "ix_drift_closed", "drift", ["sync", "closed_at"], unique=False, postgresql_where=sa.text("state = 'closed'")
    )
    op.create_index(
        "ix_drift_dismissed", "drift", ["sync", "key"], unique=False, postgresql_where=sa.text("state = 'dismissed'")
    )
    op.create_index(
        "ix_drift_repairing", "drift", ["look_at"], unique=False, postgresql_where=sa.text("state = 'repairing'")
    )
    op.create_index(
        "ix_drift_standing",
        "drift",
        ["sync", "key"],
        unique=True,
        postgresql_where=sa.text("state IN ('suspect', 'open', 'repairing')"),
    )
    op.create_table(
        "entity",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("setters", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("joined_into", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index("ix_entity_kind", "entity", ["kind", "id"], unique=False)
    op.create_table(
        "event",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "event_id", name=op.f("pk_event")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index("ix_event_file", "event", ["receipt_id"], unique=False, postgresql_where=sa.text("source = 'file'"))
    op.create_index("ix_event_hook", "event", ["at"], unique=False, postgresql_where=sa.text("source = 'hook'"))
    op.create_table(
        "field_owner",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_field_owner")),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "principal", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("patient", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("from_link", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("corrects", sa.BigInteger(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("asks", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("kept", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("entity_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("error_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column(
            "cause",
            sa.Text(),
            sa.Computed(
                "CASE WHEN error_class IS NOT NULL THEN 'i'::text || left(md5(connection || chr(31) || stream || chr(31) || error_class || chr(31) || regexp_replace(coalesce(error_fields -> 0 ->> 'path'::text, ''::text), '[0-9]+'::text, '#'::text, 'g'::text) || chr(31) || regexp_replace(regexp_replace(split_part(coalesce(error, ''::text), chr(10), 1), '''[^'']*''|\"[^\"]*\"|“[^”]*”|「[^」]*」'::text, '…'::text, 'g'::text), '[A-Za-z0-9_:./+-]*[0-9][A-Za-z0-9_:./+-]*'::text, '#'::text, 'g'::text)), 9) ELSE NULL::text END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('due', 'running', 'waiting', 'parked', 'done', 'superseded', 'dismissed')",
            name=op.f("ck_inbox_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(
        "ix_inbox_asks",
        "inbox",
        ["asks"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("state = 'parked' AND asks IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_cause",
        "inbox",
        ["cause", "id"],
        unique=False,
        postgresql_include=["received_at"],
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "ix_inbox_corrects", "inbox", ["corrects"], unique=False, postgresql_where=sa.text("corrects IS NOT NULL")
    )
    op.create_index(
        "ix_inbox_due",
        "inbox",
        ["connection", "stream", "from_link", "patient", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index("ix_inbox_key", "inbox", ["connection", "stream", "key", "id"], unique=False)
    op.create_index(
        "ix_inbox_parked",
        "inbox",
        ["connection", "stream", "key"],
        unique=False,
        postgresql_where=sa.text("state IN ('parked', 'waiting')"),
    )
    op.create_index(
        "ix_inbox_waiting", "inbox", ["waiting_for"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "inbox_archive",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("correlation", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("patient", sa.Boolean(), nullable=False),
        sa.Column("from_link", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("corrects", sa.BigInteger(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("asks", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("kept", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("entity_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("error_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "settled_at", name=op.f("pk_inbox_archive")),
        postgresql_partition_by="RANGE (settled_at)",
    )
    op.create_index(
        "ix_inbox_archive_class",
        "inbox_archive",
        ["error_class", "id"],
        unique=False,
        postgresql_where=sa.text("error_class IS NOT NULL"),
    )
    op.create_index("ix_inbox_archive_correlation", "inbox_archive", ["correlation", "id"], unique=False)
    op.create_index("ix_inbox_archive_entity_id", "inbox_archive", ["entity_id", "id"], unique=False)
    op.create_index("ix_inbox_archive_key", "inbox_archive", ["connection", "stream", "key", "id"], unique=False)
    op.create_index("ix_inbox_archive_receipt_id", "inbox_archive", ["receipt_id", "id"], unique=False)
    op.create_table(
        "join_record",
        sa.Column("loser", sa.BigInteger(), nullable=False),
        sa.Column("winner", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("loser", name=op.f("pk_join_record")),
    )
    op.create_index("ix_join_record_parent", "join_record", ["parent"], unique=False)
    op.create_table(
        "k_allocation",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("payment", sa.BigInteger(), nullable=True),
        sa.Column("open_item", sa.BigInteger(), nullable=True),
        sa.Column("order", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("amount_currency", sa.Text(), nullable=True),
        sa.Column("item_amount", sa.Numeric(), nullable=True),
        sa.Column("item_amount_currency", sa.Text(), nullable=True),
        sa.Column("rate", sa.Numeric(), nullable=True),
        sa.Column("rate_source", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_allocation")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_allocation_open_item"), "k_allocation", ["open_item"], unique=False)
    op.create_index(op.f("ix_k_allocation_order"), "k_allocation", ["order"], unique=False)
    op.create_index(op.f("ix_k_allocation_payment"), "k_allocation", ["payment"], unique=False)
    op.create_table(
        "k_bank_account",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("bank", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_bank_account")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_bank_account_company"), "k_bank_account", ["company"], unique=False)
    op.create_table(
        "k_bank_transaction",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("statement", sa.BigInteger(), nullable=True),
        sa.Column("booked_on", sa.Date(), nullable=True),
        sa.Column("value_on", sa.Date(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("amount_currency", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reversal", sa.Boolean(), nullable=True),
        sa.Column("bank_ref", sa.Text(), nullable=True),
        sa.Column("end_to_end_id", sa.Text(), nullable=True),
        sa.Column("counterparty_name", sa.Text(), nullable=True),
        sa.Column("counterparty_account", sa.Text(), nullable=True),
        sa.Column("counterparty_bank", sa.Text(), nullable=True),
        sa.Column("remittance", sa.Text(), nullable=True),
        sa.Column("balance_after", sa.Numeric(), nullable=True),
        sa.Column("balance_after_currency", sa.Text(), nullable=True),
        sa.Column("batch_of", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_bank_transaction")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_bank_transaction_account"), "k_bank_transaction", ["account"], unique=False)
    op.create_index(op.f("ix_k_bank_transaction_statement"), "k_bank_transaction", ["statement"], unique=False)
    op.create_table(
        "k_company",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_company")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_table(
        "k_contact",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_contact")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_contact_customer"), "k_contact", ["customer"], unique=False)
    op.create_table(
        "k_customer",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("short_name", sa.Text(), nullable=True),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("owner", sa.BigInteger(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_customer")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_customer_owner"), "k_customer", ["owner"], unique=False)
    op.create_table(
        "k_customer_terms",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("payment_days", sa.BigInteger(), nullable=True),
        sa.Column("credit_limit", sa.Numeric(), nullable=True),
        sa.Column("credit_limit_currency", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_customer_terms")),
    )
    op.create_index(op.f("ix_k_customer_terms_company"), "k_customer_terms", ["company"], unique=False)
    op.create_index(op.f("ix_k_customer_terms_entity_id"), "k_customer_terms", ["entity_id"], unique=False)
    op.create_table(
        "k_employee",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_employee")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_table(
        "k_invoice",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("invoiced_at", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("total", sa.Numeric(), nullable=True),
        sa.Column("total_currency", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_invoice")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_invoice_company"), "k_invoice", ["company"], unique=False)
    op.create_index(op.f("ix_k_invoice_customer"), "k_invoice", ["customer"], unique=False)
    op.create_table(
        "k_invoice_lines",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("order", sa.BigInteger(), nullable=True),
        sa.Column("order_line", sa.BigInteger(), nullable=True),
        sa.Column("product", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("amount_currency", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_invoice_lines")),
    )
    op.create_index(op.f("ix_k_invoice_lines_entity_id"), "k_invoice_lines", ["entity_id"], unique=False)
    op.create_index(op.f("ix_k_invoice_lines_order"), "k_invoice_lines", ["order"], unique=False)
    op.create_index(op.f("ix_k_invoice_lines_order_line"), "k_invoice_lines", ["order_line"], unique=False)
    op.create_index(op.f("ix_k_invoice_lines_product"), "k_invoice_lines", ["product"], unique=False)
    op.create_table(
        "k_open_item",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("order", sa.BigInteger(), nullable=True),
        sa.Column("invoice", sa.BigInteger(), nullable=True),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("instalment", sa.BigInteger(), nullable=True),
        sa.Column("instalments", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("amount_currency", sa.Text(), nullable=True),
        sa.Column("open", sa.Numeric(), nullable=True),
        sa.Column("open_currency", sa.Text(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_open_item")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_open_item_company"), "k_open_item", ["company"], unique=False)
    op.create_index(op.f("ix_k_open_item_customer"), "k_open_item", ["customer"], unique=False)
    op.create_index(op.f("ix_k_open_item_invoice"), "k_open_item", ["invoice"], unique=False)
    op.create_index(op.f("ix_k_open_item_order"), "k_open_item", ["order"], unique=False)
    op.create_table(
        "k_order",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.BigInteger(), nullable=True),
        sa.Column("ordered_at", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total", sa.Numeric(), nullable=True),
        sa.Column("total_currency", sa.Text(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("shipping_status", sa.Text(), nullable=True),
        sa.Column("invoicing_status", sa.Text(), nullable=True),
        sa.Column("payment_status", sa.Text(), nullable=True),
        sa.Column("paid", sa.Numeric(), nullable=True),
        sa.Column("paid_currency", sa.Text(), nullable=True),
        sa.Column("paid_at", sa.Date(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_order")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_order_company"), "k_order", ["company"], unique=False)
    op.create_index(op.f("ix_k_order_customer"), "k_order", ["customer"], unique=False)
    op.create_index("ix_k_order_number", "k_order", ["number"], unique=False)
    op.create_index(op.f("ix_k_order_owner"), "k_order", ["owner"], unique=False)
    op.create_table(
        "k_order_lines",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Numeric(), nullable=True),
        sa.Column("unit_price_currency", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("amount_currency", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_order_lines")),
    )
    op.create_index(op.f("ix_k_order_lines_entity_id"), "k_order_lines", ["entity_id"], unique=False)
    op.create_index(op.f("ix_k_order_lines_product"), "k_order_lines", ["product"], unique=False)
    op.create_table(
        "k_payment",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("amount_currency", sa.Text(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("transaction", sa.BigInteger(), nullable=True),
        sa.Column("payer_name", sa.Text(), nullable=True),
        sa.Column("payer_account", sa.Text(), nullable=True),
        sa.Column("remittance", sa.Text(), nullable=True),
        sa.Column("unallocated", sa.Numeric(), nullable=True),
        sa.Column("unallocated_currency", sa.Text(), nullable=True),
        sa.Column("matched", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_payment")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_payment_company"), "k_payment", ["company"], unique=False)
    op.create_index(op.f("ix_k_payment_customer"), "k_payment", ["customer"], unique=False)
    op.create_index(op.f("ix_k_payment_transaction"), "k_payment", ["transaction"], unique=False)
    op.create_index(
        "ix_k_payment_unmatched",
        "k_payment",
        ["matched"],
        unique=False,
        postgresql_where=sa.text("matched IN ('waiting', 'partly_allocated')"),
    )
    op.create_table(
        "k_product",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("specification", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_product")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_table(
        "k_shipment",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("customer", sa.BigInteger(), nullable=True),
        sa.Column("shipped_at", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_shipment")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_shipment_company"), "k_shipment", ["company"], unique=False)
    op.create_index(op.f("ix_k_shipment_customer"), "k_shipment", ["customer"], unique=False)
    op.create_table(
        "k_shipment_lines",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("order", sa.BigInteger(), nullable=True),
        sa.Column("order_line", sa.BigInteger(), nullable=True),
        sa.Column("product", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_shipment_lines")),
    )
    op.create_index(op.f("ix_k_shipment_lines_entity_id"), "k_shipment_lines", ["entity_id"], unique=False)
    op.create_index(op.f("ix_k_shipment_lines_order"), "k_shipment_lines", ["order"], unique=False)
    op.create_index(op.f("ix_k_shipment_lines_order_line"), "k_shipment_lines", ["order_line"], unique=False)
    op.create_index(op.f("ix_k_shipment_lines_product"), "k_shipment_lines", ["product"], unique=False)
    op.create_table(
        "k_statement",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("opening", sa.Numeric(), nullable=True),
        sa.Column("opening_currency", sa.Text(), nullable=True),
        sa.Column("closing", sa.Numeric(), nullable=True),
        sa.Column("closing_currency", sa.Text(), nullable=True),
        sa.Column("lines_count", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_statement")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index(op.f("ix_k_statement_account"), "k_statement", ["account"], unique=False)
    op.create_table(
        "kind_definition",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_kind_definition")),
    )
    op.create_table(
        "leader",
        sa.Column("office", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("office", name=op.f("pk_leader")),
    )
    op.create_table(
        "line_link",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "path", "key", name=op.f("pk_line_link")),
    )
    op.create_index("ix_line_link_line", "line_link", ["line_id"], unique=False)
    op.create_index("ix_line_link_link", "line_link", ["link_id"], unique=False)
    op.create_table(
        "link",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("known", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("mapping", sa.Text(), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.Column("record_version", sa.Text(), nullable=True),
        sa.Column("accepted", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("connection", "stream", "key", name=op.f("uq_link_connection_stream_key")),
        sa.UniqueConstraint(
            "entity_id", "connection", "stream", "part", name=op.f("uq_link_entity_id_connection_stream_part")
        ),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_table(
        "link_name",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "name", "value", name=op.f("pk_link_name")),
    )
    op.create_index("ix_link_name_link", "link_name", ["link_id"], unique=False)
    op.create_table(
        "mapping",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("sources", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_mapping")),
    )
    op.create_table(
        "mapping_draft",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mapping_draft")),
    )
    op.create_table(
        "match_key",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_from", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_match_key")),
    )
    op.create_index("ix_match_key_entity", "match_key", ["entity_id"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cause_zh", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("doubt", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("phase IN ('seen', 'told', 'over', 'closed')", name=op.f("ck_notice_phase")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(
        "ix_notice_open",
        "notice",
        ["subject", "what"],
        unique=True,
        postgresql_where=sa.text("phase <> 'closed' AND what <> 'assigned'"),
    )
    op.create_table(
        "notice_channel",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("error_zh", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_notice_channel")),
    )
    op.create_table(
        "own_kind",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_kind")),
    )
    op.create_index("ix_own_kind_kind", "own_kind", ["kind"], unique=False)
    op.create_table(
        "pause",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("trial", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_pause")),
    )
    op.create_table(
        "pulse",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("at", name=op.f("pk_pulse")),
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("query", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_zh", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("records", sa.Integer(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("error_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column(
            "cause",
            sa.Text(),
            sa.Computed(
                "CASE WHEN error_class IS NOT NULL THEN 'r'::text || left(md5(connection || chr(31) || source || chr(31) || error_class || chr(31) || regexp_replace(coalesce(error_fields -> 0 ->> 'path'::text, ''::text), '[0-9]+'::text, '#'::text, 'g'::text) || chr(31) || regexp_replace(regexp_replace(split_part(coalesce(error, ''::text), chr(10), 1), '''[^'']*''|\"[^\"]*\"|“[^”]*”|「[^」]*」'::text, '…'::text, 'g'::text), '[A-Za-z0-9_:./+-]*[0-9][A-Za-z0-9_:./+-]*'::text, '#'::text, 'g'::text)), 9) ELSE NULL::text END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('due', 'running', 'waiting', 'parked', 'done', 'superseded', 'dismissed')",
            name=op.f("ck_receipt_state"),
        ),
        sa.CheckConstraint("verdict IN ('accepted', 'duplicate', 'refused')", name=op.f("ck_receipt_verdict")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_index("ix_receipt_list", "receipt", ["connection", "id"], unique=False)
    op.create_index(
        "ix_receipt_open",
        "receipt",
        ["state", "connection", "id"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('done', 'superseded', 'dismissed')"),
    )
    op.create_table(
        "receipt_archive",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("query", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_zh", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("records", sa.Integer(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("error_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "received_at", name=op.f("pk_receipt_archive")),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index("ix_receipt_archive_list", "receipt_archive", ["connection", "id"], unique=False)
    op.create_index(
        "ix_receipt_archive_verdict",
        "receipt_archive",
        ["verdict", "id"],
        unique=False,
        postgresql_where=sa.text("verdict <> 'accepted'"),
    )
    op.create_table(
        "reconcile_seen",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_reconcile_seen")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stored", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gone", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("note_zh", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'unverified', 'failed', 'held', 'dismissed')", name=op.f("ck_run_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(
        "ix_run_open", "run", ["what", "state"], unique=False, postgresql_where=sa.text("state IN ('running', 'held')")
    )
    op.create_index("ix_run_sync", "run", ["sync", "id"], unique=False)
    op.create_table(
        "schema_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("weight", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("sentence_zh", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_change")),
    )
    op.create_index("ix_schema_change_stream", "schema_change", ["connection", "stream", "id"], unique=False)
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "stream_sketch",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_stream_sketch")),
    )
    op.create_table(
        "suspect",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("what", "id", name=op.f("pk_suspect")),
    )
    op.create_table(
        "tally",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", "name", "label", "slot", name=op.f("pk_tally")),
        postgresql_with={
            "fillfactor": 50,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_analyze_scale_factor": 0.05,
            "autovacuum_vacuum_insert_scale_factor": 0.05,
        },
    )
    op.create_table(
        "weak_key",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_from", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "value", "entity_id", name=op.f("pk_weak_key")),
    )
    op.create_index("ix_weak_key_entity", "weak_key", ["entity_id"], unique=False)
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doing", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("redis", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("redis_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )
    op.create_table(
        "sync",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("backfilled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("next_pull_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_pull_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_read", sa.Integer(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_zh", sa.Text(), nullable=True),
        sa.Column("doubt", sa.Text(), nullable=True),
        sa.Column("doubt_zh", sa.Text(), nullable=True),
        sa.Column("recheck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recheck_after", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reconcile_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconcile_lease", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconcile_fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconcile_doubt", sa.Text(), nullable=True),
        sa.Column("reconcile_doubt_zh", sa.Text(), nullable=True),
        sa.CheckConstraint("mode IN ('paused', 'observing', 'live')", name=op.f("ck_sync_mode")),
        sa.ForeignKeyConstraint(["connection"], ["connection.name"], name=op.f("fk_sync_connection")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sync")),
    )


def downgrade() -> None:
    op.drop_table("sync")
    op.drop_table("worker")
    op.drop_index("ix_weak_key_entity", table_name="weak_key")
    op.drop_table("weak_key")
    op.drop_table("tally")
    op.drop_table("suspect")
    op.drop_table("stream_sketch")
    op.drop_table("secret")
    op.drop_index("ix_schema_change_stream", table_name="schema_change")
    op.drop_table("schema_change")
    op.drop_index("ix_run_sync", table_name="run")
    op.drop_index("ix_run_open", table_name="run", postgresql_where=sa.text("state IN ('running', 'held')"))
    op.drop_table("run")
    op.drop_table("reconcile_seen")
    op.drop_index(
        "ix_receipt_archive_verdict", table_name="receipt_archive", postgresql_where=sa.text("verdict <> 'accepted'")
    )
    op.drop_index("ix_receipt_archive_list", table_name="receipt_archive")
    op.drop_table("receipt_archive")
    op.drop_index(
        "ix_receipt_open",
        table_name="receipt",
        postgresql_where=sa.text("state NOT IN ('done', 'superseded', 'dismissed')"),
    )
    op.drop_index("ix_receipt_list", table_name="receipt")
    op.drop_table("receipt")
    op.drop_table("pulse")
    op.drop_table("pause")
    op.drop_index("ix_own_kind_kind", table_name="own_kind")
    op.drop_table("own_kind")
    op.drop_table("notice_channel")
    op.drop_index(
        "ix_notice_open", table_name="notice", postgresql_where=sa.text("phase <> 'closed' AND what <> 'assigned'")
    )
    op.drop_table("notice")
    op.drop_index("ix_match_key_entity", table_name="match_key")
    op.drop_table("match_key")
    op.drop_table("mapping_draft")
    op.drop_table("mapping")
    op.drop_index("ix_link_name_link", table_name="link_name")
    op.drop_table("link_name")
    op.drop_table("link")
    op.drop_index("ix_line_link_link", table_name="line_link")
    op.drop_index("ix_line_link_line", table_name="line_link")
    op.drop_table("line_link")
    op.drop_table("leader")
    op.drop_table("kind_definition")
    op.drop_index(op.f("ix_k_statement_account"), table_name="k_statement")
    op.drop_table("k_statement")
    op.drop_index(op.f("ix_k_shipment_lines_product"), table_name="k_shipment_lines")
    op.drop_index(op.f("ix_k_shipment_lines_order_line"), table_name="k_shipment_lines")
    op.drop_index(op.f("ix_k_shipment_lines_order"), table_name="k_shipment_lines")
    op.drop_index(op.f("ix_k_shipment_lines_entity_id"), table_name="k_shipment_lines")
    op.drop_table("k_shipment_lines")
    op.drop_index(op.f("ix_k_shipment_customer"), table_name="k_shipment")
    op.drop_index(op.f("ix_k_shipment_company"), table_name="k_shipment")
    op.drop_table("k_shipment")
    op.drop_table("k_product")
    op.drop_index(
        "ix_k_payment_unmatched",
        table_name="k_payment",
        postgresql_where=sa.text("matched IN ('waiting', 'partly_allocated')"),
    )
    op.drop_index(op.f("ix_k_payment_transaction"), table_name="k_payment")
    op.drop_index(op.f("ix_k_payment_customer"), table_name="k_payment")
    op.drop_index(op.f("ix_k_payment_company"), table_name="k_payment")
    op.drop_table("k_payment")
    op.drop_index(op.f("ix_k_order_lines_product"), table_name="k_order_lines")
    op.drop_index(op.f("ix_k_order_lines_entity_id"), table_name="k_order_lines")
    op.drop_table("k_order_lines")
    op.drop_index(op.f("ix_k_order_owner"), table_name="k_order")
    op.drop_index("ix_k_order_number", table_name="k_order")
    op.drop_index(op.f("ix_k_order_customer"), table_name="k_order")
    op.drop_index(op.f("ix_k_order_company"), table_name="k_order")
    op.drop_table("k_order")
    op.drop_index(op.f("ix_k_open_item_order"), table_name="k_open_item")
    op.drop_index(op.f("ix_k_open_item_invoice"), table_name="k_open_item")
    op.drop_index(op.f("ix_k_open_item_customer"), table_name="k_open_item")
    op.drop_index(op.f("ix_k_open_item_company"), table_name="k_open_item")
    op.drop_table("k_open_item")
    op.drop_index(op.f("ix_k_invoice_lines_product"), table_name="k_invoice_lines")
    op.drop_index(op.f("ix_k_invoice_lines_order_line"), table_name="k_invoice_lines")
    op.drop_index(op.f("ix_k_invoice_lines_order"), table_name="k_invoice_lines")
    op.drop_index(op.f("ix_k_invoice_lines_entity_id"), table_name="k_invoice_lines")
    op.drop_table("k_invoice_lines")
    op.drop_index(op.f("ix_k_invoice_customer"), table_name="k_invoice")
    op.drop_index(op.f("ix_k_invoice_company"), table_name="k_invoice")
    op.drop_table("k_invoice")
    op.drop_table("k_employee")
    op.drop_index(op.f("ix_k_customer_terms_entity_id"), table_name="k_customer_terms")
    op.drop_index(op.f("ix_k_customer_terms_company"), table_name="k_customer_terms")
    op.drop_table("k_customer_terms")
    op.drop_index(op.f("ix_k_customer_owner"), table_name="k_customer")
    op.drop_table("k_customer")
    op.drop_index(op.f("ix_k_contact_customer"), table_name="k_contact")
    op.drop_table("k_contact")
    op.drop_table("k_company")
    op.drop_index(op.f("ix_k_bank_transaction_statement"), table_name="k_bank_transaction")
    op.drop_index(op.f("ix_k_bank_transaction_account"), table_name="k_bank_transaction")
    op.drop_table("k_bank_transaction")
    op.drop_index(op.f("ix_k_bank_account_company"), table_name="k_bank_account")
    op.drop_table("k_bank_account")
    op.drop_index(op.f("ix_k_allocation_payment"), table_name="k_allocation")
    op.drop_index(op.f("ix_k_allocation_order"), table_name="k_allocation")
    op.drop_index(op.f("ix_k_allocation_open_item"), table_name="k_allocation")
    op.drop_table("k_allocation")
    op.drop_index("ix_join_record_parent", table_name="join_record")
    op.drop_table("join_record")
    op.drop_index("ix_inbox_archive_receipt_id", table_name="inbox_archive")
    op.drop_index("ix_inbox_archive_key", table_name="inbox_archive")
    op.drop_index("ix_inbox_archive_entity_id", table_name="inbox_archive")
    op.drop_index("ix_inbox_archive_correlation", table_name="inbox_archive")
    op.drop_index(
        "ix_inbox_archive_class", table_name="inbox_archive", postgresql_where=sa.text("error_class IS NOT NULL")
    )
    op.drop_table("inbox_archive")
    op.drop_index("ix_inbox_waiting", table_name="inbox", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index("ix_inbox_parked", table_name="inbox", postgresql_where=sa.text("state IN ('parked', 'waiting')"))
    op.drop_index("ix_inbox_key", table_name="inbox")
    op.drop_index("ix_inbox_due", table_name="inbox", postgresql_where=sa.text("state = 'due'"))
    op.drop_index("ix_inbox_corrects", table_name="inbox", postgresql_where=sa.text("corrects IS NOT NULL"))
    op.drop_index(
        "ix_inbox_cause",
        table_name="inbox",
        postgresql_include=["received_at"],
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.drop_index(
        "ix_inbox_asks",
        table_name="inbox",
        postgresql_using="gin",
        postgresql_where=sa.text("state = 'parked' AND asks IS NOT NULL"),
    )
    op.drop_table("inbox")
    op.drop_table("idempotency")
    op.drop_table("field_owner")
    op.drop_index("ix_event_hook", table_name="event", postgresql_where=sa.text("source = 'hook'"))
    op.drop_index("ix_event_file", table_name="event", postgresql_where=sa.text("source = 'file'"))
    op.drop_table("event")
    op.drop_index("ix_entity_kind", table_name="entity")
    op.drop_table("entity")
    op.drop_index(
        "ix_drift_standing", table_name="drift", postgresql_where=sa.text("state IN ('suspect', 'open', 'repairing')")
    )
    op.drop_index("ix_drift_repairing", table_name="drift", postgresql_where=sa.text("state = 'repairing'"))
    op.drop_index("ix_drift_dismissed", table_name="drift", postgresql_where=sa.text("state = 'dismissed'"))
    op.drop_index("ix_drift_closed", table_name="drift", postgresql_where=sa.text("state = 'closed'"))
    op.drop_table("drift")
    op.drop_index("ix_delivery_waiting", table_name="delivery", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index(
        "ix_delivery_running", table_name="delivery", postgresql_where=sa.text("state = 'running' AND change_id = 0")
    )
    op.drop_index(
        "ix_delivery_open",
        table_name="delivery",
        postgresql_where=sa.text("state NOT IN ('done', 'superseded', 'dismissed')"),
    )
    op.drop_index("ix_delivery_message", table_name="delivery", postgresql_where=sa.text("change_id <> 0"))
    op.drop_index("ix_delivery_entity", table_name="delivery")
    op.drop_index("ix_delivery_due", table_name="delivery", postgresql_where=sa.text("state = 'due'"))
    op.drop_index("ix_delivery_done", table_name="delivery", postgresql_where=sa.text("state = 'done'"))
    op.drop_index(
        "ix_delivery_cause",
        table_name="delivery",
        postgresql_include=["created_at"],
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.drop_table("delivery")
    op.drop_table("connection")
    op.drop_index("ix_change_route", table_name="change", postgresql_where=sa.text("derived AND NOT routed"))
    op.drop_index("ix_change_derive", table_name="change", postgresql_where=sa.text("NOT derived"))
    op.drop_index("ix_change_at", table_name="change", postgresql_using="brin")
    op.drop_table("change")
    op.drop_index(
        "ix_bell_open", table_name="bell", postgresql_where=sa.text("state NOT IN ('done', 'superseded', 'dismissed')")
    )
    op.drop_table("bell")
    op.drop_index("ix_audit_failed", table_name="audit", postgresql_where=sa.text("act LIKE 'failed.%'"))
    op.drop_table("audit")
    op.drop_index("ix_attempt_archive_delivery", table_name="attempt_archive")
    op.drop_table("attempt_archive")
    op.drop_index("ix_attempt_delivery", table_name="attempt")
    op.drop_table("attempt")
    op.drop_table("assignment")
    op.drop_table("applied_config")
    op.drop_table("api_token")
    op.execute("DROP SEQUENCE entity_ids")
