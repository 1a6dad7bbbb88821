"""The checks of manifest, config, fixtures and code find what they are there for."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict, SecretStr

from connectors.rest.config import RestConfig
from hub.sdk import (
    Context,
)
from hub.sdk.conformance import Subject, check_all
from tests.contract.spoilt import DINGTALK, FILES, SOUND, found, hooked


async def test_nothing_is_found_in_a_sound_connector() -> None:
    assert await check_all(SOUND) == []


class Quiet:
    """A stream that does nothing of what is said of it."""

    name = "robot"
    grade = "D"
    schema: Mapping[str, str] = {"amount": "cash"}

    async def message(self, ctx: Context, message: Any) -> str:
        return ""


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (replace(SOUND, folder=Path("nowhere")), "cannot be read"),
        (replace(SOUND, name="other"), "the entry point is called other"),
        (hooked(DINGTALK.connector.hook), "events: connector.toml says {}"),
        (replace(DINGTALK, connector=replace(DINGTALK.connector, streams={})), "streams and verbs"),
        (replace(DINGTALK, connector=replace(DINGTALK.connector, streams={"users": Quiet()})), "calls itself robot"),
        (replace(DINGTALK, connector=replace(DINGTALK.connector, streams={"robot": Quiet()})), "unknown type 'cash'"),
        (replace(DINGTALK, connector=replace(DINGTALK.connector, streams={"robot": Quiet()})), "no grade"),
        (replace(DINGTALK, connector=replace(DINGTALK.connector, manifest=FILES.connector.manifest)), "not made with"),
        (replace(SOUND, kit=replace(SOUND.kit, config=lambda _: {"base_url": ""})), "config is not valid"),
    ],
)
async def test_manifest(subject: Subject, words: str) -> None:
    assert words in await found("manifest", subject)


class Open(RestConfig):
    api_token: str = "plain"
    old: SecretStr = SecretStr("hidden")


class Careless(RestConfig):
    model_config = ConfigDict(extra="ignore")

    def __repr__(self) -> str:
        return f"Careless({self.token.get_secret_value() if self.token else ''})"


@pytest.mark.parametrize(
    ("config", "words"),
    [(Open, "api_token holds a secret"), (Careless, "the repr of a config"), (Careless, "accepts a field")],
)
async def test_config_secrets(config: type[RestConfig], words: str) -> None:
    subject = replace(SOUND, connector=replace(SOUND.connector, config=config))
    assert words in await found("config_secrets", subject)


EVENT = '{"EventType": "user_add_org", "UserId": ["a"]}'


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "event user_add_org has no fixture"),
        ({"user_add_org.json": EVENT}, "event user_leave_org has no fixture"),
        ({"weather.json": '{"EventType": "weather"}'}, "shows the event weather, which is not declared"),
        ({"added__one.json": EVENT}, "its name begins with another"),
        ({"user_add_org.json": EVENT.replace("}", ', "appSecret": "abcdefgh"}')}, "appSecret looks like a secret"),
        ({"user_add_org.json": EVENT.replace('"a"', '"sandbox-app-secret-01"')}, "holds a secret of the sandbox"),
    ],
)
async def test_fixtures(tmp_path: Path, files: dict[str, str], words: str) -> None:
    (tmp_path / "fixtures").mkdir()
    for name, text in files.items():
        (tmp_path / "fixtures" / name).write_text(text, encoding="utf-8")
    assert words in await found("fixtures", replace(DINGTALK, folder=tmp_path))


RETRY = """
async def f(ctx):
    for _ in range(3):
        try:
            return await g()
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import time\ntime.sleep(1)", "client.py:2: sleeps"),
        ("from asyncio import sleep\nasync def f():\n    await sleep(1)", "client.py:3: sleeps"),
        (RETRY, "client.py:6: loops to retry"),
        (RETRY.replace("for _ in range(3)", "while True"), "loops to retry"),
        ("import tenacity", "imports tenacity"),
        ("from sqlalchemy.ext.asyncio import AsyncSession", "calls go out by ctx.http"),
        ("from hub.db.session import Database", "a connector knows hub.sdk"),
        ("from hub import canon", "a connector knows hub.sdk"),
        ("from connectors.kingdee import forms", "a connector knows no other"),
        ("from connectors import kingdee", "a connector knows no other"),
        ("import httpx", "calls go out by ctx.http"),
    ],
)
async def test_code(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "client.py").write_text(source, encoding="utf-8")
    assert words in await found("code", replace(SOUND, folder=tmp_path))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("client.py", "from hub.sdk import Http\nfrom hub import sdk\nfrom connectors.rest import config\n"),
        ("client.py", RETRY.replace("for _ in range(3)", "for key in keys").replace("pass", "continue")),
        ("client.py", RETRY.replace("pass", "raise")),
        ("sandbox_wire.py", "import httpx"),
        ("tests/test_a.py", "import time\ntime.sleep(1)"),
    ],
)
async def test_sound_code(tmp_path: Path, name: str, source: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source, encoding="utf-8")
    assert await found("code", replace(SOUND, folder=tmp_path)) == ""
