"""connector.toml: what people and the checker read about a connector without importing its code."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Limit(BaseModel):
    """`calls` per `per` seconds and `concurrency` at once, for one interface ("*": each interface by itself)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interface: str = "*"
    calls: int | None = None
    per: float = 1.0
    concurrency: int | None = None


class Manifest(BaseModel):
    """Shape of connector.toml. `streams`: name -> verbs; `events`: webhook event -> stream;
    `credential`: config field that names the account a limit belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name_zh: str
    name_en: str
    owner: str
    docs: str
    auth: Literal["none", "token", "signature", "session", "basic"]
    credential: str = "base_url"
    streams: dict[str, list[str]]
    events: dict[str, str] = {}
    limits: list[Limit] = []


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a connector's folder."""
    return Manifest.model_validate(tomllib.loads((folder / "connector.toml").read_text(encoding="utf-8")))
