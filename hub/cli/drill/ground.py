"""Where a drill is held: its folder, its database, the configuration, and where its vendors are found."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from sqlalchemy import text

from hub.canon.kinds import Kinds
from hub.cli.demo.configuration import template_files
from hub.cli.demo.stage import OPENING
from hub.cli.drill.faults import Plan
from hub.cli.drill.parts import NOBODY, Parts
from hub.cli.sandboxes import sandbox_module
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import read_directory
from hub.config.plan import apply
from hub.config.problem import Problem
from hub.config.runtime import Configuration, load_configuration
from hub.db.session import Database
from hub.sdk import jsontext
from hub.sdk.context import Clock
from hub.security.secrets import REFERENCE

BANK: Final = "bank_files"
STAND_IN: Final = "drill"
"""What a reference of the configuration means that no sandbox needs."""
Row = dict[str, Any]


class DrillError(Exception):
    """The drill cannot be held; why and what to do, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


class Nobody(httpx.BaseTransport):
    """Stands for every part that nobody plays."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"{}" if request.method == "POST" else b"[]")


SILENT: Final[dict[str, httpx.BaseTransport | None]] = {NOBODY.replace("http:", "all:"): Nobody()}


@dataclass(frozen=True, slots=True)
class Vendor:
    """A connection's sandbox: of which connector, how it is set up, what a connection to it must know."""

    connector: str
    settings: Row
    config: Row
    url: str


@dataclass(slots=True)
class Ground:
    """What a drill in one event loop and one with real processes have in common."""

    db: Database
    folder: Path
    plan: Plan
    clock: Clock
    hub_url: str
    vendors: dict[str, Vendor] = field(default_factory=dict)
    http: Callable[[], httpx.Client] = lambda: httpx.Client(timeout=30, mounts=SILENT)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    parts: Parts = field(default_factory=Parts)

    def lay_out(self, files: Mapping[str, str], address: Callable[[str], str]) -> None:
        """Write the configuration so that every connection leads to its sandbox."""
        statements = self.folder / "statements"
        statements.mkdir(parents=True, exist_ok=True)
        specs = {name: yaml.safe_load(body) for name, body in files.items() if name.startswith("connections/")}
        for spec in sorted(specs.values(), key=lambda spec: str(spec["connection"])):
            name, connector = spec["connection"], spec["connector"]
            bank, url = {"folder": str(statements)} if connector == BANK else {}, address(name)
            config = sandbox_module(connector).sandbox_config(url) | bank
            settings = {**bank, "opening": OPENING} if bank else {}
            self.vendors[name] = Vendor(connector, settings, config, url)
        leading = {name: self._leading(spec) for name, spec in specs.items()}
        for name, body in {**files, **leading}.items():
            file = self.folder / "configuration" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body, encoding="utf-8")

    def _leading(self, spec: Mapping[str, Any]) -> str:
        """The connection's file; what the sandbox asks for comes from `lookup`, and nothing from where secrets are kept."""
        name = spec["connection"]
        config = {
            key: f"${{env:{_variable(name, key)}}}" if isinstance(value, str) else value
            for key, value in self.vendors[name].config.items()
        }
        body = yaml.safe_dump({**spec, "config": {**spec.get("config", {}), **config}}, allow_unicode=True)
        return REFERENCE.sub(lambda found: f"${{env:{found.group(2)}}}", body)

    def lookup(self) -> dict[str, str]:
        """What references mean in a drill: CRM_BASE_URL, ERP_APP_SECRET … and a word for those that nobody asks for."""
        known = {
            _variable(name, key): str(value)
            for name, vendor in self.vendors.items()
            for key, value in vendor.config.items()
        }
        found = [
            reference.group(2)
            for file in (self.folder / "configuration").rglob("connections/*.yaml")
            for reference in REFERENCE.finditer(file.read_text(encoding="utf-8"))
        ]
        return dict.fromkeys(found, STAND_IN) | known

    async def configure(self) -> None:
        """Apply what `lay_out` wrote, everything live."""
        known = self.lookup()
        place = read_directory(self.folder / "configuration")
        draft, problems = check(place, Kinds(), connectors(), lambda _, name: known.get(name))
        _demand_sound(problems)
        async with self.db.begin("configure") as conn:
            await apply(conn, draft, "drill", self.clock.now())
            await conn.execute(text("UPDATE sync SET mode = 'live' WHERE mode <> 'live'"))

    async def configuration(self) -> Configuration:
        """As it is in force."""
        known = self.lookup()
        async with self.db.read() as conn:
            configuration = await load_configuration(conn, lambda _, name: known.get(name))
        if configuration.broken:
            raise DrillError(f"the configuration does not load: {configuration.broken}", "配置无法加载")
        return configuration

    # as the story's cast sees it
    def config(self, part: str) -> Row:
        """What a connection to whoever plays this part must know."""
        return self.vendors[self.parts.names[part]].config

    def url(self, part: str) -> str:
        """Where whoever plays this part is found."""
        name = self.parts.names.get(part)
        return NOBODY if name is None else self.vendors[name].url

    def ledger(self, connection: str) -> list[Row]:
        """A vendor's own account of what happened there."""
        with self.http() as http:
            reply = http.get(f"{self.vendors[connection].url}/_sandbox/ledger")
        entries: list[Row] = jsontext.loads(reply.content)
        return entries

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        async def read() -> Sequence[Any]:
            async with self.db.read() as conn:
                return (await conn.execute(text(query), values)).all()

        return await self.db.retrying(read)

    def dice(self, what: str) -> random.Random:
        """Chance of its own for one purpose."""
        return random.Random(f"{what} {self.plan.seed}")


def files_of(directory: Path | None, every: str) -> dict[str, str]:
    """The configuration to be drilled; the template pulls this often."""
    if directory is None:
        return template_files(every=every)
    found = read_directory(directory)
    _demand_sound(found.problems)
    return found.texts()


def _demand_sound(problems: Sequence[Problem]) -> None:
    if problems:
        told = "; ".join(str(problem) for problem in problems[:5])
        raise DrillError(f"the configuration is not sound: {told}", f"配置有误：{told}")


def _variable(connection: str, key: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", f"{connection}_{key}").upper()
