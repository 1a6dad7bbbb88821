"""Previews and comparisons of mapping drafts as the API answers them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from hub.api.drafts import (
    Diffed,
    DraftDiff,
    DraftProblem,
    ErrorDiff,
    LineError,
    Previewed,
    Read,
    TracedLine,
    Waits,
    Written,
)
from hub.mapping.faults import Problem
from hub.mapping.shadow import Shadow
from hub.mapping.shadow_tally import Trouble
from hub.mapping.trace import FieldTrace, Trace, spoken
from hub.sync.previewing import Preview
from hub.sync.shadowing import Compared, StreamDiff

MOST_LINES: Final = 1000


def problems_of(problems: Iterable[Problem]) -> list[DraftProblem]:
    return [
        DraftProblem(
            file=found.file,
            line=found.line,
            path=found.path,
            value=found.value,
            rule=found.rule,
            sentence=found.sentence_en,
            sentence_zh=found.sentence_zh,
        )
        for found in problems
    ]


def previewed(made: Preview) -> Previewed:
    mapping, tried = made.mapping, made.tried
    return Previewed(
        mapping=mapping.name if mapping else None,
        kind=mapping.kind if mapping else None,
        problems=problems_of(made.problems),
        reading=_read(tried.reading) if tried and tried.reading else None,
        writing=_written(tried.writing, tried.creating, tried.sends) if tried and tried.writing else None,
        waits=Waits(connection=made.waits[0], kind=made.waits[1], id=made.waits[2]) if made.waits else None,
    )


def _read(trace: Trace) -> Read:
    return Read(
        concerns=trace.concerns,
        deleted=trace.deleted,
        entity=spoken(trace.made),
        heads=_lines(trace.heads),
        fields=_lines(trace.fields),
    )


def _written(trace: Trace, creating: bool, sends: dict[str, Any] | None) -> Written:
    return Written(
        creating=creating,
        record=spoken(trace.made),
        sends=sends,
        heads=_lines(trace.heads),
        fields=_lines(trace.fields),
    )


def _lines(traces: Sequence[FieldTrace]) -> list[TracedLine]:
    """Of a document with very many lines the first, and the first that fail."""
    shown = [*traces[:MOST_LINES], *[each for each in traces[MOST_LINES:] if each.error is not None][:MOST_LINES]]
    return [_line(each) for each in shown]


def _line(each: FieldTrace) -> TracedLine:
    error = each.error
    told = (
        LineError(rule=error.rule, value=error.value, sentence=error.sentence_en, sentence_zh=error.sentence_zh)
        if error
        else None
    )
    names = ("field", "path", "raw", "rule", "file", "line", "outcome", "result")
    return TracedLine(**{name: getattr(each, name) for name in names}, error=told, also=dict(each.also))


def diffed(compared: Compared) -> Diffed:
    return Diffed(problems=problems_of(compared.problems), streams=[_stream(each) for each in compared.streams])


def _stream(each: StreamDiff) -> DraftDiff:
    found: Shadow = each.shadow
    plain = ("records", "entities", "touched", "written", "pushes", "failing", "healed", "nothing")
    told = ("identity", "reading", "writing", "ignored", "heeded", "waiting", "unkept", "unseen")
    return DraftDiff.model_validate(
        {
            **{name: getattr(each, name) for name in ("connection", "stream", "mapping", "version", "whole", "store")},
            **{name: getattr(found, name) for name in (*plain, *told)},
            "syncs": list(each.syncs),
            "new_errors": [_trouble(error) for error in found.new_errors],
            "gone_errors": [_trouble(error) for error in found.gone_errors],
        }
    )


def _trouble(error: Trouble) -> ErrorDiff:
    return ErrorDiff(
        way=error.way,
        field=error.field,
        rule=error.rule,
        count=error.count,
        sentence=error.sentence_en,
        sentence_zh=error.sentence_zh,
        examples=list(error.examples),
    )
