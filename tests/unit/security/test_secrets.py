"""Secrets: sealed, bound to their names, found by reference, missing ones named."""

import base64
import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.db.session import Database
from hub.security import secrets
from hub.security.secrets import MissingSecret, SecretBox, SecretError, load_key, looking_in, references, resolve


@pytest.fixture
def box() -> SecretBox:
    return SecretBox(os.urandom(32))


def test_what_is_sealed_can_be_opened_and_not_read(box: SecretBox) -> None:
    sealed = box.seal("kingdee", "密码 s3cret")
    assert box.open_sealed("kingdee", sealed) == "密码 s3cret"
    assert "s3cret" not in sealed
    assert box.seal("kingdee", "密码 s3cret") != sealed


@pytest.mark.parametrize("spoil", [lambda s: s[:-8] + "AAAAAAA=", lambda s: "v1:", lambda s: "not base64!"])
def test_a_spoilt_seal_is_refused_by_name(box: SecretBox, spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SecretError, match="The secret kingdee cannot be opened"):
        box.open_sealed("kingdee", spoil(box.seal("kingdee", "s3cret")))


def test_a_seal_fits_its_own_name_and_key_only(box: SecretBox) -> None:
    sealed = box.seal("kingdee", "s3cret")
    with pytest.raises(SecretError):
        box.open_sealed("fxiaoke", sealed)
    with pytest.raises(SecretError):
        SecretBox(os.urandom(32)).open_sealed("kingdee", sealed)


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret.key"
    key = load_key(file)
    assert load_key(file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["secret.key"]


def test_a_given_key_wins_and_leaves_no_file(tmp_path: Path) -> None:
    key = os.urandom(32)
    assert load_key(tmp_path / "secret.key", base64.b64encode(key).decode()) == key
    assert not (tmp_path / "secret.key").exists()


@pytest.mark.parametrize("given", ["short", "c2hvcnQ=", "not base64 at all!!"])
def test_a_key_of_another_shape_is_refused_without_showing_it(tmp_path: Path, given: str) -> None:
    with pytest.raises(SecretError, match="32 bytes as base64") as caught:
        load_key(tmp_path / "secret.key", given)
    assert given not in str(caught.value)


def test_references_are_replaced_wherever_they_stand() -> None:
    value = {"a": "${env:HOST}", "b": ["x-${secret:kd.pass}-${env:HOST}", 5, None], "c": {"d": "$5 ${other:x}"}}
    assert references(value) == {("env", "HOST"), ("secret", "kd.pass")}
    lookup = looking_in({"kd.pass": "p${env:HOST}"}, {"HOST": "h"})
    assert resolve(value, lookup) == {"a": "h", "b": ["x-p${env:HOST}-h", 5, None], "c": {"d": "$5 ${other:x}"}}


@pytest.mark.parametrize(("source", "sentence"), [("env", "is not set"), ("secret", "no secret named")])
def test_a_missing_secret_is_named_in_both_languages(source: str, sentence: str) -> None:
    with pytest.raises(MissingSecret, match=sentence) as caught:
        resolve({"password": f"${{{source}:NOT_THERE}}"}, looking_in({}, {}))
    assert caught.value.name == "NOT_THERE"
    assert "NOT_THERE" in caught.value.en
    assert "NOT_THERE" in caught.value.zh


async def test_the_store_keeps_only_seals(db: Database, box: SecretBox) -> None:
    async with db.begin() as connection:
        await secrets.put(connection, box, "kd.pass", "first")
        await secrets.put(connection, box, "kd.pass", "second")
        await secrets.put(connection, box, "fx.key", "other")
    async with db.read() as connection:
        assert await secrets.get(connection, box, ["kd.pass", "absent"]) == {"kd.pass": "second"}
        assert await secrets.names(connection) == ["fx.key", "kd.pass"]
        stored = (await connection.execute(text("SELECT sealed FROM secret"))).scalars().all()
    assert not any("second" in sealed for sealed in stored)
    async with db.begin() as connection:
        assert await secrets.remove(connection, "kd.pass")
        assert not await secrets.remove(connection, "kd.pass")


async def test_a_name_that_no_reference_can_spell_is_refused(db: Database, box: SecretBox) -> None:
    async with db.begin() as connection:
        with pytest.raises(SecretError, match="cannot name a secret"):
            await secrets.put(connection, box, "with space", "x")
