"""Mapping files: where a name is found, what it says with everything it extends, and how it is compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hub.canon.kinds import Kinds
from hub.config.problem import Problem
from hub.config.shipped import Text, shipped_mappings, shipped_tables
from hub.mapping import CompiledMapping, compile_mapping
from hub.mapping.faults import Problem as MappingProblem


@dataclass(frozen=True, slots=True)
class MappingText:
    """A mapping as it is stored: its own text as written, and the texts it was made of besides, as `sources`."""

    name: str
    kind: str
    digest: str
    body: str
    file: str
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Texts:
    """The customer's mapping files over those we ship, and look-up tables likewise."""

    own: Mapping[str, Text]
    tables: Mapping[str, Text] = field(default_factory=dict)

    def get(self, name: str) -> Text | None:
        return self.own.get(name) or shipped_mappings().get(name)

    def names(self) -> set[str]:
        return {*self.own, *shipped_mappings()}

    def load(self, name: str) -> str:
        """The text of a mapping that another extends; LookupError when there is none."""
        found = self.get(name)
        if found is None:
            raise LookupError(name, self.names())
        return found.text

    def table(self, name: str) -> str:
        """The text of a look-up table; LookupError, with the names there are, when there is none."""
        found = self.tables.get(name) or shipped_tables().get(name)
        if found is None:
            raise LookupError(name, {*self.tables, *shipped_tables()})
        return found.text


def told(problem: MappingProblem) -> Problem:
    """A mapping's problem among those of the other files."""
    return Problem(problem.file, problem.line, problem.path, problem.sentence_en, problem.sentence_zh)


class Loads(Protocol):
    """Where the texts come from that a mapping is made of besides its own."""

    def load(self, name: str) -> str: ...

    def table(self, name: str) -> str: ...


@dataclass(slots=True)
class Noted:
    """Texts, with a note of those that were asked for: the `sources` of a mapping that was compiled with them."""

    texts: Texts
    used: dict[str, str] = field(default_factory=dict)

    def load(self, name: str) -> str:
        return self._noted("mapping", name, self.texts.load)

    def table(self, name: str) -> str:
        return self._noted("table", name, self.texts.table)

    def _noted(self, word: str, name: str, load: Callable[[str], str]) -> str:
        text = load(name)
        self.used[f"{word} {name}"] = text
        return text


def compiled(text: Text, texts: Loads, kinds: Kinds, zone: str, schema: Mapping[str, str] | None) -> CompiledMapping:
    """The mapping, checked against the kind and the stream's schema. Raises MappingError."""
    from_elsewhere = {"load": texts.load, "table": texts.table}
    return compile_mapping(text.text, kinds=kinds.get, file=text.file, zone=zone, schema=schema, **from_elsewhere)
