"""Owners are told once when a sync begins to fail, lags or asks something, and once when it is over: in bundles, by
the next way where the first is broken, and never twice, wherever the process dies."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from hub.canon.kinds import Kinds
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import read_directory
from hub.settings import MailSettings, NoticeSettings, Settings
from hub.sync import assigning, corrections, desk, groups, notices, overlook
from hub.sync.controls import act_on_sync
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, sync, team

BAD = {"id": "1", "number": "C1"}


def told_at(name: str, *notify: str, owner: str = "anna") -> Part:
    part = connection(name)
    assert not isinstance(part.body, str)
    return Part(part.folder, part.name, {**part.body, "owner": owner, "notify": list(notify)})


def settings(**more: Any) -> Settings:
    return Settings(public_url="https://hub.example.com/", **more)


async def rounds(town: Town, engine: Engine, given: Settings, seconds: int) -> int:
    """Time goes by; the hub works and looks every half minute. How many messages went out?"""
    sent = 0
    for _ in range(0, seconds, 30):
        await town.pass_time(engine, seconds=30)
        sent += await notices.notices_due(engine, given)
    return sent


async def fail(town: Town, engine: Engine, name: str = "left-customers", key: str = "1") -> None:
    """A record without its name."""
    await town.arrive(engine, name, {"id": key, "number": f"C{key}"})


async def mend(town: Town) -> None:
    rows = await town.rows("SELECT id FROM inbox WHERE state = 'parked'")
    async with town.db.begin("mend") as conn:
        await desk.dismiss(conn, "inbox", [row.id for row in rows], "test", "bob", town.clock.now())


async def test_begin_once_and_recover_once(build: Build) -> None:
    town, engine = await build(team(), told_at("left", "team/robot"), sync("left-customers", direction="in"))
    given = settings()
    assert await rounds(town, engine, given, 300) == 0
    await fail(town, engine)
    assert await rounds(town, engine, given, 30) == 0  # it may pass by itself
    assert await rounds(town, engine, given, 60) == 1
    (text,) = town.told()
    assert "业财通：1 项需要处理" in text
    assert "left-customers 异常：1 条，最早 1 分钟前。" in text
    assert "https://hub.example.com/failed?group=i" in text
    await fail(town, engine, key="2")
    assert await rounds(town, engine, given, 900) == 0  # not again until it recovered
    await mend(town)
    assert await rounds(town, engine, given, 240) == 0
    assert await rounds(town, engine, given, 120) == 1
    assert "○ left-customers 已恢复（异常）" in town.told()[1]
    assert await rounds(town, engine, given, 600) == 0
    await fail(town, engine, key="3")
    assert await rounds(town, engine, given, 120) == 1
    assert len(town.told()) == 3


async def test_flapping_is_told_once(build: Build) -> None:
    town, engine = await build(team(), told_at("left", "team/robot"), sync("left-customers", direction="in"))
    for turn in range(8):
        await fail(town, engine, key=str(turn))
        await rounds(town, engine, settings(), 60)
        await mend(town)
        await rounds(town, engine, settings(), 60)
    assert len(town.told()) == 1
    await rounds(town, engine, settings(), 600)
    assert len(town.told()) == 2


async def test_what_begins_together_is_one_message_per_owner(build: Build) -> None:
    town, engine = await build(
        team(),
        told_at("left", "team/robot"),
        told_at("right", "team/robot:lisi", owner="bob"),
        connection("third"),
        sync("left-customers", direction="in"),
        sync("right-customers", direction="in"),
        sync("third-customers", direction="in"),
    )
    for name in ("left", "right", "third"):
        await fail(town, engine, f"{name}-customers")
    given = settings(notices=NoticeSettings(fallback=("team/robot",), language="en"))
    assert await rounds(town, engine, given, 120) == 2
    first, second = sorted(town.told(), key=len, reverse=True)
    assert "O2C Hub: 2 need attention" in first
    assert "left-customers failing: 1" in first and "third-customers" in first
    assert "right-customers" in second
    # What begins within the next five minutes waits for their end.
    town.refuse("left", "AuthFailed", "/api/customers", times=10**6)
    await town.change("UPDATE sync SET next_pull_at = NULL")
    assert await rounds(town, engine, given, 120) == 0
    assert await rounds(town, engine, given, 240) == 1
    assert "● left-customers stopped: 1" in town.told()[-1]


async def test_a_question_and_a_lag_are_told_as_such(build: Build) -> None:
    parts = (team(), told_at("left", "team/robot"), sync("left-customers", direction="in", behind="2m"))
    town, engine = await build(*parts)
    town.save("left", name="Acme", uscc="1")
    await town.again(engine, 2)
    await town.arrive(engine, "left-customers", {"id": "x", "name": "Acme", "uscc": "2"})
    await town.change(
        "UPDATE inbox SET state = 'parked', error_class = 'Ambiguous', error = 'which?' WHERE state = 'due'"
    )
    assert await rounds(town, engine, settings(), 120) == 1
    assert "left-customers 等待人工处理：1 条" in town.told()[0]
    # Its work is not taken any more: nothing fails, it only lies there.
    await town.arrive(engine, "left-customers", {"id": "y", "name": "Bcme"})
    for _ in range(20):
        town.clock.advance(seconds=30)
        await notices.notices_due(engine, settings())
    assert "left-customers 滞后：1 条" in town.told()[1]
    await rounds(town, engine, settings(), 900)
    assert "left-customers 已恢复（滞后）" in town.told()[2]


async def test_what_is_not_live_tells_nobody(build: Build) -> None:
    town, engine = await build(team(), told_at("left", "team/robot"), sync("left-customers", direction="in"))
    await fail(town, engine)
    async with town.db.begin("observe") as conn:
        await act_on_sync(conn, "left-customers", "observe", "bob", town.clock.now())
    engine = await town.engine()
    assert await rounds(town, engine, settings(), 600) == 0


class Postbox:
    """A mail server that keeps what it takes, or refuses a person."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], str]] = []
        self.refuses: set[str] = set()
        self.hangs_up = False

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: Any) -> str:
        if to in self.refuses:
            return "550 no such person"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.letters.append((list(envelope.rcpt_tos), content.decode()))
        if self.hangs_up:
            assert server.transport is not None
            server.transport.close()
            await asyncio.sleep(0)
        return "250 OK"


