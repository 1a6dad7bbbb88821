"""The configuration in force, put together for the engine: connections bound, mappings compiled."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.kinds import Kinds
from hub.config.catalogue import connectors
from hub.config.connection import Bound, bind
from hub.config.model import ConnectionSpec, SyncSpec, read_streams
from hub.config.problem import Flaw, Problem, dotted
from hub.config.stored import Stored, StoredSync, read_stored
from hub.mapping import CompiledMapping, ExpressionError, MappingError, compile_expression, compile_mapping
from hub.sdk.connector import ConnectionConfig, Connector
from hub.security.secrets import Lookup

__all__ = ["Bound", "BoundSync", "Configuration", "load_configuration"]

Test = Callable[[Any], Any]
_ZONE = str(ConnectionConfig.model_fields["zone"].default)


@dataclass(frozen=True, slots=True)
class BoundSync:
    """A sync ready for work. `when`: the compiled filter of its push or its message."""

    name: str
    connection: str
    stream: str
    kind: str
    spec: SyncSpec
    mode: str
    mapping: CompiledMapping | None
    mapping_version: int | None
    when: Test | None

    @property
    def reads(self) -> bool:
        return self.spec.reads

    @property
    def writes(self) -> bool:
        return self.spec.writes

    @property
    def is_message(self) -> bool:
        return self.spec.is_message


class Configuration:
    """Everything the engine asks of the configuration. What cannot be used is left out and told in `broken`,
    by `connection NAME` or `sync NAME`."""

    def __init__(self, stored: Stored) -> None:
        self.kinds: Kinds = stored.shapes()
        self.connections: dict[str, Bound] = {}
        self.syncs: dict[str, BoundSync] = {}
        self.broken: dict[str, Problem] = {}
        self._stored = stored
        self._compiled: dict[tuple[str, int, str], CompiledMapping] = {}

    def inbound(self, connection: str, stream: str) -> BoundSync | None:
        """The one sync that reads this stream."""
        found = (sync for sync in self._of(connection) if sync.stream == stream and sync.reads)
        return next(found, None)

    def readers(self) -> tuple[BoundSync, ...]:
        """Every sync that reads."""
        return tuple(sync for sync in self.syncs.values() if sync.reads)

    def outbound(self, kind: str) -> tuple[BoundSync, ...]:
        """The syncs that write records of this kind."""
        return tuple(sync for sync in self.syncs.values() if sync.kind == kind and sync.writes)

    def messages(self, kind: str) -> tuple[BoundSync, ...]:
        """The syncs that tell people of this kind."""
        return tuple(sync for sync in self.syncs.values() if sync.kind == kind and sync.is_message)

    def target(self, connection: str, kind: str) -> BoundSync | None:
        """The sync that writes this kind to this connection."""
        return next((sync for sync in self._of(connection) if sync.kind == kind and sync.writes), None)

    def stream_of(self, connection: str, kind: str) -> str | None:
        """The stream of this connection that holds this kind, read or written."""
        found = (sync.stream for sync in self._of(connection) if sync.kind == kind and not sync.is_message)
        return next(found, None)

    def mapping(self, name: str, version: int, connection: str | None = None) -> CompiledMapping:
        """Any version ever used, read with the zone of the connection; KeyError when there is no such version."""
        zone = self._zone(name, connection)
        key = (name, version, zone)
        if key not in self._compiled:
            stored = self._stored.mappings[name, version]
            self._compiled[key] = compile_mapping(
                stored.body,
                kinds=self.kinds.get,
                file=f"{name} v{version}",
                zone=zone,
                load=stored.load,
                table=stored.table,
            )
        return self._compiled[key]

    def owners(self, kind: str) -> Mapping[str, str | list[str]]:
        """Field -> who may set it; a field that is absent belongs to the entity's creator."""
        return self._stored.owners.get(kind, {})

    def _of(self, connection: str) -> Iterable[BoundSync]:
        return (sync for sync in self.syncs.values() if sync.connection == connection)

    def _zone(self, mapping: str, connection: str | None) -> str:
        if connection is None:
            named = (sync.connection for sync in self.syncs.values() if sync.spec.mapping == mapping)
            connection = next(named, None)
        bound = self.connections.get(connection or "")
        return bound.config.zone if bound else _ZONE


async def load_configuration(
    conn: AsyncConnection, lookup: Lookup, catalogue: Mapping[str, Connector] | None = None
) -> Configuration:
    """The configuration in force now. One broken connection or sync never keeps the others from working."""
    stored = await read_stored(conn)
    configuration = Configuration(stored)
    specs = {name: SyncSpec.model_validate(sync.spec) for name, sync in sorted(stored.syncs.items())}
    for name, raw in sorted(stored.connections.items()):
        spec = ConnectionSpec.model_validate(raw)
        reads = read_streams(specs.values(), name)
        bound, flaws = bind(spec, connectors() if catalogue is None else catalogue, lookup, reads=reads)
        if bound is None:
            configuration.broken[f"connection {name}"] = _problem(flaws)
        else:
            configuration.connections[name] = bound
    active = {name: found.version for name, found in stored.active().items()}
    for name, sync_spec in specs.items():
        found = _sync(stored.syncs[name], sync_spec, active, configuration)
        if isinstance(found, Problem):
            configuration.broken[f"sync {name}"] = found
        else:
            configuration.syncs[name] = found
    return configuration


def _sync(
    row: StoredSync, spec: SyncSpec, active: Mapping[str, int], configuration: Configuration
) -> BoundSync | Problem:
    connection = configuration.connections.get(row.connection)
    if connection is None:
        flaw = Flaw(
            ("connection",),
            f"its connection {row.connection} cannot be used; correct that first",
            f"它的连接 {row.connection} 不可用：请先更正该连接",
        )
        return _problem([flaw])
    if row.stream not in connection.streams:
        flaw = Flaw(
            ("stream",),
            f"connection {row.connection} has no stream {row.stream} any more; correct the sync",
            f"连接 {row.connection} 已没有接口对象 {row.stream}：请更正该同步任务",
        )
        return _problem([flaw])
    version = active.get(spec.mapping) if spec.mapping else None
    try:
        mapping = configuration.mapping(spec.mapping, version, row.connection) if spec.mapping and version else None
        condition = spec.message.when if spec.message else spec.push.when
        when = compile_expression(condition) if condition is not None else None
    except MappingError as error:
        first = error.problems[0]
        return Problem(first.file, first.line, first.path, first.sentence_en, first.sentence_zh)
    except ExpressionError as error:
        return _problem([Flaw(("when",), f"its filter cannot be used: {error}", f"它的筛选条件不可用：{error.zh}")])
    return BoundSync(row.name, row.connection, row.stream, row.kind, spec, row.mode, mapping, version, when)


def _problem(flaws: list[Flaw]) -> Problem:
    """The first flaw; a connection or sync in force stands in no file."""
    flaw = flaws[0]
    return Problem("", 0, dotted(flaw.path), flaw.en, flaw.zh)
