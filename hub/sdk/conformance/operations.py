"""Everything a connector does by calling out, each once, on a fresh sandbox."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hub.sdk.conformance.kit import Reads, Sends, Subject, Writes
from hub.sdk.conformance.trial import Trial
from hub.sdk.connector import Fetches, Finds, Lists, Pulls
from hub.sdk.records import Push

REFERENCE = "conformance:1"
Act = Callable[[Trial], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`prepare(trial)` fills the sandbox and returns what is then done. `count`: how many records or messages the
    vendor has of it, for writes."""

    name: str
    prepare: Callable[[Trial], Act]
    count: Callable[[Any], int] | None = None


def operations(subject: Subject) -> Iterator[Operation]:
    """Under a variant of the config one stream of each sort stands for all: what varies is how the call is made."""
    kit, few = subject.kit, 1 if subject.changes else None
    yield Operation("probe", lambda _: lambda trial: subject.connector.probe(trial.context))
    streams = Trial(subject).streams
    for reads in kit.reads[:few]:
        for verb, act in _readings(reads, streams[reads.stream]):
            yield Operation(f"{reads.stream}.{verb}", act)
    for writes in kit.writes[:few]:
        yield Operation(f"{writes.stream}.push", _pushing(writes), writes.made)
    for sends in kit.sends[:few]:
        yield Operation(f"{sends.stream}.message", _sending(sends), sends.sent)


def create(writes: Writes, trial: Trial) -> Push:
    """The create of one record, with everything it refers to in place."""
    return Push("create", writes.record(trial.sandbox, REFERENCE), REFERENCE, f"key-{REFERENCE}")


def _readings(reads: Reads, stream: Any) -> Iterator[tuple[str, Callable[[Trial], Act]]]:
    def after(act: Callable[[Trial, str], Awaitable[Any]]) -> Callable[[Trial], Act]:
        def prepare(trial: Trial) -> Act:
            key = reads.make(trial.sandbox, 1)
            return lambda at: act(at, key)

        return prepare

    async def pull(trial: Trial, key: str) -> Any:
        return [page.records async for page in trial.stream(reads.stream).pull(trial.context, None)]

    async def fetch(trial: Trial, key: str) -> Any:
        return await trial.stream(reads.stream).fetch(trial.context, [key])

    async def find(trial: Trial, key: str) -> Any:
        return await trial.stream(reads.stream).find(trial.context, *(reads.find or ("", "")))

    async def keys(trial: Trial, key: str) -> Any:
        return [listed async for listed in trial.stream(reads.stream).keys(trial.context)]

    offered = {"fetch": (Fetches, fetch), "find": (Finds, find), "keys": (Lists, keys), "pull": (Pulls, pull)}
    for verb, (protocol, act) in offered.items():
        if isinstance(stream, protocol) and (verb != "find" or reads.find):
            yield verb, after(act)


def _pushing(writes: Writes) -> Callable[[Trial], Act]:
    def prepare(trial: Trial) -> Act:
        push = create(writes, trial)
        return lambda at: at.stream(writes.stream).push(at.context, push)

    return prepare


def _sending(sends: Sends) -> Callable[[Trial], Act]:
    def prepare(trial: Trial) -> Act:
        message = sends.message(trial.sandbox)
        return lambda at: at.stream(sends.stream).message(at.context, message)

    return prepare
