"""Failures: each ends in one of the nine errors, none passes for success, credentials are told from the network."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hub.sdk.conformance.kit import Subject
from hub.sdk.conformance.operations import Operation, operations
from hub.sdk.conformance.trial import Trial, Trouble, secrets_of, spellings
from hub.sdk.conformance.troubles import ALL, REFUSED, STATUSES, UNKNOWN_OUTCOME, answered, refused
from hub.sdk.errors import AuthFailed, ConnectorError, FieldError, Rejected, Unavailable, Uncertain
from hub.sdk.http import Exchange

NOT_THERE = frozenset({"HTTP 404", "HTTP 400"})  # may truly mean that a record is not there


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one operation ended. `effects`: numbers of the calls that made the record or showed the message."""

    trial: Trial
    value: Any = None
    error: Exception | None = None

    @property
    def calls(self) -> int:
        return self.trial.wire.calls

    @property
    def effects(self) -> list[int]:
        return self.trial.wire.effects

    @property
    def ending(self) -> str:
        return "success" if self.error is None else type(self.error).__name__


async def attempt(subject: Subject, operation: Operation, trouble: Trouble | None = None, at: int = 0) -> Outcome:
    """The operation on a fresh sandbox, its call number `at` befallen by the trouble."""
    trial = Trial(subject)
    act = operation.prepare(trial)
    trial.wire.mend()
    if operation.count is not None:
        count = operation.count
        trial.wire.watch = lambda: count(trial.sandbox)
    if trouble is not None:
        trial.wire.plan(trouble, at)
    try:
        return Outcome(trial, value=await act(trial))
    except Exception as error:
        return Outcome(trial, error=error)


async def credentials(subject: Subject) -> list[str]:
    """Bad credentials end in AuthFailed, a dead network in Unavailable; good ones pass."""
    if subject.kit.sandbox is None:
        return []
    found = []
    good = await _probed(subject)
    if good.error is not None:
        found.append(f"the probe of a sound connection ends in {good.ending}: {good.error}")
    if subject.connector.manifest.auth != "none" and not subject.kit.wrong:
        found.append("the kit names no bad credentials (`wrong`)")
    for changes in subject.kit.wrong:
        bad = await _probed(subject, **changes)
        if not isinstance(bad.error, AuthFailed):
            found.append(f"bad credentials ({', '.join(changes)}) end in {bad.ending} instead of AuthFailed")
    dead = await _probed(subject, cut=True)
    if not isinstance(dead.error, Unavailable):
        found.append(f"a dead network ends in {dead.ending} instead of Unavailable")
    return found


async def _probed(subject: Subject, *, cut: bool = False, **changes: Any) -> Outcome:
    trial = Trial(subject, **changes)
    if cut:
        trial.wire.plan(refused, 1, lasting=True)
    try:
        await subject.connector.probe(trial.context)
    except Exception as error:
        return Outcome(trial, error=error)
    return Outcome(trial)


async def errors(subject: Subject) -> list[str]:
    """Each trouble at each call of each operation ends in one of the nine errors, or is truly overcome."""
    if subject.kit.sandbox is None:
        return []
    found: dict[str, None] = {}
    for operation in operations(subject):
        clean = await attempt(subject, operation)
        if clean.error is not None:
            found[f"{operation.name} fails on a sound sandbox: {clean.ending}: {clean.error}"] = None
            continue
        for call in range(1, clean.calls + 1):
            for name, trouble in ALL.items():
                if name == f"the body {subject.kit.nothing}" and operation.count is None:
                    continue
                outcome = await attempt(subject, operation, trouble, call)
                found |= dict.fromkeys(_judged(operation, name, call, outcome, clean))
    return list(found)


