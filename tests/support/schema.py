"""What a database is made of, and a second PostgreSQL to make one on."""

import os
import shutil
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine


def programs_of_15() -> Path | None:
    """A second PostgreSQL, where this machine has one."""
    given = os.environ.get("HUB_TEST_PG15_BIN")
    on_path = shutil.which("postgres")
    candidates = [Path(given)] if given else []
    candidates += [Path(on_path).resolve().parent] if on_path else []
    candidates.append(Path("/usr/lib/postgresql/15/bin"))
    return next((folder for folder in candidates if (folder / "initdb").is_file()), None)


async def catalogue(url: str) -> set[tuple[str, ...]]:
    """What Alembic does not compare: checks with their text, identities, indexes as PostgreSQL wrote them."""
    engine = create_async_engine(url)
    question = text("""
        SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
        UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'column', table_name, column_name, concat_ws(' ', data_type, numeric_precision,
            numeric_scale, is_nullable, column_default, identity_generation)
            FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT 'sequence', sequencename, '', data_type::text FROM pg_sequences WHERE schemaname = 'public'
    """)
    async with engine.connect() as connection:
        rows = {tuple(row) for row in await connection.execute(question) if row[1] != "alembic_version"}
    await engine.dispose()
    return rows
