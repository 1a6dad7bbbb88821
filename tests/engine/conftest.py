"""Towns for the engine's tests."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.db.session import Database
from hub.sync.engine import Engine
from tests.engine.town import Part, Town, built

Build = Callable[..., Awaitable[tuple[Town, Engine]]]


@pytest.fixture
def build(db: Database, tmp_path: Path) -> Build:
    """`await build(part, ..., mappings=…)`: a town with that configuration and an engine at work in it."""

    async def make(*parts: Part, **more: Any) -> tuple[Town, Engine]:
        town = await built(db, tmp_path, *parts, **more)
        return town, await town.engine()

    return make
