"""The configuration in force, loaded with its secrets; and whether a newer one was applied."""

from sqlalchemy import text

from hub.config.runtime import Configuration, load_configuration
from hub.db.session import Database
from hub.security import secrets
from hub.settings import Settings


async def load(db: Database, settings: Settings) -> tuple[Configuration, int]:
    """The configuration and its number; a newer one has a higher number."""
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    async with db.read() as conn:
        names = await secrets.names(conn)
        store: dict[str, str] = {}
        if names:
            box = secrets.SecretBox(secrets.load_key(settings.secret_key_file, given))
            store = await secrets.get(conn, box, names)
        configuration = await load_configuration(conn, secrets.looking_in(store))
        return configuration, await number(db)


async def number(db: Database) -> int:
    """Which configuration is in force: moves with every apply, every mode a person sets and every new secret."""
    async with db.read() as conn:
        row = await conn.execute(
            text(
                "SELECT coalesce((SELECT max(id) FROM applied_config), 0) * 1000000"
                " + coalesce((SELECT max(id) FROM audit WHERE act LIKE 'sync.%' OR act LIKE 'secret.%'), 0)"
            )
        )
        return int(row.scalar_one())
