"""Each check finds what it is there for: a sound connector, spoilt in one place at a time."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict, SecretStr

from connectors.rest.config import RestConfig
from connectors.rest.streams import RestStream
from connectors.rest.webhook import RestHook
from hub.sdk import (
    Accepted,
    Answer,
    AuthFailed,
    Bell,
    Connector,
    ConnectorError,
    Context,
    Flaw,
    Incoming,
    Opened,
    Page,
    Push,
    Pushed,
    Record,
    Refused,
    Rejected,
    Unavailable,
    Uncertain,
)
from hub.sdk.conformance import CHECKS, Subject, check_all, subjects_of
from hub.security.redact import redact

WHOLE = subjects_of("rest", redact)[""]
WRITES = [writes for writes in WHOLE.kit.writes if writes.stream != "products"]
SOUND = replace(WHOLE, kit=replace(WHOLE.kit, reads=WHOLE.kit.reads[:1], writes=WRITES))
FILES = subjects_of("bank_files", redact)[""]
DINGTALK = subjects_of("dingtalk", redact)[""]


async def found(check: str, subject: Subject) -> str:
    return "\n".join(await CHECKS[check](subject))


def streamed(kind: type[RestStream], subject: Subject = SOUND) -> Subject:
    """The sound connector, its streams of another class."""

    def streams(config: RestConfig) -> Mapping[str, Any]:
        return {name: kind(name, spec) for name, spec in config.streams.items()}

    return replace(subject, connector=replace(subject.connector, declared=streams))


def hooked(hook: Any) -> Subject:
    return replace(SOUND, connector=replace(SOUND.connector, hook=hook))


async def test_nothing_is_found_in_a_sound_connector() -> None:
    assert await check_all(SOUND) == []


# what is said
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
        ({"user_add_org.json": EVENT.replace("a", "a")}, "event user_leave_org has no fixture"),
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


# reading
Spoil = Callable[[Page], Page]


def spoilt(spoil: Spoil) -> type[RestStream]:
    class Spoilt(RestStream):
        async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
            async for page in super().pull(ctx, cursor):
                yield spoil(page)

    return Spoilt


def with_records(change: Callable[[Record], Record]) -> type[RestStream]:
    return spoilt(lambda page: replace(page, records=[change(record) for record in page.records]))


class Declared(RestStream):
    def __init__(self, name: str, spec: Any) -> None:
        super().__init__(name, spec)
        self.schema = {"number": "decimal", "lines[].quantity": "text"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (with_records(lambda r: {**r, "id": ""}), "have no id at id"),
        (with_records(lambda r: {**r, "id": "1"}), "ids that come twice in one pull: 1"),
        (with_records(lambda r: {**r, "lines": [{"price": 1.5}]}), "lines[].price is a float"),
        (Declared, "number is declared decimal and is str 'N1'"),
        (Declared, "lines[].quantity is declared text and is int 1"),
    ],
)
async def test_records(kind: type[RestStream], words: str) -> None:
    assert words in await found("records", streamed(kind, WHOLE))


class Hasty(RestStream):
    """Sets its cursor past what it has not read."""

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        async for page in super().pull(ctx, cursor):
            yield replace(page, cursor="2030-01-01T00:00:00.000Z")


class Forgiving(RestStream):
    """Takes the end of the line for the end of the list."""

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        try:
            async for page in super().pull(ctx, cursor):
                yield page
        except Unavailable:
            return


class Wavering(RestStream):
    """Says something else each time it is asked."""

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        async for page in super().pull(ctx, cursor):
            yield replace(page, records=[{**record, "asked": cursor} for record in page.records])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Hasty, "an interrupted pull loses"),
        (Hasty, "made after the last pull is missing"),
        (Forgiving, "ended as if it were whole"),
        (Wavering, "brings records that the first did not"),
    ],
)
async def test_cursor(kind: type[RestStream], words: str) -> None:
    assert words in await found("cursor", streamed(kind))


class Blind(RestStream):
    async def keys(self, ctx: Context) -> AsyncIterator[Sequence[str]]:
        yield []

    async def _fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        return []

    async def _find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        return []


async def test_lookups() -> None:
    said = await found("lookups", streamed(Blind))
    assert all(f"customers: {verb}" in said for verb in ("fetch of", "find by number = N1 brings []", "keys lists 0"))


# failing
def probing(probe: Any) -> Subject:
    return replace(SOUND, connector=replace(SOUND.connector, probe=probe))


async def _always(ctx: Context) -> None:
    return None


async def _never(ctx: Context) -> None:
    raise AuthFailed("no")


async def _blames_the_network(ctx: Context) -> None:
    try:
        await SOUND.connector.probe(ctx)
    except AuthFailed as error:
        raise Unavailable(error.sentence) from None


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (probing(_always), "a dead network ends in success"),
        (probing(_never), "the probe of a sound connection ends in AuthFailed"),
        (probing(_blames_the_network), "bad credentials (auth, token) end in Unavailable"),
        (replace(SOUND, kit=replace(SOUND.kit, wrong=())), "names no bad credentials"),
    ],
)
async def test_credentials(subject: Subject, words: str) -> None:
    assert words in await found("credentials", subject)


class Leaking(RestStream):
    """Lets exceptions of other libraries through."""

    async def _fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        try:
            return await super()._fetch(ctx, keys)
        except ConnectorError as error:
            raise KeyError("data") from error


class Swallowing(RestStream):
    async def _fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        try:
            return await super()._fetch(ctx, keys)
        except ConnectorError:
            return []


class Sure(RestStream):
    """Takes every end of a write for a refusal."""

    async def _push(self, ctx: Context, push: Push) -> Pushed:
        try:
            return await super()._push(ctx, push)
        except Uncertain as error:
            raise Rejected(error.sentence) from None


class Hopeful(RestStream):
    async def _push(self, ctx: Context, push: Push) -> Pushed:
        try:
            return await super()._push(ctx, push)
        except ConnectorError:
            return Pushed("1")


class Silent(RestStream):
    async def _push(self, ctx: Context, push: Push) -> Pushed:
        try:
            return await super()._push(ctx, push)
        except Unavailable:
            raise Unavailable(" ") from None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Leaking, "customers.fetch: HTTP 500 at call 1 of 1 ends in KeyError ('data'), none of the nine"),
        (Swallowing, "customers.fetch: a hang-up before at call 1 of 1 passes for success"),
        (
            Sure,
            "orders.push: a hang-up after at call 1 of 1, which is the write, ends in Rejected instead of Uncertain",
        ),
        (Sure, "orders.push: a login page with 200 at call 1 of 1, which is the write, ends in Rejected"),
        (Hopeful, "orders.push: a refused connection at call 1 of 1 ends in success: it was surely not sent"),
        (Hopeful, "orders.push: HTTP 400 at call 1 of 1 passes for success, but at the vendor there is no created"),
        (Silent, "orders.push: a refused connection at call 1 of 1 ends in Unavailable without a sentence"),
        (Blind, "customers.fetch: a refused connection"),
    ],
)
async def test_errors(kind: type[RestStream], words: str) -> None:
    if kind is Blind:
        assert "customers.fetch" not in await found("errors", streamed(kind))  # it makes no call at all
    else:
        assert words in await found("errors", streamed(kind))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Leaking, "HTTP 500 to every call ends in KeyError"),
        (Swallowing, "customers.fetch: HTTP 401 to every call passes for success"),
    ],
)
async def test_statuses(kind: type[RestStream], words: str) -> None:
    assert words in await found("statuses", streamed(kind))


class Talkative(RestStream):
    async def _fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        try:
            return await super()._fetch(ctx, keys)
        except Rejected as error:
            raise Rejected(error.sentence, zh=f"令牌 {ctx.config.token.get_secret_value()} 被拒绝") from None


async def test_hidden() -> None:
    assert "customers.fetch: Rejected shows a secret" in await found("hidden", streamed(Talkative))
    bare = replace(SOUND, redact=lambda value, secrets: value)
    assert "the redacted request_headers of GET" in await found("hidden", bare)


# writing
class Doubling(RestStream):
    """Never looks whether it was here before."""

    async def _push(self, ctx: Context, push: Push) -> Pushed:
        fresh = replace(push, reference="", idempotency_key=f"{ctx.http.counter.number}")
        return await super()._push(ctx, replace(fresh, key=None))


class Secretive(RestStream):
    async def _push(self, ctx: Context, push: Push) -> Pushed:
        async def nobody(key: str, lines: Mapping[str, Sequence[str]]) -> None:
            return None

        return await super()._push(replace(ctx, created=nobody), push)


class Fixed(RestStream):
    """Sees nothing where its own records are."""

    async def _find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        return []


@pytest.mark.parametrize(
    ("check", "kind", "words"),
    [
        ("once", Doubling, "customers: pushed again fresh makes 2 records"),
        ("once", Doubling, "orders: pushed again with its id makes 2 records"),
        ("once", Secretive, "ctx.created told None, the push returned 1"),
        ("re_entry", Doubling, "a hang-up after at call 1: entered again it has made 2 records"),
        ("re_entry", Fixed, "after Uncertain find by hub_ref sees 0 records"),
    ],
)
async def test_writing(check: str, kind: type[RestStream], words: str) -> None:
    assert words in await found(check, streamed(kind))


async def test_a_message_of_grade_a_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = subjects_of("wecom", redact)[""]
    assert await found("once", robot) == ""
    monkeypatch.setattr(type(robot.connector.streams["robot"]), "grade", "A")
    assert "robot.message is of grade A and shows a repetition" in await found("once", robot)


# being called
class Trusting(RestHook):
    """Lets everybody in and cannot be set up wrongly."""

    def check(self, config: RestConfig) -> None:
        return None

    def accept(self, config: RestConfig, request: Incoming) -> Accepted:
        return Accepted(Answer())


class Forgetful(RestHook):
    """Knows only the newest secret."""

    def accept(self, config: RestConfig, request: Incoming) -> Accepted:
        return super().accept(config.model_copy(update={"hook_secret_old": None}), request)


class Deaf(RestHook):
    def accept(self, config: RestConfig, request: Incoming) -> Accepted:
        raise Refused("no", zh="不")


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (Trusting(), "a call without any proof is accepted"),
        (Trusting(), "a call with wrong secrets is accepted"),
        (Trusting(), "a call whose body was changed on its way is accepted"),
        (Trusting(), "a call signed two hours ago is accepted"),
        (Trusting(), "the hook can be saved without hook_secret"),
        (Forgetful(), "after a change of secret the former one is refused"),
        (Deaf(), "a call as the vendor makes it is refused: no"),
    ],
)
async def test_hook_callers(hook: Any, words: str) -> None:
    assert words in await found("hook_callers", hooked(hook))


async def test_a_hook_without_its_kit() -> None:
    subject = replace(SOUND, kit=replace(SOUND.kit, hook=None))
    assert "its kit no `hook`" in await found("hook_callers", subject)


def opening(opened: Opened, accepted: Accepted = Accepted(Answer())) -> Any:  # noqa: B008
    """A hook that cuts everything into the same pieces."""

    class Same(RestHook):
        def accept(self, config: RestConfig, request: Incoming) -> Accepted:
            return accepted

        def open(self, config: RestConfig, request: Incoming) -> Opened:
            return opened

    return Same()


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (opening(Opened(nothing="x"), Accepted(Answer(status=400))), "an unknown event is answered 400"),
        (opening(Opened(nothing="x"), Accepted(Answer(), keep=False)), "and not kept"),
        (opening(Opened()), "instead of `nothing`"),
        (opening(Opened(flaws=[Flaw(0, "a", "b")], nothing="x")), "instead of `nothing`"),
        (Deaf(), "an unknown event is refused: no"),
    ],
)
async def test_hook_events(hook: Any, words: str) -> None:
    assert words in await found("hook_events", hooked(hook))


class Elsewhere:
    """DingTalk's hook, ringing for what no event is declared for."""

    def __init__(self, opened: Opened) -> None:
        self.inner: Any = DINGTALK.connector.hook
        self.events = self.inner.events
        self.opened = opened

    def check(self, config: Any) -> None:
        self.inner.check(config)

    def accept(self, config: Any, request: Incoming) -> Accepted:
        accepted: Accepted = self.inner.accept(config, request)
        return accepted

    def open(self, config: Any, request: Incoming) -> Opened:
        return self.opened


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (Opened(bells=[Bell("robot", "1")]), "opens to a piece of robot, which no event is declared for"),
        (Opened(flaws=[Flaw(0, "broken", "坏")]), "opens to a flaw: broken"),
        (Opened(nothing="not ours"), "no fixture of user_add_org opens to a record or a bell"),
    ],
)
async def test_hook_fixtures(opened: Opened, words: str) -> None:
    subject = replace(DINGTALK, connector=replace(DINGTALK.connector, hook=Elsewhere(opened)))
    assert words in await found("hook_events", subject)


@pytest.mark.parametrize(
    ("arriving", "words"),
    [
        ({"accounts": "identity", "statements": "identity", "transactions": "account"}, "ids of transactions"),
        ({**FILES.kit.arriving, "weather": "id"}, "no fixture holds a record of weather"),
    ],
)
async def test_files(arriving: Mapping[str, str], words: str) -> None:
    subject = replace(FILES, kit=replace(FILES.kit, arriving=arriving))
    assert words in await found("files", subject)


async def test_a_refusal_of_a_file_has_a_sentence() -> None:
    class Mute:
        async def waiting(self, ctx: Context) -> list[Any]:
            return []

        async def taken(self, ctx: Context, file: Any) -> None:
            return None

        def open(self, config: Any, file: Incoming) -> Opened:
            raise Refused("", zh="")

    connector: Connector = replace(FILES.connector, inbox=Mute())
    assert "is refused without a sentence" in await found("files", replace(FILES, connector=connector))
