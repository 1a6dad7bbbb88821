"""API tokens: who may what, until when; and the audit trail."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.db.session import Database
from hub.security import audit, tokens


async def test_a_token_opens_what_its_scopes_say(db: Database) -> None:
    async with db.begin() as connection:
        token = await tokens.create(connection, "crm script", ["write"])
        caller = await tokens.verify(connection, token)
    assert caller is not None
    assert (caller.name, caller.may("read"), caller.may("write"), caller.may("admin")) == (
        "crm script",
        True,
        True,
        False,
    )
    assert token.startswith(f"hub_{caller.id}_")


async def test_only_a_digest_is_kept(db: Database) -> None:
    async with db.begin() as connection:
        token = await tokens.create(connection, "x", ["read"])
        row = (await connection.execute(text("SELECT api_token::text FROM api_token"))).scalar_one()
    assert token.split("_", 2)[2] not in row


@pytest.mark.parametrize("spoil", [lambda t: t + "x", lambda t: t[:-1], lambda t: "", lambda t: "hub__", str.upper])
async def test_any_other_text_is_nobody(db: Database, spoil) -> None:  # type: ignore[no-untyped-def]
    async with db.begin() as connection:
        token = await tokens.create(connection, "x", ["read"])
        assert await tokens.verify(connection, spoil(token)) is None


async def test_a_token_ends_by_time_and_by_revocation(db: Database) -> None:
    now = datetime.now(UTC)
    async with db.begin() as connection:
        over = await tokens.create(connection, "x", ["read"], now - timedelta(seconds=1))
        live = await tokens.create(connection, "x", ["read"], now + timedelta(hours=1))
        assert await tokens.verify(connection, over) is None
        caller = await tokens.verify(connection, live)
        assert caller is not None
        assert await tokens.revoke(connection, caller.id)
        assert not await tokens.revoke(connection, caller.id)
        assert await tokens.verify(connection, live) is None


async def test_its_use_is_noted(db: Database) -> None:
    async with db.begin() as connection:
        token = await tokens.create(connection, "x", ["read"])
        await tokens.verify(connection, token)
    async with db.begin() as connection:
        first = (await connection.execute(text("SELECT last_used_at FROM api_token"))).scalar_one()
        await tokens.verify(connection, token)
        assert first is not None
        assert (await connection.execute(text("SELECT last_used_at FROM api_token"))).scalar_one() == first


@pytest.mark.parametrize("scopes", [[], ["root"]])
async def test_an_unknown_scope_is_refused(db: Database, scopes: list[tokens.Scope]) -> None:
    async with db.begin() as connection:
        with pytest.raises(ValueError, match="read, write, admin"):
            await tokens.create(connection, "x", scopes)


async def test_the_first_token_waits_in_a_private_file_and_is_made_anew_when_it_fails(
    db: Database, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    async with db.begin() as connection:
        first = await tokens.bootstrap(connection, file)
        assert await tokens.bootstrap(connection, file) == first == file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.unlink()
        second = await tokens.bootstrap(connection, file)
        assert await tokens.verify(connection, first) is None
        caller = await tokens.verify(connection, second)
    assert caller is not None
    assert caller.may("admin")


async def test_the_audit_trail_masks_what_names_a_secret(db: Database) -> None:
    async with db.begin() as connection:
        await audit.record(connection, "admin", "connection.save", "kingdee", {"password": "p", "zone": "上海"})
        row = (await connection.execute(text("SELECT who, act, what, detail FROM audit"))).one()
    assert tuple(row) == ("admin", "connection.save", "kingdee", {"password": "***", "zone": "上海"})
