"""Run by Alembic for every command; `hub.db.migrate` hands over the connection."""

from typing import Any

from alembic import context
from alembic.operations.ops import ExecuteSQLOp, MigrationScript

from hub.db.migrate import missing_sequences, ours
from hub.db.tables import metadata

connection = context.config.attributes["connection"]


def complete(_context: Any, _revision: Any, scripts: list[MigrationScript]) -> None:
    """Alembic does not look at sequences; and a step without a difference is no step."""
    for script in scripts:
        assert script.upgrade_ops is not None
        assert script.downgrade_ops is not None
        for name in missing_sequences(connection):
            script.upgrade_ops.ops.insert(0, ExecuteSQLOp(f"CREATE SEQUENCE {name}"))
            script.downgrade_ops.ops.append(ExecuteSQLOp(f"DROP SEQUENCE {name}"))
        if script.upgrade_ops.is_empty():
            scripts.remove(script)


context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    include_name=ours,
    process_revision_directives=complete,
)
context.run_migrations()
