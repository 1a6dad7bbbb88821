"""Mapping files: where a name is found, what it says with everything it extends, and how it is compiled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from hub.canon.kinds import Kinds
from hub.config.problem import Problem
from hub.config.shipped import Text, shipped_mappings
from hub.mapping import CompiledMapping, MappingError, compile_mapping
from hub.mapping.document import Node, load_document
from hub.mapping.faults import Findings
from hub.mapping.faults import Problem as MappingProblem

_EXTENDS = re.compile(r"^[\"']?extends[\"']?[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MappingText:
    """A mapping as it is stored. `body` stands alone: what it extends is laid in."""

    name: str
    kind: str
    digest: str
    body: str
    file: str


@dataclass(frozen=True, slots=True)
class Texts:
    """The customer's mapping files over those we ship."""

    own: Mapping[str, Text]

    def get(self, name: str) -> Text | None:
        return self.own.get(name) or shipped_mappings().get(name)

    def names(self) -> set[str]:
        return {*self.own, *shipped_mappings()}

    def load(self, name: str) -> str:
        """The text of a mapping that another extends; LookupError when there is none."""
        found = self.get(name)
        if found is None:
            raise LookupError(name)
        return found.text


def told(problem: MappingProblem) -> Problem:
    """A mapping's problem among those of the other files."""
    return Problem(problem.file, problem.line, problem.path, problem.sentence_en, problem.sentence_zh)


def compiled(text: Text, texts: Texts, kinds: Kinds, zone: str, schema: Mapping[str, str] | None) -> CompiledMapping:
    """The mapping, checked against the kind and the stream's schema. Raises MappingError."""
    return compile_mapping(text.text, kinds=kinds.get, file=text.file, zone=zone, schema=schema, load=texts.load)


def standing_alone(text: Text, texts: Texts) -> str:
    """The text with everything it extends laid in. Raises MappingError."""
    if not _EXTENDS.search(text.text):
        return text.text
    findings = Findings()
    tree = load_document(text.text, text.file, texts.load, findings)
    if findings.problems:
        raise MappingError(findings.problems)
    return yaml.dump(_plain(tree), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


def _plain(node: Node) -> Any:
    """The tree as Python values; keys as they were written (`1` is not `"1"`)."""
    if isinstance(node.value, dict):
        return {node.keys.get(name, name): _plain(value) for name, value in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(item) for item in node.value]
    return node.value


class _Dumper(yaml.SafeDumper):
    """Writes exact numbers as they are."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", format(value, "f"))


_Dumper.add_representer(Decimal, _decimal)
