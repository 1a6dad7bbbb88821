"""`hub drill --real`: the same story and the same judge, but real processes, SIGKILL and a PostgreSQL that restarts."""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hub.cli.demo.stage import any_free_port
from hub.cli.drill.faults import FAULTS, Plan
from hub.cli.drill.ground import Ground, files_of
from hub.cli.drill.hold import Report, clear, kept, place, verdict
from hub.cli.drill.judge import told
from hub.cli.drill.parts import parts_of
from hub.cli.drill.people import People
from hub.cli.drill.processes import SPEED, Processes, restart
from hub.db.embedded import EmbeddedServer
from hub.db.migrate import migrate
from hub.db.session import Database
from hub.sdk import jsontext
from hub.sdk.sandbox import SystemClock
from hub.sdk.transport import AiohttpTransport
from hub.settings import EngineSettings
from hub.sync.engine import Engine
from hub.sync.outward import Outward

Tell = Callable[[str, str], None]
"""Says in Chinese and English how far it is."""
EVERY: Final = "20s"  # a second, at the speed of the drill
ON_CALL: Final[dict[str, dict[str, Any]]] = {
    "429": {"kind": "status", "status": 429, "headers": {"retry-after": "1"}},
    "5xx": {"kind": "status", "status": 503},
    "half": {"kind": "half"},
    "timeout-before": {"kind": "drop_before"},
    "timeout-after": {"kind": "drop_after"},
}
"""What a sandbox behind real HTTP can do to a call; a time-out is a connection that is hung up."""
ON_HUB: Final = ("kill", "intake", "database")
REAL: Final = (*ON_CALL, *ON_HUB)
CALL_FAULT_SECONDS: Final = 1.5  # from one to the next
HUB_FAULT_SECONDS: Final = 20.0  # from one to the next of its kind, but each at least once
AWAY_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 240.0  # after the last fault
LOOK_SECONDS: Final = 0.3
CALM_SECONDS: Final = 3.0
LONGEST_CALM_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault of the plan. `at`: seconds from the start; `where`: a connection, or a part of the hub."""

    at: float
    kind: str
    where: str


def timetable(plan: Plan, seconds: float, connections: Sequence[str]) -> list[Blow]:
    """Which faults when: the same seed makes the same timetable. What each of them meets is another thing every time."""
    dice = random.Random(f"real {plan.seed}")
    on_call = [kind for kind in ON_CALL if kind in plan.kinds]
    blows = [
        Blow(dice.uniform(0, seconds), dice.choice(on_call), dice.choice(sorted(connections)))
        for _ in range(int(seconds / CALL_FAULT_SECONDS) if on_call else 0)
    ]
    for kind in ON_HUB:
        if kind in plan.kinds:
            times = max(1, int(seconds / HUB_FAULT_SECONDS))
            blows += [Blow(dice.uniform(0.1, 1) * seconds, kind, "hub") for _ in range(times)]
    return sorted(blows, key=lambda blow: blow.at)


@dataclass(slots=True)
class Campaign:
    """One drill with real processes, from the first scene until nothing is left to do."""

    ground: Ground
    processes: Processes
    server: EmbeddedServer
    people: People
    tell: Tell
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ON_HUB, 0))

    async def run(self, blows: list[Blow]) -> None:
        begun, calm, settled = time.monotonic(), 0.0, 0.0
        deadline = begun + (blows[-1].at if blows else 0) + PATIENCE_SECONDS
        quiet = self._calm_seconds()
        while time.monotonic() < deadline:
            now = time.monotonic()
            self.processes.look()
            if scene := self.people.act():
                self.tell(f"{now - begun:6.1f} s  用户：{scene}", f"{now - begun:6.1f} s  users: {scene}")
            elif blows:
                self.people.go_on()
            while blows and blows[0].at <= now - begun:
                await self._strike(blows.pop(0), now - begun)
            if not blows and now - settled > SETTLE_SECONDS:
                await self.people.settle()
                settled = now
            if blows or self.people.undone() or await self._busy():
                calm = now
            elif now - calm > quiet and not await self._owed():
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _calm_seconds(self) -> float:
        """So long nothing may be left to do, that every source was asked once more."""
        every = [sync.spec.every.total_seconds() for sync in self.people.engine.configuration.readers()]
        return min(LONGEST_CALM_SECONDS, CALM_SECONDS + 2 * max(every, default=0) / SPEED)

    async def _strike(self, blow: Blow, after: float) -> None:
        self.ground.plan.note(datetime.now(UTC), blow.kind, blow.where)
        self.tell(f"{after:6.1f} s  {FAULTS[blow.kind]}：{blow.where}", f"{after:6.1f} s  {blow.kind}: {blow.where}")
        if blow.kind in ON_CALL:
            with self.ground.http() as http:
                url = f"{self.ground.vendors[blow.where].url}/_sandbox/faults"
                http.post(url, content=jsontext.dumps(ON_CALL[blow.kind])).raise_for_status()
            return
        self.counts[blow.kind] += 1
        if blow.kind == "database":
            await restart(self.server, AWAY_SECONDS)
            return
        name = {"kill": "engine", "intake": "intake"}[blow.kind]
        self.processes.kill(name)
        self.processes.start_hub([name])

    async def _busy(self) -> bool:
        open_ = "state IN ('due', 'running', 'waiting')"
        (row,) = await self.ground.rows(
            f"SELECT EXISTS (SELECT 1 FROM receipt WHERE state = 'due') OR EXISTS (SELECT 1 FROM inbox WHERE {open_})"
            f" OR EXISTS (SELECT 1 FROM delivery WHERE {open_}) OR EXISTS (SELECT 1 FROM bell WHERE state <> 'done')"
            " OR EXISTS (SELECT 1 FROM change WHERE NOT derived OR NOT routed) AS busy"
        )
        return bool(row.busy)

    async def _owed(self) -> bool:
        """Does a vendor still try to call us?"""
        for name in self.ground.vendors:
            entries = self.ground.ledger(name)
            over = {e["data"]["number"] for e in entries if e["event"].startswith("post_") and e["data"].get("last")}
            if any(entry["event"] == "post_owed" and entry["number"] not in over for entry in entries):
                return True
        return False


async def fight(
    server: EmbeddedServer, plan: Plan, seconds: float, directory: Path | None, out: Path, tell: Tell
) -> Report:
    """The drill; whatever happens, no process of it is left."""
    begun = time.monotonic()
    tell("启动数据库……", "starting a database …")
    url = await asyncio.to_thread(server.start)
    await migrate(url)
    db, transport, port = Database(url, pool_size=2), AiohttpTransport(), any_free_port()
    ground = Ground(db, out, plan, SystemClock(), f"http://127.0.0.1:{port}")
    ground.lay_out(files_of(directory, EVERY), lambda _: f"http://127.0.0.1:{any_free_port()}")
    processes = Processes(ground, url, port)
    try:
        engine = await _build(ground, processes, transport, tell)
        people = People(ground, engine)
        try:
            people.hang_the_hooks()
            campaign = Campaign(ground, processes, server, people, tell)
            await campaign.run(timetable(plan, seconds, list(ground.vendors)))
            tell("核对账本……", "judging by the ledgers …")
            report = await verdict(ground, engine, people)
        finally:
            people.close()
    finally:
        processes.end()
        await transport.aclose()
        await db.close()
    stayed = told("nothing ended by itself", "没有进程自行退出", processes.ended)
    killed = {"deaths": "kill", "intake_deaths": "intake", "restarts": "database"}
    report |= {name: campaign.counts[kind] for name, kind in killed.items()}
    report |= {"real": True, "ok": report["ok"] and not processes.ended, "checks": [*report["checks"], stayed]}
    return kept(out, plan, {"minutes": round(seconds / 60, 1), **report}, begun)


async def _build(ground: Ground, processes: Processes, transport: AiohttpTransport, tell: Tell) -> Engine:
    """Everything answers; the engine that is returned turns nothing, it reads what the judge asks for."""
    tell(f"启动 {len(ground.vendors)} 个沙箱……", f"starting {len(ground.vendors)} sandboxes …")
    (ground.folder / "hub").mkdir()
    processes.start_vendors()
    await ground.configure()
    configuration = await ground.configuration()
    ground.parts = parts_of(configuration)
    await processes.answering()
    tell("启动接收与引擎两个进程……", "starting the intake and the engine …")
    processes.start_hub()
    await processes.answering()
    clock = ground.db.clock()
    await clock.resync()
    rng = random.Random(f"judge {ground.plan.seed}")
    return Engine(ground.db, configuration, clock, rng, Outward(transport, clock, rng), EngineSettings())


def fight_here(plan: Plan, seconds: float, directory: Path | None, out: Path, tell: Tell) -> Report:
    """With a PostgreSQL of its own that is gone afterwards. Ctrl-C ends everything in order; it raises KeyboardInterrupt."""
    clear(out)
    with place() as folder:
        server = EmbeddedServer(folder, durable=True)
        try:
            return asyncio.run(_stoppable(fight(server, plan, seconds, directory, out.resolve(), tell)))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            server.stop()


async def _stoppable(work: Any) -> Report:
    task: asyncio.Task[Report] = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task
