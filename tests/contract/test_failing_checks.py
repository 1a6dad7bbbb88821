"""The checks of failures and of writing find what they are there for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.rest.streams import RestStream
from hub.sdk import (
    AuthFailed,
    ConnectorError,
    Context,
    Push,
    Pushed,
    Record,
    Rejected,
    Unavailable,
    Uncertain,
)
from hub.sdk.conformance import Subject, subjects_of
from hub.security.redact import redact
from tests.contract.spoilt import SOUND, found, streamed


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
    ],
)
async def test_errors(kind: type[RestStream], words: str) -> None:
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
