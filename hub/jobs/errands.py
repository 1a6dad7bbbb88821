"""Errands: what is to be run now and then, by name. Each is taken under the lease of its row, so that it does no harm
when two go on the same one, or when one is told twice."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.config.runtime import BoundSync
from hub.sync.engine import Engine
from hub.sync.mending import is_mending_due, mend_due
from hub.sync.pull import pull, pull_candidates
from hub.sync.recheck import recheck, recheck_candidates
from hub.sync.reconcile import Breath, reconcile, reconcile_candidates
from hub.telemetry.latency import STOPWATCH

SLICE_SECONDS: Final = 30.0
"""So long an errand takes up a place of its worker; what takes longer goes on beside the others."""


@dataclass(frozen=True, slots=True)
class Errand:
    """`what` is to be done with `sync`; empty: with all."""

    what: str
    sync: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.sync}".rstrip()


async def _mending(engine: Engine) -> list[str]:
    return [""] if await is_mending_due(engine) else []


def _names(of: Callable[[Engine], Awaitable[list[BoundSync]]]) -> Callable[[Engine], Awaitable[list[str]]]:
    async def names(engine: Engine) -> list[str]:
        return [sync.name for sync in await of(engine)]

    return names


_DUE: Final[Mapping[str, Callable[[Engine], Awaitable[list[str]]]]] = {
    "pull": _names(pull_candidates),
    "reconcile": _names(reconcile_candidates),
    "recheck": _names(recheck_candidates),
    "mend": _mending,
}


async def due(engine: Engine) -> Sequence[Errand]:
    """Everything whose time has come and that nobody has in hand."""
    return [Errand(what, name) for what, names in _DUE.items() for name in await names(engine)]


async def go(engine: Engine, errand: Errand, breath: Breath) -> bool:
    """Run it as far as it goes; True when it left work behind. `breath`: awaited where it lets others go first."""
    if errand.what == "mend":
        return bool(await mend_due(engine))
    sync = engine.configuration.syncs.get(errand.sync)
    if sync is None:
        return False
    if errand.what == "recheck":
        return bool(await recheck(engine, sync))
    with STOPWATCH.turn(errand.what):
        if errand.what == "reconcile":
            await reconcile(engine, sync, breath)
            return False
        return bool(await pull(engine, sync))
