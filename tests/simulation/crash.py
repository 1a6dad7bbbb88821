"""Kill the hub at one point of a story, start it again, and say what the vendors have to show for it.

Points are found, not placed: the transport numbers every outward call and the session every commit; the n-th of them
is a point, killed (SIGKILL, a real process) just before or just after. Sandboxes live in the killed process and come
back from their ledgers, so what a vendor had committed is there again, and nothing else."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hub.cli.demo.configuration import template_files
from hub.db.session import Database
from hub.sync.sweep import take_back
from tests.simulation.story import Story
from tests.support.house import House
from tests.support.sdk import START, FixedClock

Side = Literal["before", "after"]


@dataclass
class Fuse:
    """Counts the points; at the chosen one the process dies."""

    at: int = 0
    side: Side = "before"
    seen: list[str] = field(default_factory=list)

    def before_call(self, number: int, label: str) -> None:
        self.seen.append(f"call {label}")
        self._burn("before")

    def after_call(self, number: int, label: str) -> None:
        self._burn("after")

    def before_commit(self, number: int, label: str) -> None:
        self.seen.append(f"commit {label}")
        self._burn("before")

    def after_commit(self, number: int, label: str) -> None:
        self._burn("after")

    def _burn(self, side: Side) -> None:
        if self.at == len(self.seen) and side == self.side:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Seen:
    """What the vendors have after the story, read from their own books, and what the hub still has to do."""

    customers: list[str]
    orders: list[tuple[str, str]]
    receipts: list[str]
    deals: list[tuple[str, str | None, str | None, str | None, str | None]]
    notices: list[str]
    robot: list[str]
    unsettled: list[tuple[str, str, str]]
    points: list[str]


def quiet_directory(folder: Path) -> Path:
    """The template, pulling only when told to: every call in the story has a reason."""
    target = folder / "config"
    for name, text in template_files(every="2h").items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return target


async def play(url: str, folder: Path, directory: Path, fuse: Fuse, *, later: float = 0) -> Seen:
    """The story from wherever it stands to its end."""
    db = Database(url, fuse)
    clock = FixedClock(START)
    clock.advance(minutes=later)
    house = House(db, folder, directory, clock, call_observer=fuse, commit_observer=fuse)
    house.open_sandboxes()
    try:
        engine = await house.engine()
        await take_back(engine)
        await Story(house, engine).play()
        return await look(house, fuse)
    finally:
        house.close()
        await db.close()


async def look(house: House, fuse: Fuse) -> Seen:
    erp: Any = house.vendors["erp"]
    crm: Any = house.vendors["crm"]
    unsettled = await house.rows(
        "SELECT sync, state, coalesce(error_class, note, '') AS why FROM delivery WHERE state NOT IN ('done', 'superseded')"
        " UNION ALL SELECT stream, state, coalesce(error, note, '') FROM inbox"
        " WHERE state NOT IN ('done', 'superseded') ORDER BY 1, 2"
    )
    deals = sorted(crm.store.rows["NewOpportunityObj"].values(), key=lambda row: str(row["_id"]))
    fields = ("name", "shipping_status__c", "invoicing_status__c", "payment_status__c", "paid_amount__c")
    return Seen(
        customers=sorted(d["fields"]["FName"] for d in erp.books["BD_Customer"].values()),
        orders=sorted(
            (d["fields"]["FBillNo"], d["fields"]["FDocumentStatus"]) for d in erp.books["SAL_SaleOrder"].values()
        ),
        receipts=sorted(str(d["fields"].get("FREMARK")) for d in erp.books["AR_RECEIVEBILL"].values()),
        deals=[tuple(row.get(name) for name in fields) for row in deals],  # type: ignore[misc]
        notices=sorted(e.data["title"] for e in house.vendors["dingtalk"].ledger.of("message_sent")),
        robot=sorted(e.data["title"] for e in house.vendors["wecom"].ledger.of("message_sent")),
        unsettled=[(row.sync, row.state, row.why) for row in unsettled],
        points=fuse.seen,
    )


def in_child(work: Callable[[], Coroutine[Any, Any, Seen]], answer: Path) -> int:
    """Run in a process of its own; its exit status, -9 when it was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            answer.write_text(json.dumps(asdict(asyncio.run(work()))), encoding="utf-8")
            code = 0
        except BaseException as error:
            answer.with_suffix(".err").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@contextmanager
def story_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="o2c-crash-"))
    try:
        (folder / "bank").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_answer(answer: Path) -> Seen:
    error = answer.with_suffix(".err")
    if error.exists():
        raise AssertionError(error.read_text(encoding="utf-8"))
    return Seen(**json.loads(answer.read_text(encoding="utf-8")))
