"""Writing: once, whatever happens in between and however often it is entered again."""

from dataclasses import replace

from hub.sdk.conformance.kit import Subject, Writes
from hub.sdk.conformance.operations import REFERENCE, create, operations
from hub.sdk.conformance.trial import Trial
from hub.sdk.conformance.troubles import BROKEN
from hub.sdk.connector import Finds
from hub.sdk.errors import ConnectorError, Uncertain
from hub.sdk.records import Push


async def once(subject: Subject) -> list[str]:
    """The same create twice, fresh and with its id known, makes one record; a message of grade A is shown once."""
    found: list[str] = []
    for writes in subject.kit.writes:
        for known in (False, True):
            found += await _twice(subject, writes, known=known)
    for operation in operations(subject):
        if operation.name.endswith(".message") and operation.count is not None:
            trial = Trial(subject)
            act = operation.prepare(trial)
            await act(trial)
            shown = operation.count(trial.sandbox)
            if shown != 1:
                found.append(f"{operation.name} shows it {shown} times")
            await act(trial)
            stream = trial.stream(operation.name.removesuffix(".message"))
            if stream.grade == "A" and operation.count(trial.sandbox) != shown:
                found.append(f"{operation.name} is of grade A and shows a repetition")
    return found


async def _twice(subject: Subject, writes: Writes, *, known: bool) -> list[str]:
    trial = Trial(subject)
    stream, push = trial.stream(writes.stream), create(writes, trial)
    before = writes.made(trial.sandbox)
    first = await stream.push(trial.context, push)
    found = []
    if trial.reported.key != first.key:
        found.append(f"{writes.stream}: ctx.created told {trial.reported.key}, the push returned {first.key}")
    second = await stream.push(trial.context, replace(push, key=first.key if known else None))
    made = writes.made(trial.sandbox) - before
    if made != 1 or second.key != first.key:
        how = "with its id" if known else "fresh"
        found.append(f"{writes.stream}: pushed again {how} makes {made} records, ids {first.key} and {second.key}")
    return found


async def re_entry(subject: Subject) -> list[str]:
    """A create cut short at any call and entered again makes one record, whole; find then sees exactly one."""
    found: dict[str, None] = {}
    for writes in subject.kit.writes:
        trial = Trial(subject)
        push = create(writes, trial)
        trial.wire.mend()
        await trial.stream(writes.stream).push(trial.context, push)
        for call in range(1, trial.wire.calls + 1):
            for name in BROKEN:
                said = await _again(subject, writes, call, name, trial)
                found |= dict.fromkeys(f"{writes.stream}: {name} at call {call}: {one}" for one in said)
    return list(found)


async def _again(subject: Subject, writes: Writes, call: int, name: str, clean: Trial) -> list[str]:
    trial = Trial(subject)
    push = create(writes, trial)
    before = writes.made(trial.sandbox)
    trial.wire.plan(BROKEN[name], call)
    ended = await _push(trial, writes, push)
    trial.wire.mend()
    stream = trial.stream(writes.stream)
    if isinstance(ended, Uncertain) and isinstance(stream, Finds):
        seen = len(await stream.find(trial.context, writes.reference, REFERENCE))
        if seen != writes.made(trial.sandbox) - before:
            return [f"after {type(ended).__name__} find by {writes.reference} sees {seen} records"]
    final = await _push(trial, writes, replace(push, key=trial.reported.key))
    if final is not None:
        return [f"entered again it ends in {type(final).__name__}: {final}"]
    found = []
    made = writes.made(trial.sandbox) - before
    if made != 1:
        found.append(f"entered again it has made {made} records")
    if missing := clean.events() - trial.events():
        found.append(f"entered again it leaves out: {', '.join(sorted(missing))}")
    return found


async def _push(trial: Trial, writes: Writes, push: Push) -> ConnectorError | None:
    try:
        await trial.stream(writes.stream).push(trial.context, push)
    except ConnectorError as error:
        return error
    return None
