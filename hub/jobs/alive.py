"""`python -m hub.jobs.alive`: is a worker of this machine at work? For health checks of workers, which have no HTTP.

Ends with 1 only where the database says that none was heard of lately. Where it does not answer nobody can tell, and to
start workers anew would not help it."""

import asyncio
import socket
import sys
from typing import Final

import asyncpg

from hub.db.session import plain_url
from hub.settings import Settings, load_settings

ANSWER_SECONDS: Final = 3.0
_SILENT: Final = "SELECT extract(epoch FROM clock_timestamp() - max(seen_at)) FROM worker WHERE host = $1"


async def silent_seconds(url: str) -> float | None:
    """Since a worker of this machine told that it lives; None where none is on the list."""
    connection = await asyncpg.connect(plain_url(url), timeout=ANSWER_SECONDS)
    try:
        found = await connection.fetchval(_SILENT, socket.gethostname(), timeout=ANSWER_SECONDS)
    finally:
        await connection.close(timeout=ANSWER_SECONDS)
    return None if found is None else float(found)


def alive(settings: Settings) -> bool:
    if settings.database_url is None:
        return False  # there are no workers beside an embedded database
    try:
        silent = asyncio.run(silent_seconds(settings.database_url.get_secret_value()))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        print(f"the database does not answer: {type(error).__name__}", file=sys.stderr)
        return True
    return silent is not None and silent <= settings.engine.lease_seconds


if __name__ == "__main__":
    sys.exit(0 if alive(load_settings()) else 1)
