"""Everything that can be wrong with a configuration directory, found before anything is written."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from hub.canon.kinds import Kinds
from hub.config.channels import channel_flaws
from hub.config.connection import Bound, bind
from hub.config.declared import check_kind, shapes_of
from hub.config.directory import Directory
from hub.config.document import Document, stem
from hub.config.draft import Draft
from hub.config.model import ConnectionSpec, KindSpec, OwnerSpec, SyncSpec, read_streams
from hub.config.problem import Flaw, Problem
from hub.config.shipped import Text, mapping_name
from hub.config.specs import Read, read_specs
from hub.config.sync import form_flaws, mapping_flaws, message_flaws, stream_flaws
from hub.config.texts import MappingText, Noted, Texts, compiled, told
from hub.db.kinds import OURS
from hub.mapping import CompiledMapping, MappingError, round_trip, run_tests
from hub.mapping.faults import Findings, near
from hub.mapping.lines import walk
from hub.mapping.tables import parse_table
from hub.sdk.connector import ConnectionConfig, Connector
from hub.security.secrets import Lookup

_ZONE = str(ConnectionConfig.model_fields["zone"].default)


@dataclass(slots=True)
class _Ground:
    """What the checks of one directory share."""

    kinds: Kinds
    texts: Texts
    bound: dict[str, Bound] = field(default_factory=dict)
    connections: set[str] = field(default_factory=set)
    mappings: dict[str, MappingText] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    tried: dict[tuple[str, str, str], CompiledMapping | None] = field(default_factory=dict)

    def tell(self, document: Document, flaws: Iterable[Flaw]) -> bool:
        """Note the flaws; True when there were any."""
        found = [document.problem(flaw) for flaw in flaws]
        self.problems += found
        return bool(found)


def check(
    directory: Directory,
    current: Kinds,
    catalogue: Mapping[str, Connector],
    lookup: Lookup,
    beside: Collection[str] = (),
) -> tuple[Draft, list[Problem]]:
    """The draft and every problem of the directory, by file and line. Apply a draft only without problems.
    `beside` are connections that exist although the directory, a part of a whole one, does not have them."""
    problems = list(directory.problems)
    files = {folder: directory.files.get(folder, {}) for folder in ("connections", "syncs", "owners", "kinds")}
    kinds = _kinds(read_specs(files["kinds"], KindSpec, problems), current, problems)
    ground = _Ground(shapes_of(kinds), _texts(directory, problems), problems=problems)
    syncs = read_specs(files["syncs"], SyncSpec, problems)
    connections = read_specs(files["connections"], ConnectionSpec, problems)
    ground.connections |= {stem(file) for file in files["connections"]} | {*beside}  # a broken file is told once
    _bind_all(connections, syncs, catalogue, lookup, ground)
    sync_kinds = _syncs(syncs, ground)
    _unused_mappings(ground)
    owners = read_specs(files["owners"], OwnerSpec, problems)
    _owners(owners, ground)
    draft = Draft(
        connections={name: read.spec for name, read in connections.items()},
        mappings=ground.mappings,
        syncs={name: read.spec for name, read in syncs.items() if name in sync_kinds},
        sync_kinds=sync_kinds,
        owners={name: read.spec for name, read in owners.items()},
        kinds=kinds,
        files=directory.texts(),
    )
    return draft, sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.path))


def _kinds(reads: dict[str, Read[KindSpec]], current: Kinds, problems: list[Problem]) -> dict[str, KindSpec]:
    names = {*OURS, *reads}
    good: dict[str, KindSpec] = {}
    for name, read in reads.items():
        flaws = list(check_kind(read.spec, names, current.own.get(name)))
        problems += [read.document.problem(flaw) for flaw in flaws]
        if not flaws:
            good[name] = read.spec
    return good


def _texts(directory: Directory, problems: list[Problem]) -> Texts:
    own: dict[str, Text] = {}
    for file, text in directory.files.get("mappings", {}).items():
        name = mapping_name(text)
        if name is None:
            problems.append(Problem(file, 1, "mapping", "mapping is missing; name it", "缺少 mapping：请写名称"))
        elif name in own:
            en, zh = f"mapping {name} also stands in {own[name].file}; keep one", f"映射 {name} 已写在 {own[name].file}"
            problems.append(Problem(file, 1, "mapping", en, zh))
        else:
            own[name] = Text(file, text)
    tables = {stem(file): Text(file, text) for file, text in directory.files.get("tables", {}).items()}
    problems += (problem for name, table in tables.items() for problem in _table_problems(name, table))
    return Texts(own, tables)


def _table_problems(name: str, table: Text) -> list[Problem]:
    """What is wrong with a look-up table whoever uses it."""
    findings = Findings()
    try:
        parse_table(table.text, table.file, name, findings)
    except MappingError as error:
        return list(map(told, error.problems))
    return list(map(told, findings.problems))


def _bind_all(
    connections: dict[str, Read[ConnectionSpec]],
    syncs: dict[str, Read[SyncSpec]],
    catalogue: Mapping[str, Connector],
    lookup: Lookup,
    ground: _Ground,
) -> None:
    specs = [read.spec for read in syncs.values()]
    for name, read in connections.items():
        reads = read_streams(specs, name)
        bound, flaws = bind(read.spec, catalogue, lookup, reads=reads)
        ground.tell(read.document, flaws)
        if bound is not None:
            ground.bound[name] = bound
    for read in connections.values():
        ground.tell(read.document, channel_flaws(read.spec, ground.connections, ground.bound))


def _syncs(syncs: dict[str, Read[SyncSpec]], ground: _Ground) -> dict[str, str]:
    """Sync -> its kind, of those that can be used."""
    readers: dict[tuple[str, str], str] = {}
    kinds: dict[str, str] = {}
    for name, read in syncs.items():
        spec = read.spec
        kind = _sync(read, ground)
        if kind is not None:
            kinds[name] = kind
        if spec.reads:
            first = readers.setdefault((spec.connection, spec.stream), name)
            if first != name:
                en = f"sync {first} already reads {spec.stream} of {spec.connection}; one stream is read once"
                zh = f"同步任务 {first} 已读取 {spec.connection} 的 {spec.stream}：一个接口对象只读一次"
                ground.tell(read.document, [Flaw(("stream",), en, zh)])
    return kinds


def _sync(read: Read[SyncSpec], ground: _Ground) -> str | None:
    spec, document = read.spec, read.document
    if ground.tell(document, form_flaws(spec)):
        return None
    bound = ground.bound.get(spec.connection)
    if bound is None:
        if spec.connection not in ground.connections:
            ground.tell(document, [_unknown("connection", "连接", spec.connection, ground.connections)])
    elif ground.tell(document, stream_flaws(spec, bound)):
        bound = None
    if spec.message is not None:
        return None if ground.tell(document, message_flaws(spec.message, ground.kinds)) else spec.message.kind
    mapping = _mapping(str(spec.mapping), bound, spec.stream, document, ground)
    if mapping is None or ground.tell(document, mapping_flaws(spec, mapping, ground.kinds.shape(mapping.kind))):
        return None
    return mapping.kind


def _unknown(word: str, word_zh: str, name: str, known: Iterable[str]) -> Flaw:
    zh, en = near(name, known)
    return Flaw((word,), f"there is no {word} {name}{en}", f"没有{word_zh} {name}{zh}")


def _mapping(
    name: str, bound: Bound | None, stream: str, document: Document, ground: _Ground
) -> CompiledMapping | None:
    text = ground.texts.get(name)
    if text is None:
        ground.tell(document, [_unknown("mapping", "映射", name, ground.texts.names())])
        return None
    key = (name, bound.name, stream) if bound else (name, "", "")
    if key not in ground.tried:
        schema = bound.streams[stream].schema if bound else None
        ground.tried[key] = _compile(text, ground, bound.config.zone if bound else _ZONE, schema or None)
    return ground.tried[key]


def _compile(text: Text, ground: _Ground, zone: str, schema: Mapping[str, str] | None) -> CompiledMapping | None:
    noted = Noted(ground.texts)
    try:
        mapping = compiled(text, noted, ground.kinds, zone, schema)
    except MappingError as error:
        ground.problems += map(told, error.problems)
        return None
    failed = run_tests(mapping) + round_trip(mapping)
    ground.problems += map(told, failed)
    if failed:
        return None
    if unknown := list(_unknown_systems(mapping, ground.connections)):
        ground.problems += unknown
        return None
    found = MappingText(mapping.name, mapping.kind, mapping.digest, text.text, text.file, noted.used)
    ground.mappings[mapping.name] = found
    return mapping


def _unknown_systems(mapping: CompiledMapping, connections: Collection[str]) -> Iterable[Problem]:
    """References by the names of a system that there is no connection to."""
    for name, line in walk(mapping.lines):
        system = line.ref[2]
        if system and system not in connections:
            zh, en = near(system, connections)
            said = f"there is no connection {system}{en}", f"没有连接 {system}{zh}"
            yield Problem(*line.where, f"fields.{name}.system", *said)


def _unused_mappings(ground: _Ground) -> None:
    """A file that no sync uses yet is checked all the same, without a stream."""
    used = {name for name, _, _ in ground.tried}
    for name, text in ground.texts.own.items():
        if name not in used:
            ground.tried[name, "", ""] = _compile(text, ground, _ZONE, None)


def _owners(owners: dict[str, Read[OwnerSpec]], ground: _Ground) -> None:
    for read in owners.values():
        shape = ground.kinds.get(read.spec.kind)
        if shape is None:
            ground.tell(read.document, [_unknown("kind", "对象类型", read.spec.kind, ground.kinds)])
            continue
        for field_name, rule in read.spec.rules().items():
            if field_name.partition(".")[0] not in shape.fields:
                zh, en = near(field_name, shape.fields)
                flaw = Flaw(
                    ("fields", field_name),
                    f"kind {shape.kind} has no field {field_name}{en}",
                    f"对象类型 {shape.kind} 没有字段 {field_name}{zh}",
                )
                ground.tell(read.document, [flaw])
            ground.tell(read.document, _rule_flaws(field_name, rule, ground.connections))


def _rule_flaws(field_name: str, rule: str | list[str], connections: set[str]) -> Iterable[Flaw]:
    for name in rule if isinstance(rule, list) else ():
        if name not in connections:
            zh, en = near(name, {*connections, "hub", "latest"})
            yield Flaw(
                ("fields", field_name),
                f"there is no connection {name}{en}; a rule is hub, latest, or connections by rank",
                f"没有连接 {name}{zh}；规则只能是 hub、latest 或按顺序的连接",
            )
