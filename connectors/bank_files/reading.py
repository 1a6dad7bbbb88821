"""A file's bytes into judged statements, and the one-line check of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from connectors.bank_files import camt
from connectors.bank_files.pages import finish
from connectors.bank_files.unpack import pieces
from hub.sdk import Refused
from hub.sdk.statement import FileCheck, Statement, Verdict, check_balance, worst

DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")
Judged = tuple[Statement, Verdict]


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a file. `refused`: parts of it that could not be read, by their name inside a zip."""

    format: str
    judged: Sequence[Judged]
    refused: Sequence[tuple[str, Refused]]


def read_file(body: bytes, zone: tzinfo) -> Contents:
    """Everything that can be read of a file; never raises for what is in it."""
    zipped, parts = pieces(body)
    formats: dict[str, None] = {}
    statements: list[Statement] = []
    refused: list[tuple[str, Refused]] = []
    for part in parts:
        try:
            if part.refused is not None:
                raise part.refused
            formats[camt.format_of(part.root)] = None
            statements.extend(camt.read(part.root, zone))
        except Refused as error:
            formats[part.format] = None
            refused.append((part.member, error))
    named = ", ".join(name for name in formats if name) or "unknown"
    judged = [(statement, check_balance(statement)) for statement in finish(statements)]
    return Contents(f"zip ({named})" if zipped else named, judged, refused)


def check_file(name: str, body: bytes, zone: tzinfo) -> FileCheck:
    """What `hub statement check` says about a file: refused when any part of it cannot be read, held when a
    statement in it does not prove itself."""
    contents = read_file(body, zone)
    verdict = worst([*map(_refusal, contents.refused), *(_named(one, contents) for one in contents.judged)])
    first, last = _ends(contents.judged)
    return FileCheck(
        file=name,
        format=contents.format,
        status=verdict.status,
        statements=len(contents.judged),
        lines=sum(statement.entries for statement, _ in contents.judged),
        opening=first.opening.amount if first and first.opening else None,
        closing=last.closing.amount if last and last.closing else None,
        reason=verdict.sentence,
        reason_zh=verdict.zh,
    )


def _refusal(part: tuple[str, Refused]) -> Verdict:
    member, error = part
    prefix = f"{member}: " if member else ""
    return Verdict("refused", prefix + error.sentence, prefix + error.zh)


def _named(judged: Judged, contents: Contents) -> Verdict:
    """The verdict, saying which statement is meant where a file holds several."""
    statement, verdict = judged
    if verdict.status == "ok" or len(contents.judged) == 1:
        return verdict
    prefix = f"{statement.account.number} {statement.number or statement.id}: "
    return Verdict(verdict.status, prefix + verdict.sentence, prefix + verdict.zh)


def _ends(judged: Sequence[Judged]) -> tuple[Statement | None, Statement | None]:
    """The first and the last statement of the file's first account."""
    own = [statement for statement, _ in judged if statement.account.key == judged[0][0].account.key]
    return (own[0], own[-1]) if own else (None, None)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads statement files for a check outside any connection; a date-time without offset is taken in `zone`."""

    zone: tzinfo = DEFAULT_ZONE

    def check(self, name: str, body: bytes) -> FileCheck:
        return check_file(name, body, self.zone)
