"""The configuration in force, and whether a newer one was applied."""

from sqlalchemy import text

from hub.config.runtime import Configuration
from hub.db.session import Database
from hub.settings import Settings
from hub.sync.installation import configuration_in_force

_NUMBER = """
SELECT coalesce((SELECT max(id) FROM applied_config), 0)
  + coalesce((SELECT max(id) FROM audit WHERE act LIKE 'sync.%' OR act LIKE 'secret.%'), 0) AS number
"""


async def load(db: Database, settings: Settings) -> tuple[Configuration, int]:
    """The configuration and its number; a newer one has a higher number."""
    async with db.read() as conn:
        number = int((await conn.execute(text(_NUMBER))).scalar_one())
        return await configuration_in_force(conn, settings), number


async def number(db: Database) -> int:
    """Which configuration is in force: grows with every apply, every mode a person sets and every new secret."""
    async with db.read() as conn:
        return int((await conn.execute(text(_NUMBER))).scalar_one())