@pytest.fixture
async def postbox() -> AsyncIterator[tuple[Postbox, MailSettings]]:
    box, loop = Postbox(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield box, MailSettings(host="127.0.0.1", port=port, encryption="none", sender="hub@example.com")
    server.close()
    await server.wait_closed()


async def test_a_broken_channel_is_passed_over_and_shown(build: Build, postbox: tuple[Postbox, MailSettings]) -> None:
    box, mail = postbox
    parts = (team(), told_at("left", "team/robot", "anna@example.com"), sync("left-customers", direction="in"))
    town, engine = await build(*parts)
    town.vendors["team"].faults.append(_down())
    await fail(town, engine)
    assert await rounds(town, engine, settings(mail=mail), 120) == 1
    ((to, letter),) = box.letters
    assert to == ["anna@example.com"]
    assert "Message-ID: <notice-1-seen@o2c-hub>" in letter
    async with town.db.read() as conn:
        seen = await overlook.overlook(conn, town.clock.now())
    ((broken),) = seen.channels
    assert broken["channel"] == "team/robot"
    assert town.told() == []
    # Mended, the first way is taken again, and nobody speaks of it any more.
    town.vendors["team"].faults.clear()
    await mend(town)
    await rounds(town, engine, settings(mail=mail), 600)
    assert (len(town.told()), len(box.letters)) == (1, 1)
    assert await town.count("notice_channel") == 0


def _down() -> Any:
    from hub.sdk.sandbox import Fault

    return Fault.model_validate({"kind": "status", "status": 429, "times": 10**6})


async def test_no_channel_works_and_it_is_tried_again(build: Build, postbox: tuple[Postbox, MailSettings]) -> None:
    box, mail = postbox
    town, engine = await build(told_at("left", "anna@example.com"), sync("left-customers", direction="in"))
    box.refuses.add("anna@example.com")
    await fail(town, engine)
    assert await rounds(town, engine, settings(mail=mail), 400) == 0
    ((error),) = await town.rows("SELECT channel, error FROM notice_channel")
    assert "no such person" in error.error
    assert await rounds(town, engine, settings(), 300) == 0
    ((error),) = await town.rows("SELECT channel, error FROM notice_channel")
    assert "no mail server is set" in error.error
    box.refuses.clear()
    assert await rounds(town, engine, settings(mail=mail), 400) == 1
    assert len(box.letters) == 1


async def test_an_answer_that_never_came_counts_as_told(build: Build, postbox: tuple[Postbox, MailSettings]) -> None:
    box, mail = postbox
    town, engine = await build(
        told_at("left", "anna@example.com", "bob@example.com"), sync("left-customers", direction="in")
    )
    box.hangs_up = True
    await fail(town, engine)
    assert await rounds(town, engine, settings(mail=mail), 600) == 1
    assert [to for to, _ in box.letters] == [["anna@example.com"]]
    (row,) = await town.rows("SELECT phase, doubt, channel FROM notice")
    assert tuple(row) == ("told", True, "anna@example.com")


class Killed(BaseException):
    """As kill -9."""


@pytest.mark.parametrize("label", ["notices", "notices claim", "notices told"])
@pytest.mark.parametrize("after", [False, True])
async def test_killed_anywhere_it_is_told_once_at_most(build: Build, label: str, after: bool) -> None:
    town, engine = await build(team(), told_at("left", "team/robot"), sync("left-customers", direction="in"))
    await fail(town, engine)
    await rounds(town, engine, settings(), 30)
    town.clock.advance(seconds=60)

    class Killer:
        def before_commit(self, number: int, name: str) -> None:
            if name == label and not after:
                raise Killed

        def after_commit(self, number: int, name: str) -> None:
            if name == label and after:
                raise Killed

    town.db._observer = Killer()
    with pytest.raises(Killed):
        await notices.notices_due(engine, settings())
    town.db._observer = None
    engine = await town.engine()
    await rounds(town, engine, settings(), 900)
    (row,) = await town.rows("SELECT phase, doubt FROM notice")
    assert row.phase == "told"
    lost = (label, after) == ("notices claim", True)
    assert row.doubt is ((label, after) in {("notices claim", True), ("notices told", False)})
    assert len(town.told()) == (0 if lost else 1)


async def test_channels_are_checked_with_the_configuration(build: Build) -> None:
    town, _ = await build(team(), connection("left"), sync("left-customers", direction="in"))
    file = town.directory / "connections" / "left.yaml"
    plain = file.read_text(encoding="utf-8")
    for notify, sentence in (
        ("nobody/robot", "there is no connection nobody"),
        ("team/users", "team takes no messages at users; at app_message, robot"),
        ("somebody", "must be CONNECTION/STREAM"),
    ):
        file.write_text(f"{plain}notify: [{notify}]\n", encoding="utf-8")
        env = town.lookup()
        _, problems = check(read_directory(town.directory), Kinds(), connectors(), lambda source, name: env.get(name))  # noqa: B023
        assert sentence in "\n".join(map(str, problems))


def office(town: Town, engine: Engine, by: str = "anna", **fallback: Any) -> assigning.Office:
    person = desk.Person(by, town.clock.now())
    return assigning.Office(person, engine.configuration, NoticeSettings(**fallback))


async def two_people(build: Build) -> tuple[Town, Engine]:
    """Anna's system fails; Bob has one of his own."""
    parts = (told_at("left", "team/robot:zhang"), told_at("right", "team/robot:lisi", owner="bob"))
    town, engine = await build(team(), *parts, sync("left-customers", direction="in"))
    await fail(town, engine)
    await fail(town, engine, key="2")
    await rounds(town, engine, settings(), 120)
    assert len(town.told()) == 1
    return town, engine


async def assign(
    town: Town, engine: Engine, owner: str, *ids: int, note: str | None = None, **more: Any
) -> assigning.Assigned:
    """Single rows, or all of the one group."""
    async with town.db.begin("assign") as conn:
        word, by = assigning.Word(owner, note), office(town, engine, **more)
        if ids:
            return await assigning.assign_rows(conn, "inbox", ids, word, by)
        (group,) = await groups.groups(conn)
        return await assigning.assign_group(conn, group["id"], word, by)


async def owners(town: Town) -> dict[int, str | None]:
    async with town.db.read() as conn:
        return {row["id"]: row["owner"] for row in await groups.failed(conn)}


async def test_who_is_assigned_is_told_once(build: Build) -> None:
    town, engine = await two_people(build)
    done = await assign(town, engine, "bob", note="please look")
    assert done.told == ("team/robot:lisi",)
    assert await rounds(town, engine, settings(), 900) == 1
    (_, text) = town.told()
    assert "业财通：1 项需要处理" in text
    assert "● 指派给 bob：i" in text and "，2 条，最早 " in text and "由 anna 指派（please look）：" in text
    assert "https://hub.example.com/failed?group=i" in text
    assert (await assign(town, engine, "bob")).told == (), "nothing is new"
    await mend(town)
    assert await rounds(town, engine, settings(), 900) == 1
    assert "指派" not in town.told()[-1], "an assignment does not recover"
    (row,) = await town.rows("SELECT phase, doubt, channel FROM notice WHERE what = 'assigned'")
    assert tuple(row) == ("closed", False, "team/robot:lisi")


async def test_single_rows_are_somebodys_whatever_their_group_says(build: Build) -> None:
    town, engine = await two_people(build)
    await assign(town, engine, "carl")
    done = await assign(town, engine, "bob", 1, 2, 99)
    assert (done.done, done.told) == ([1, 2], ("team/robot:lisi",))
    assert await owners(town) == {2: "bob", 1: "bob"}
    await assign(town, engine, "", 2)
    assert await owners(town) == {2: "carl", 1: "bob"}
    async with town.db.read() as conn:
        assert [row["id"] for row in await groups.failed(conn, owner="bob")] == [1]
        assert [row["id"] for row in await groups.failed(conn, owner="carl")] == [2]
        (group,) = await groups.groups(conn, owner="carl")
        assert await groups.groups(conn, owner="bob") == []
        assert [row["id"] for row in await groups.failed(conn, group=group["id"], owner="bob")] == [1]
        acts = [(row["what"], row["detail"]["owner"]) for row in await groups.history(conn, group["id"])]
        assert acts == [("inbox 2", ""), ("inbox 2", "bob"), ("inbox 1", "bob"), (group["id"], "carl")]
        assert len(await groups.history(conn, "inbox 1")) == 1
    given = Settings(notices=NoticeSettings(language="en"))
    assert await rounds(town, engine, given, 900) == 1
    assert "assigned to bob: inbox 1, 1, the oldest" in town.told()[-1]
    assert "hub failed list --owner bob" in town.told()[-1]


async def test_what_passed_before_it_was_told_is_not_told(build: Build) -> None:
    town, engine = await two_people(build)
    await assign(town, engine, "bob", 1)
    await assign(town, engine, "anna@example.com", 1)
    await assign(town, engine, "bob", 2)
    rows = await town.rows("SELECT owner, subject, channels FROM notice WHERE what = 'assigned' ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("anna@example.com", "inbox 1", ["anna@example.com"]),
        ("bob", "inbox 2", ["team/robot:lisi"]),
    ]
    await mend(town)
    assert await rounds(town, engine, settings(), 60) == 0
    assert await town.rows("SELECT 1 FROM notice WHERE what = 'assigned'") == []


async def test_a_row_stays_with_its_owner_until_it_is_through(build: Build) -> None:
    town, engine = await two_people(build)
    await assign(town, engine, "bob", 1)
    async with town.db.begin("retry") as conn:
        await desk.retry(conn, "inbox", [1], "bob", town.clock.now())
    await town.again(engine)
    assert (await owners(town))[1] == "bob", "it failed again"
    async with town.db.begin("correct") as conn:
        person = desk.Person("bob", town.clock.now())
        made = await corrections.correct_inbox(conn, engine.configuration, 1, {"number": "C9"}, person)
    await town.again(engine)
    assert (await owners(town))[made] == "bob", "still without a name"


async def test_nobody_is_told_of_what_they_take_or_cannot_be_told(build: Build) -> None:
    town, engine = await two_people(build)
    assert (await assign(town, engine, "anna", 1)).told == ()
    assert (await assign(town, engine, "carl", 1)).told == ()
    assert (await assign(town, engine, "carl", 2, fallback=["ops@example.com"])).told == ("ops@example.com",)
    with pytest.raises(desk.DeskError, match="say who"):
        async with town.db.begin("assign") as conn:
            await assigning.assign_rows(conn, "inbox", [1], assigning.Word(), office(town, engine))
