"""The vendor's calls to us: who may call, what is inside, what nobody declared; and files that arrive."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hub.sdk.conformance.kit import HookCalls, Subject
from hub.sdk.conformance.reading import misfits
from hub.sdk.conformance.trial import START, config_of, secrets_of
from hub.sdk.connector import Hook
from hub.sdk.errors import ConfigInvalid
from hub.sdk.records import Accepted, Incoming, Opened, Refused

LONG_AGO = timedelta(hours=2)


async def hook_callers(subject: Subject) -> list[str]:
    """A call without or with the wrong proof is refused, an old one where time is signed; a former secret is taken."""
    hook, calls = subject.connector.hook, subject.kit.hook
    if hook is None:
        return []
    if calls is None:
        return ["the connector has a hook and its kit no `hook`"]
    config = config_of(subject)
    good = calls.call(config, calls.unknown, START)
    found = []
    if isinstance(said := _accepted(hook, config, good), str):
        found.append(f"a call as the vendor makes it is refused: {said}")
    for name, request in _strangers(subject, calls, good).items():
        if not isinstance(_accepted(hook, config, request), str):
            found.append(f"{name} is accepted")
    found += _unguarded(subject, hook, calls)
    if calls.former:
        found += _rotated(subject, hook, calls)
    return found


def _accepted(hook: Hook, config: Any, request: Incoming) -> Accepted | str:
    """What the hook says; for a refusal its sentence."""
    try:
        return hook.accept(config, request)
    except Refused as refused:
        return refused.sentence


def _strangers(subject: Subject, calls: HookCalls, good: Incoming) -> dict[str, Incoming]:
    """Calls that do not come from the vendor, or not now."""
    made = {
        "a call without any proof": Incoming(good.body, good.received_at, method=good.method),
        "a call with wrong secrets": calls.call(config_of(subject, **calls.wrong), calls.unknown, START),
    }
    if "body" in calls.signs:
        middle = len(good.body) // 2
        changed = bytes([good.body[middle] ^ 1])
        body = good.body[:middle] + changed + good.body[middle + 1 :]
        made["a call whose body was changed on its way"] = Incoming(
            body, good.received_at, good.method, good.path, good.query, good.headers
        )
    if "time" in calls.signs:
        old = calls.call(config_of(subject), calls.unknown, START - LONG_AGO)
        made["a call signed two hours ago"] = Incoming(old.body, START, old.method, old.path, old.query, old.headers)
    return made


def _unguarded(subject: Subject, hook: Hook, calls: HookCalls) -> Iterator[str]:
    """A connection whose hook anybody could call cannot be saved."""
    hook.check(config_of(subject))
    for name in calls.wrong:
        try:
            hook.check(config_of(subject, **{name: None}))
        except ConfigInvalid:
            continue
        yield f"the hook can be saved without {name}"


def _rotated(subject: Subject, hook: Hook, calls: HookCalls) -> Iterator[str]:
    (current,) = calls.wrong  # whoever keeps a former secret has one secret
    before = config_of(subject)
    now = config_of(subject, **calls.wrong, **{calls.former: secrets_of(getattr(before, current))[0]})
    for name, signer in (("former", before), ("new", config_of(subject, **calls.wrong))):
        said = _accepted(hook, now, calls.call(signer, calls.unknown, START))
        if isinstance(said, str):
            yield f"after a change of secret the {name} one is refused: {said}"


async def hook_events(subject: Subject) -> list[str]:
    """An event nobody declared is stored, answered 2xx and opens to nothing; each declared one opens to something."""
    hook, calls = subject.connector.hook, subject.kit.hook
    if hook is None or calls is None:
        return []
    config = config_of(subject)
    found = [f"an unknown event {said}" for said in _unknown(hook, config, calls)]
    told: set[str] = set()
    for path in subject.fixtures():
        payload = path.read_bytes()
        request = calls.call(config, payload, START)
        said = _accepted(hook, config, request)
        if isinstance(said, str):
            found.append(f"fixture {path.name} is refused: {said}")
            continue
        opened = hook.open(config, request)
        found += [f"fixture {path.name} opens to a flaw: {flaw.sentence}" for flaw in opened.flaws]
        found += [f"fixture {path.name}: {said}" for said in _streams(subject, opened, hook)]
        if opened.records or opened.bells:
            told.add(calls.event(payload))
    return found + [f"no fixture of {event} opens to a record or a bell" for event in sorted(set(hook.events) - told)]


def _unknown(hook: Hook, config: Any, calls: HookCalls) -> Iterator[str]:
    request = calls.call(config, calls.unknown, START)
    said = _accepted(hook, config, request)
    if isinstance(said, str):
        yield f"is refused: {said}"
        return
    if not said.keep or not 200 <= said.answer.status < 300:
        yield f"is answered {said.answer.status} and {'kept' if said.keep else 'not kept'}"
    opened = hook.open(config, request)
    if not opened.nothing or opened.records or opened.bells or opened.flaws:
        yield f"opens to {opened} instead of `nothing` with a reason"


def _streams(subject: Subject, opened: Opened, hook: Hook) -> Iterator[str]:
    """What was cut belongs to streams of the connector, and to ones its events are declared for."""
    streams = subject.connector.streams_of(config_of(subject))
    for name in {*(piece.stream for piece in opened.records), *(bell.stream for bell in opened.bells)}:
        if name not in streams or (hook.events and name not in hook.events.values()):
            yield f"opens to a piece of {name}, which no event is declared for"
    for name, stream in streams.items():
        records = [piece.record for piece in opened.records if piece.stream == name]
        yield from (f"{name}: {said}" for said in misfits(records, stream.schema))


async def files(subject: Subject) -> list[str]:
    """Each fixture of an inbox opens or is refused with a sentence; ids are present and unique, values fit."""
    inbox, config = subject.connector.inbox, config_of(subject)
    if inbox is None:
        return []
    found, seen = [], set()
    for path in subject.fixtures():
        try:
            opened = inbox.open(config, Incoming(path.read_bytes(), START, path=path.name))
        except Refused as refused:
            if not (refused.sentence and refused.zh):
                found.append(f"{path.name} is refused without a sentence")
            continue
        for name, stream in subject.connector.streams.items():
            records = [piece.record for piece in opened.records if piece.stream == name]
            seen |= {name} if records else set()
            keys = [record.get(subject.kit.arriving.get(name, "")) for record in records]
            if not all(keys) or len(keys) != len(set(keys)):
                found.append(f"{path.name}: ids of {name} are missing or come twice")
            found += [f"{path.name}: {name}: {said}" for said in misfits(records, stream.schema)]
    return found + [f"no fixture holds a record of {name}" for name in sorted(set(subject.kit.arriving) - seen)]
