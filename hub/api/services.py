"""What the HTTP side works with: one value, made once per process and handed to everything."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.api.configurations import Configurations
from hub.db.session import Database
from hub.sdk.context import Clock
from hub.settings import Settings
from hub.sync.intake import Intake
from hub.sync.outward import Outward

DISK_FLOOR = 200 * 1024 * 1024  # bytes that must stay free for the database to go on
DISK_INTERVAL = 1.0  # seconds between two looks


class Disk:
    """Whether there is room; asks the machine at most once a second."""

    def __init__(
        self,
        path: Path,
        floor: int = DISK_FLOOR,
        *,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._floor = floor
        self._free = free
        self._monotonic = monotonic
        self._looked: float | None = None
        self._low = False

    def low(self) -> bool:
        now = self._monotonic()
        if self._looked is None or now - self._looked >= DISK_INTERVAL:
            self._looked = now
            self._low = self._free(self._path) < self._floor
        return self._low


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one intake process."""

    settings: Settings
    db: Database
    clock: Clock
    intake: Intake
    configurations: Configurations
    disk: Disk
    outward: Outward
