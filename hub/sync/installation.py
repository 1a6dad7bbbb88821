"""What one installation holds besides its tables: the box that opens its secrets."""

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Configuration, load_configuration
from hub.security import secrets
from hub.security.secrets import Lookup, SecretBox, load_key, looking_in
from hub.settings import Settings


def secret_box(settings: Settings) -> SecretBox:
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    return SecretBox(load_key(settings.secret_key_file, given))


async def secret_lookup(conn: AsyncConnection, settings: Settings) -> Lookup:
    """A lookup over the environment and all stored secrets, opened."""
    names = await secrets.names(conn)
    return looking_in(await secrets.get(conn, secret_box(settings), names) if names else {})


async def configuration_in_force(conn: AsyncConnection, settings: Settings) -> Configuration:
    return await load_configuration(conn, await secret_lookup(conn, settings))
