"""Secrets: sealed at rest, named by reference in the configuration, opened only where they are used."""

import base64
import binascii
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.housing import make_data_dir

KEY_BYTES = 32
NONCE_BYTES = 12
SEAL = "v1:"
REFERENCE = re.compile(r"\$\{(env|secret):([A-Za-z0-9_.\-]+)\}")

Lookup = Callable[[str, str], str | None]
"""(`env` or `secret`, name) -> the value, or None when there is none."""


class SecretError(ValueError):
    """A secret cannot be used; says which and what to do, in both languages. Never says its value."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


class MissingSecret(SecretError):
    """A reference to something that is not there."""

    def __init__(self, source: str, name: str) -> None:
        self.source = source
        self.name = name
        super().__init__(*(sentence.format(name=name) for sentence in _MISSING[source]))


_MISSING = {
    "env": (
        "The environment variable {name} is not set. Set it where the hub starts, then try again.",
        "环境变量 {name} 未设置。请在启动处设置后重试。",
    ),
    "secret": (
        "There is no secret named {name}. Store it, then try again.",
        "没有名为 {name} 的凭据。请先保存该凭据再重试。",
    ),
}


class SecretBox:
    """Seals texts with AES-256-GCM. A seal is bound to its name: it cannot be moved to another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SecretError("The secret key must have 32 bytes.", "密钥长度必须为 32 字节。")
        self._cipher = AESGCM(key)

    def seal(self, name: str, plain: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plain.encode(), name.encode())
        return SEAL + base64.b64encode(nonce + sealed).decode("ascii")

    def open_sealed(self, name: str, sealed: str) -> str:
        try:
            raw = base64.b64decode(sealed.removeprefix(SEAL), validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SecretError(
                f"The secret {name} cannot be opened with this installation's key. "
                "Put the right key file back, or store the secret again.",
                f"无法用当前密钥解开凭据 {name}。请恢复原密钥文件，或重新保存该凭据。",
            ) from error


def load_key(file: Path, given: str | None = None) -> bytes:
    """The data key: given as base64, else kept in a file that is made on first use and is ours alone."""
    if given:
        return _decode_key(given, "HUB_SECRET_KEY")
    if not file.exists():
        make_data_dir(file.parent)
        _write_once(file, base64.b64encode(os.urandom(KEY_BYTES)))
    return _decode_key(file.read_text(encoding="ascii"), str(file))


def _decode_key(encoded: str, source: str) -> bytes:
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretError(
            f"{source} must hold 32 bytes as base64. `openssl rand -base64 32` prints such a key.",
            f"{source} 必须是 32 字节的 base64 文本，可用 openssl rand -base64 32 生成。",
        )
    return key


def _write_once(file: Path, content: bytes) -> None:
    """Whole or not at all, and the first of two writers wins."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def references(value: Any) -> set[tuple[str, str]]:
    """Every reference in a configuration value, as (source, name)."""
    found: set[tuple[str, str]] = set()

    def note(source: str, name: str) -> str:
        found.add((source, name))
        return ""

    resolve(value, note)
    return found


def resolve(value: Any, lookup: Lookup) -> Any:
    """The same value with every `${env:NAME}` and `${secret:NAME}` replaced; raises MissingSecret."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _look_up(lookup, found.group(1), found.group(2)), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, lookup) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, lookup) for item in value]
    return value


def _look_up(lookup: Lookup, source: str, name: str) -> str:
    found = lookup(source, name)
    if found is None:
        raise MissingSecret(source, name)
    return found


def looking_in(store: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Lookup:
    """A lookup over secrets already opened and the environment."""
    places = {"env": environment, "secret": store}
    return lambda source, name: places[source].get(name)


async def put(connection: AsyncConnection, box: SecretBox, name: str, plain: str) -> None:
    if not REFERENCE.fullmatch(f"${{secret:{name}}}"):
        raise SecretError(
            f"{name!r} cannot name a secret: use letters, digits, dot, dash and underscore.",
            f"凭据名 {name!r} 不可用：只能含字母、数字、点、横线和下划线。",
        )
    statement = """
        INSERT INTO secret (name, sealed, updated_at) VALUES (:name, :sealed, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at
    """
    await connection.execute(text(statement), {"name": name, "sealed": box.seal(name, plain)})


async def get(connection: AsyncConnection, box: SecretBox, names: Iterable[str]) -> dict[str, str]:
    """The secrets among these names that exist, opened."""
    question = text("SELECT name, sealed FROM secret WHERE name = ANY(:names)")
    rows = await connection.execute(question, {"names": list(names)})
    return {row.name: box.open_sealed(row.name, row.sealed) for row in rows}


async def remove(connection: AsyncConnection, name: str) -> bool:
    done = await connection.execute(text("DELETE FROM secret WHERE name = :name"), {"name": name})
    return done.rowcount == 1


async def names(connection: AsyncConnection) -> list[str]:
    return list((await connection.execute(text("SELECT name FROM secret ORDER BY name"))).scalars())
