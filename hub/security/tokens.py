"""API tokens: shown once, kept as a digest, with scopes and an end."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.housing import make_data_dir

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "hub"
IMPLIED: dict[Scope, tuple[Scope, ...]] = {
    "read": ("read",),
    "write": ("read", "write"),
    "admin": ("read", "write", "admin"),
}
BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling and what they may do."""

    id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


async def create(
    connection: AsyncConnection, name: str, scopes: Collection[Scope], expires: datetime | None = None
) -> str:
    """Make a token and return its text, which is not kept and cannot be shown again."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValueError(f"A token needs at least one scope out of {', '.join(SCOPES)}.")
    token_id = secrets.token_hex(6)
    token = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
    await _store(connection, token, name, scopes, expires)
    return token


async def verify(connection: AsyncConnection, token: str) -> Principal | None:
    """The principal of a live token; None for any other text. Notes the use at most once a minute."""
    token_id = _id_of(token)
    if token_id is None:
        return None
    question = """
        SELECT name, digest, scopes, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS unnoted
        FROM api_token WHERE id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    """
    row = (await connection.execute(text(question), {"id": token_id})).one_or_none()
    if row is None or not hmac.compare_digest(row.digest, _digest(token)):
        return None
    if row.unnoted:
        await connection.execute(text("UPDATE api_token SET last_used_at = now() WHERE id = :id"), {"id": token_id})
    scopes = frozenset(implied for scope in row.scopes for implied in IMPLIED[scope])
    return Principal(token_id, row.name, scopes)


async def revoke(connection: AsyncConnection, token_id: str) -> bool:
    """End a token at once; False when there is no such live token."""
    statement = text("UPDATE api_token SET revoked_at = now() WHERE id = :id AND revoked_at IS NULL")
    return (await connection.execute(statement, {"id": token_id})).rowcount == 1


async def bootstrap(connection: AsyncConnection, file: Path) -> str:
    """The first admin token of an installation, kept in a file of ours so that the local commands find it."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('api_token.bootstrap'))"))
    kept = _kept(file)
    if await verify(connection, kept) is not None:
        return kept
    ended = text("UPDATE api_token SET revoked_at = now() WHERE name = :name AND revoked_at IS NULL")
    await connection.execute(ended, {"name": BOOTSTRAP})
    token = await create(connection, BOOTSTRAP, ["admin"])
    _keep(file, token)
    return token


def _kept(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


def _keep(file: Path, token: str) -> None:
    make_data_dir(file.parent)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(f"{token}\n")
    draft.replace(file)


async def _store(
    connection: AsyncConnection, token: str, name: str, scopes: Collection[Scope], expires: datetime | None
) -> None:
    statement = """
        INSERT INTO api_token (id, name, digest, scopes, created_at, expires_at)
        VALUES (:id, :name, :digest, :scopes, now(), :expires)
    """
    values = {"id": _id_of(token), "name": name, "digest": _digest(token), "scopes": list(scopes), "expires": expires}
    await connection.execute(text(statement), values)


def _id_of(token: str) -> str | None:
    parts = token.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX and parts[2] else None


def _digest(token: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()
