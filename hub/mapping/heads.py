"""What a mapping reads of a record besides its fields (key, names, version, whether it is ours or gone), as functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property, partial
from typing import Any

from hub.mapping import moments
from hub.mapping.codecs import PLAIN_TEXT, scalar_text
from hub.mapping.emitter import Emitter
from hub.mapping.faults import Place
from hub.mapping.json_values import EMPTY
from hub.mapping.levels import Level, emit_function
from hub.mapping.paths import Source
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT, Record


@dataclass(frozen=True, slots=True)
class HeadFunctions:
    """Each takes the record. `rest` gives version, names and reference."""

    key: Callable[[Any], str]
    concerns: Callable[[Record], bool]
    deleted: Callable[[Record], bool]
    rest: Callable[[Record], tuple[str | None, dict[str, str], str | None]]


@dataclass(frozen=True)
class Head:
    """What a mapping reads of a record besides its fields."""

    key: Source
    names: Mapping[str, Source]
    reference: Path | None
    version: Source | None
    deleted: Source | None
    where: Source | None
    zone: tzinfo | None
    places: Mapping[str, Place]
    """Where the mapping says each of them, by its key or as `names.x`."""

    @cached_property
    def functions(self) -> HeadFunctions:
        emitter = Emitter()
        writes = {
            "key": lambda level: _write_key(level, self),
            "concerns": lambda level: _write_holds(level, self, self.where, "where"),
            "deleted": lambda level: _write_holds(level, self, self.deleted, "deleted"),
            "rest": lambda level: _write_rest(level, self),
        }
        names = {what: _emit(emitter, write) for what, write in writes.items()}
        made = emitter.run()
        return HeadFunctions(**{what: made[name] for what, name in names.items()})


def _emit(emitter: Emitter, write: Callable[[Level], None]) -> str:
    return emit_function(emitter, "here", 0, lambda: write(Level(emitter, "here", "here", "made")))


def _write_key(level: Level, head: Head) -> None:
    emitter = level.emitter
    with emitter.block("if type(here) is not dict:"):
        level.at("record", "@", head.places["key"])
        emitter.line("raw = here")
        emitter.line(level.fail("record"))
    level.at("key", head.key.text, head.places["key"])
    emitter.line(f"raw = {level.source(head.key)}")
    with emitter.block(f"if {level.is_empty('raw')}:"):
        emitter.line("raw = None")
        emitter.line(level.fail("key"))
    emitter.line(f"return {level.change('raw', scalar_text, PLAIN_TEXT)}")


def _write_holds(level: Level, head: Head, source: Source | None, what: str) -> None:
    """Without a condition every record is ours, and none is gone."""
    emitter = level.emitter
    if source is None:
        emitter.line(f"return {what == 'where'}")
        return
    level.at(what, source.text, head.places[what])
    found = emitter.set(level.source(source))
    holds = f"({found} or type({found}) not in {emitter.bind(EMPTY)})"
    emitter.line(f"return {found} is not {emitter.bind(ABSENT)} and {holds}")


def _write_rest(level: Level, head: Head) -> None:
    emitter = level.emitter
    version, names = emitter.set("None"), emitter.set("{}")
    if head.version is not None:
        level.at("version", head.version.text, head.places["version"])
        emitter.line(f"raw = {level.source(head.version)}")
        read = emitter.bind(partial(moments.version_text, zone=head.zone))
        emitter.line(f"if raw is not {emitter.bind(ABSENT)}: {version} = {read}(raw)")
    for name, source in head.names.items():
        level.at(name, source.text, head.places[f"names.{name}"])
        emitter.line(f"raw = {level.source(source)}")
        with level.branch(f"if not ({level.is_empty('raw')}):"):
            emitter.line(f"{names}[{emitter.bind(name)}] = {level.change('raw', scalar_text, PLAIN_TEXT)}")
    reference = "here" if head.reference else "None"
    for part in head.reference or ():
        reference = emitter.set(f"{reference}.get({emitter.bind(part)}) if type({reference}) is dict else None")
    emitter.line(f"return {version}, {names}, {reference} if type({reference}) is str and {reference} else None")
