"""Pages of one statement put together, so that the balance check and the counting of equal lines see all of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from hub.sdk.statement import Statement, with_keys


def finish(statements: Sequence[Statement]) -> list[Statement]:
    """Statements in their order, consecutive pages joined, every line with its identity."""
    groups: defaultdict[tuple[str, str, str], list[Statement]] = defaultdict(list)
    for statement in statements:
        groups[statement.account.key, statement.id, statement.number].append(statement)
    joined = [_join(run) for group in groups.values() for run in _runs(group)]
    return [replace(statement, lines=with_keys(statement.account, statement.lines)) for statement in joined]


def _runs(group: list[Statement]) -> list[list[Statement]]:
    """Consecutive pages; a page that comes twice (sent again) begins a run of its own."""
    runs: list[list[Statement]] = []
    for statement in sorted(group, key=lambda one: one.page or 0):
        for run in runs:
            if statement.page is not None and not run[-1].last_page and run[-1].page == statement.page - 1:
                run.append(statement)
                break
        else:
            runs.append([statement])
    return runs


def _join(run: list[Statement]) -> Statement:
    first, last = run[0], run[-1]
    if len(run) == 1:
        return first
    return replace(
        first,
        lines=tuple(line for page in run for line in page.lines),
        entries=sum(page.entries for page in run),
        closing=last.closing,
        to_date=last.to_date,
        page=None if first.page == 1 and last.last_page else first.page,
        last_page=last.last_page,
    )
