"""The checks of hooks and files find what they are there for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from connectors.rest.config import RestConfig
from connectors.rest.webhook import RestHook
from hub.sdk import (
    Accepted,
    Answer,
    Bell,
    Connector,
    Context,
    Flaw,
    Incoming,
    Opened,
    Refused,
)
from tests.contract.spoilt import DINGTALK, FILES, SOUND, found, hooked


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
