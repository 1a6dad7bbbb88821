"""What every connector must do, as plain checks: each returns its findings, sentences; none is all well.

For authors of connectors: put a module `conformance` beside your `connector` and give it a `kit` (see `Kit`). It says
how to start your sandbox, how a user of the vendor makes a record, what a create looks like, how the vendor calls a
hook. The checks then run the connector against the sandbox over a wire that breaks where they want it to.

    for subject in subjects_of("acme", redact):
        for finding in await check_all(subject):
            print(finding)
"""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from hub.sdk.conformance import calling, code, declared, failing, reading, writing
from hub.sdk.conformance.kit import HookCalls, Kit, Reads, Redact, Sends, Subject, Writes

__all__ = [
    "CHECKS",
    "Check",
    "HookCalls",
    "Kit",
    "Reads",
    "Redact",
    "Sends",
    "Subject",
    "Writes",
    "check_all",
    "names",
    "subjects_of",
]

GROUP = "hub.connectors"
Check = Callable[[Subject], Awaitable[list[str]]]

CHECKS: Mapping[str, Check] = {
    "manifest": declared.manifest,
    "config_secrets": declared.config_secrets,
    "fixtures": declared.fixtures,
    "code": code.code,
    "credentials": failing.credentials,
    "records": reading.records,
    "cursor": reading.cursor,
    "lookups": reading.lookups,
    "errors": failing.errors,
    "statuses": failing.statuses,
    "hidden": failing.hidden,
    "once": writing.once,
    "re_entry": writing.re_entry,
    "hook_callers": calling.hook_callers,
    "hook_events": calling.hook_events,
    "files": calling.files,
}


def names() -> list[str]:
    """The connectors of this installation."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def subjects_of(name: str, redact: Redact) -> dict[str, Subject]:
    """An installed connector with the kit beside it, by variant ("" first). Raises ModuleNotFoundError without a kit."""
    (entry,) = entry_points(group=GROUP, name=name)
    package = entry.module.rpartition(".")[0]
    kit: Kit = importlib.import_module(f"{package}.conformance").kit
    file = importlib.import_module(entry.module).__file__
    assert file is not None
    return {
        variant: Subject(name, package, Path(file).parent, entry.load(), kit, redact, changes)
        for variant, changes in {"": {}, **kit.variants}.items()
    }


async def check_all(subject: Subject) -> list[str]:
    """All findings, each with the name of its check in front."""
    return [f"{name}: {finding}" for name, check in CHECKS.items() for finding in await check(subject)]
