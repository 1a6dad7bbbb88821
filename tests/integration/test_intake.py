"""Receipts: committed before they are answered, in groups, each event once."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from hub.db.session import Database, plain_url
from hub.sync.intake import GROUP, Intake, IntakeDown
from hub.sync.receipts import ReceiptRow, Verdict, digest_id, store_file
from tests.support.sdk import START, FixedClock


def call(event_id: str | None, body: bytes = b"{}", **more: object) -> ReceiptRow:
    return ReceiptRow(connection="crm", received_at=START, body=body, event_id=event_id, **more)  # type: ignore[arg-type]


async def stored(db: Database) -> list[tuple[str | None, str, str]]:
    async with db.read() as conn:
        rows = await conn.execute(text("SELECT event_id, verdict, state FROM receipt ORDER BY id"))
        return [tuple(row) for row in rows]


async def take(intake: Intake, row: ReceiptRow) -> Verdict:
    return (await intake.take(row)).verdict


class Commits:
    def __init__(self) -> None:
        self.count = 0

    def before_commit(self, number: int, label: str) -> None:
        pass

    def after_commit(self, number: int, label: str) -> None:
        self.count += 1


async def test_an_answered_receipt_is_there(db: Database) -> None:
    intake = Intake(db, FixedClock())
    await intake.start()
    row = call("e1", b"\x00\xff", query={"a": "1"}, headers={"x": "y"})
    assert await take(intake, row) == "accepted"
    async with db.read() as conn:
        found = (await conn.execute(text("SELECT * FROM receipt"))).mappings().one()
    assert bytes(found["body"]) == b"\x00\xff"
    assert (found["query"], found["headers"], found["state"]) == ({"a": "1"}, {"x": "y"}, "due")
    await intake.stop()


async def test_a_crowd_shares_commits_and_each_event_is_taken_once(database_url: str) -> None:
    commits = Commits()
    db = Database(database_url, commits)
    intake = Intake(db, FixedClock())
    await intake.start()
    calls = [take(intake, call(f"e{number % 150}")) for number in range(300)]
    verdicts = await asyncio.gather(*calls)
    assert (verdicts.count("accepted"), verdicts.count("duplicate")) == (150, 150)
    assert 300 / GROUP <= commits.count < 20
    rows = await stored(db)
    assert {row[0] for row in rows if row[1] == "accepted"} == {f"e{number}" for number in range(150)}
    assert all(state == "done" for _, verdict, state in rows if verdict == "duplicate")
    await intake.stop()
    await db.close()


async def test_the_same_event_of_another_connection_is_another_event(db: Database) -> None:
    intake = Intake(db, FixedClock())
    await intake.start()
    other = ReceiptRow(connection="erp", received_at=START, body=b"{}", event_id="e1")
    assert await asyncio.gather(take(intake, call("e1")), take(intake, other)) == ["accepted", "accepted"]
    await intake.stop()


async def test_refused_calls_and_handshakes_leave_receipts_without_blocking_events(db: Database) -> None:
    intake = Intake(db, FixedClock())
    await intake.start()
    refused = call("e1", verdict="refused", state="done", reason="no token", reason_zh="缺少令牌")
    assert await take(intake, refused) == "refused"
    assert await take(intake, call(None, state="done")) == "accepted"
    assert await take(intake, call(None, state="done")) == "accepted"
    assert await take(intake, call("e1")) == "accepted"
    assert [row[1] for row in await stored(db)] == ["refused", "accepted", "accepted", "accepted"]
    await intake.stop()


async def test_a_call_without_an_id_is_a_repetition_for_two_minutes(db: Database) -> None:
    clock = FixedClock()
    intake = Intake(db, clock)
    await intake.start()
    row = call(digest_id(b"{}"))
    assert [await take(intake, row), await take(intake, row)] == ["accepted", "duplicate"]
    clock.advance(seconds=121)
    assert await take(intake, row) == "accepted"
    await intake.stop()


async def test_work_is_announced_in_the_same_commit(db: Database, database_url: str) -> None:
    intake = Intake(db, FixedClock())
    await intake.start()
    heard = asyncio.Event()
    listener = await asyncpg.connect(plain_url(database_url))
    await listener.add_listener("hub_work", lambda *_: heard.set())
    await take(intake, call("e1"))
    async with asyncio.timeout(5):
        await heard.wait()
    await listener.close()
    await intake.stop()


async def test_without_a_database_nothing_is_accepted_and_nobody_waits_long() -> None:
    db = Database("postgresql+asyncpg://hub:none@127.0.0.1:1/hub")
    intake = Intake(db, FixedClock(), patience=0.5)
    await intake.start()
    async with asyncio.timeout(3):
        outcomes = await asyncio.gather(*(take(intake, call(f"e{n}")) for n in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, IntakeDown) for outcome in outcomes)
    await intake.stop()
    await db.close()


async def test_after_the_end_nothing_is_taken(db: Database) -> None:
    intake = Intake(db, FixedClock())
    await intake.start()
    await intake.stop()
    with pytest.raises(IntakeDown):
        await take(intake, call("e1"))


async def test_a_file_is_kept_once(db: Database) -> None:
    now = START
    async with db.begin() as conn:
        first = await store_file(conn, "bank", "a.xml", b"<a/>", now)
        again = await store_file(conn, "bank", "b.xml", b"<a/>", now + timedelta(days=3))
        other = await store_file(conn, "bank", "a.xml", b"<b/>", now)
    assert (first[1], again[1], other[1]) == ("accepted", "duplicate", "accepted")
    assert len({first[0], again[0], other[0]}) == 3
    async with db.read() as conn:
        paths = await conn.execute(text("SELECT path, source, state FROM receipt ORDER BY id"))
        assert [tuple(row) for row in paths] == [
            ("a.xml", "file", "due"),
            ("b.xml", "file", "done"),
            ("a.xml", "file", "due"),
        ]
