"""What a mapping draft stands on: the kinds, the other files it may name, the zone and the schema of its stream."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hub.canon.kinds import Kinds
from hub.config.catalogue import connectors
from hub.config.connection import Bound, bind
from hub.config.declared import check_kind, shapes_of
from hub.config.directory import Directory
from hub.config.document import stem
from hub.config.model import ConnectionSpec, KindSpec, SyncSpec
from hub.config.problem import Problem
from hub.config.shipped import Text, mapping_name
from hub.config.specs import read_specs
from hub.config.texts import Texts, compiled
from hub.db.kinds import OURS
from hub.mapping import CompiledMapping, MappingError, round_trip, run_tests
from hub.mapping.faults import Problem as MappingProblem
from hub.sdk.connector import ConnectionConfig

ZONE = str(ConnectionConfig.model_fields["zone"].default)


@dataclass(frozen=True, slots=True)
class Ground:
    """Without a stream, paths are not checked."""

    kinds: Kinds
    texts: Texts
    zone: str = ZONE
    schema: Mapping[str, str] | None = None

    def compiled(self, draft: Text) -> CompiledMapping:
        """Raises MappingError with every problem of the text."""
        return compiled(draft, self.texts, self.kinds, self.zone, self.schema)

    def tried(self, draft: Text) -> tuple[CompiledMapping | None, tuple[MappingProblem, ...]]:
        """The mapping as far as it compiles, and everything that is wrong: its text, its tests, the round trip."""
        try:
            mapping = self.compiled(draft)
        except MappingError as error:
            return None, error.problems
        return mapping, (*run_tests(mapping), *round_trip(mapping))

    def of(self, bound: Bound | None, stream: str | None) -> "Ground":
        """The same for a stream of this connection."""
        if bound is None:
            return self
        found = bound.streams.get(stream or "")
        return replace(self, zone=bound.config.zone, schema=(found.schema or None) if found else None)


def texts_of(files: Mapping[str, str]) -> Texts:
    """The mapping files among these and the look-up tables, by their names."""
    named = {file: mapping_name(text) for file, text in files.items() if file.startswith("mappings/")}
    own = {name: Text(file, files[file]) for file, name in named.items() if name is not None}
    return Texts(own, {stem(file): Text(file, text) for file, text in files.items() if file.startswith("tables/")})


def shipped_ground() -> Ground:
    """What everybody has."""
    return Ground(Kinds(), Texts({}))


@dataclass(frozen=True, slots=True)
class Place:
    """A configuration directory as a draft sees it. `problems`: what of it could not be used."""

    ground: Ground
    connections: Mapping[str, ConnectionSpec]
    syncs: Mapping[str, SyncSpec]
    problems: tuple[Problem, ...]

    def ground_for(self, mapping: str | None, connection: str | None) -> Ground:
        """For the stream that a sync binds the mapping to, in this connection or in any."""
        bindings = [sync for sync in self.syncs.values() if sync.mapping == mapping]
        fitting = [sync for sync in bindings if connection in (None, sync.connection)]
        name = connection or (fitting[0].connection if fitting else None)
        spec = self.connections.get(name or "")
        if spec is None:
            return self.ground
        stream = fitting[0].stream if fitting else None
        bound, _ = bind(spec, connectors(), _stand_in, reads=())
        if bound is None:
            # What else is wrong with the connection is told by `hub plan`; its zone is known all the same.
            return replace(self.ground, zone=str(spec.config.get("zone", ZONE)))
        return self.ground.of(bound, stream)


def _stand_in(source: str, name: str) -> str | None:
    """Secrets are of no concern here: a missing one is any word."""
    return os.environ.get(name) or "http://missing.invalid"


def place_of(directory: Directory) -> Place:
    """What a directory gives to a draft; its own mistakes keep nobody from trying one."""
    problems = list(directory.problems)
    kinds = read_specs(directory.files.get("kinds", {}), KindSpec, problems)
    good = {name: read.spec for name, read in kinds.items() if not [*check_kind(read.spec, {*OURS, *kinds}, None)]}
    connections = read_specs(directory.files.get("connections", {}), ConnectionSpec, problems)
    syncs = read_specs(directory.files.get("syncs", {}), SyncSpec, problems)
    return Place(
        Ground(shapes_of(good), texts_of(directory.texts())),
        {name: read.spec for name, read in connections.items()},
        {name: read.spec for name, read in syncs.items()},
        tuple(problems),
    )