def _judged(operation: Operation, name: str, call: int, outcome: Outcome, clean: Outcome) -> Iterator[str]:
    where = f"{operation.name}: {name} at call {call} of {clean.calls}"
    error = outcome.error
    if error is not None and not isinstance(error, ConnectorError):
        yield f"{where} ends in {type(error).__name__} ({error!s:.80}), none of the nine"
    elif error is not None and not (error.sentence.strip() and error.zh.strip()):
        yield f"{where} ends in {outcome.ending} without a sentence"
    elif name == REFUSED and not isinstance(error, Unavailable):
        yield f"{where} ends in {outcome.ending}: it was surely not sent, so it is Unavailable"
    elif error is None and operation.count is None:
        if name not in NOT_THERE and repr(outcome.value) != repr(clean.value):
            yield f"{where} passes for success and brings something else"
    elif error is None and clean.trial.events() - outcome.trial.events():
        missing = ", ".join(sorted(clean.trial.events() - outcome.trial.events()))
        yield f"{where} passes for success, but at the vendor there is no {missing}"
    elif error is not None and name in UNKNOWN_OUTCOME and call in clean.effects and not isinstance(error, Uncertain):
        yield f"{where}, which is the write, ends in {outcome.ending} instead of Uncertain"


async def statuses(subject: Subject) -> list[str]:
    """A vendor that answers everything with one status: reads end in an error (404 apart), and 429 says when."""
    if subject.kit.sandbox is None:
        return []
    found = []
    for operation in operations(subject):
        for name, trouble in STATUSES.items():
            trial = Trial(subject)
            act = operation.prepare(trial)
            trial.wire.plan(trouble, 1, lasting=True)
            try:
                await act(trial)
            except ConnectorError:
                continue
            except Exception as error:
                found.append(f"{operation.name}: {name} to every call ends in {type(error).__name__}, none of the nine")
            else:
                if name not in NOT_THERE:
                    found.append(f"{operation.name}: {name} to every call passes for success")
    return found


async def hidden(subject: Subject) -> list[str]:
    """No secret and no token in an error, nor, once redacted, in the record of an exchange."""
    if subject.kit.sandbox is None:
        return []
    found: Counter[str] = Counter()
    echo = answered(400, '{"code": "no", "message": "refused"}')
    for operation in operations(subject):
        for trouble, at in ((None, 0), (echo, 1), (echo, 2), (refused, 1)):
            outcome = await attempt(subject, operation, trouble, at)
            found.update(_shown(subject, operation, outcome))
    return list(found)


def _shown(subject: Subject, operation: Operation, outcome: Outcome) -> Iterator[str]:
    secrets = secrets_of(outcome.trial.config)
    tokens = [token.value for token in outcome.trial.tokens.seen]
    searched = {spelt for secret in (*secrets, *tokens) for spelt in spellings(secret)}
    if outcome.error is not None and _has(_said(outcome.error), searched):
        yield f"{operation.name}: {outcome.ending} shows a secret in its sentence"
    for exchange in outcome.trial.exchanges.seen:
        for part, value in _parts(exchange).items():
            if _has(repr(subject.redact({part: value}, secrets)), searched):
                yield f"the redacted {part} of {exchange.method} {_path(exchange)} shows a secret"


def _has(text: str, searched: set[str]) -> bool:
    return any(spelt in text for spelt in searched)


def _said(error: Exception) -> str:
    fields: tuple[FieldError, ...] = error.fields if isinstance(error, Rejected) else ()
    zh = error.zh if isinstance(error, ConnectorError) else ""
    return " ".join([repr(error), str(error), zh, *(f"{field.path} {field.sentence}" for field in fields)])


def _parts(exchange: Exchange) -> dict[str, Any]:
    return {
        "url": exchange.url,
        "request_headers": dict(exchange.request_headers),
        "request": exchange.request_body.decode("utf-8", "replace"),
        "answer": exchange.answer_body.decode("utf-8", "replace"),
        "error": exchange.error,
    }


def _path(exchange: Exchange) -> str:
    return exchange.url.partition("?")[0]
