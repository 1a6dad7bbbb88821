"""A mapping draft tried on one record or entity that we know, before it is published; nothing is written."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import Link, links_by_entity, links_by_key
from hub.canon.store import load
from hub.config.connection import Bound
from hub.config.force import files_in_force
from hub.config.ground import Ground, texts_of
from hub.config.runtime import Configuration
from hub.config.shipped import Text, mapping_name
from hub.mapping import CompiledMapping, Problem
from hub.mapping.shape import Record
from hub.mapping.tryout import Tried, Way, try_entity, try_record
from hub.sync import views
from hub.sync.controls import Unknown
from hub.sync.desk import DeskError, NotThere
from hub.sync.prepare import as_called


@dataclass(frozen=True, slots=True)
class Asked:
    """What a draft is to be tried on: a record given, one that arrived (inbox id), one that is known (key of a link in
    connection and stream), or an entity. `way`: in for a record, out for an entity, both for a link, unless said."""

    draft: str
    connection: str | None = None
    stream: str | None = None
    way: Way | None = None
    record: Record | None = None
    inbox: int | None = None
    key: str | None = None
    entity: int | None = None
    creating: bool | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """`waits`: the (connection, kind, id) that must be known there before the entity can be written."""

    mapping: CompiledMapping | None
    problems: tuple[Problem, ...]
    tried: Tried | None = None
    waits: tuple[str, str, int] | None = None


async def preview(conn: AsyncConnection, configuration: Configuration, asked: Asked) -> Preview:
    """The draft's problems, all of them; and where it compiles, what it makes of the record or the entity."""
    name = mapping_name(asked.draft)
    subject = await _subject(conn, configuration, asked, name)
    bound = _bound(configuration, subject.connection)
    ground = (await ground_in_force(conn, configuration)).of(bound, subject.stream)
    mapping, problems = ground.tried(Text(name or "draft", asked.draft))
    if mapping is None:
        return Preview(None, problems)
    if subject.entity is None or asked.way == "in":
        tried = None if subject.record is None else try_record(mapping, subject.record, asked.way or "in")
        return Preview(mapping, problems, tried)
    return replace(await _entity(conn, configuration, mapping, asked, subject), problems=problems)


async def ground_in_force(conn: AsyncConnection, configuration: Configuration) -> Ground:
    """The files in force, over those we ship."""
    return Ground(configuration.kinds, texts_of(await files_in_force(conn)))


@dataclass(frozen=True, slots=True)
class _Subject:
    """What the draft is tried on. `record`: of a link the last known one."""

    connection: str | None
    stream: str | None
    record: Record | None = None
    link: Link | None = None
    entity: int | None = None


async def _subject(conn: AsyncConnection, configuration: Configuration, asked: Asked, mapping: str | None) -> _Subject:
    if asked.inbox is not None:
        row = await views.one(conn, "inbox", asked.inbox)
        if row is None:
            raise NotThere("inbox", asked.inbox)
        return _Subject(row["connection"], row["stream"], row["record"])
    bound = (sync for sync in configuration.syncs.values() if sync.spec.mapping == mapping)
    fitting = [sync for sync in bound if asked.connection in (None, sync.connection)]
    connection = asked.connection or (fitting[0].connection if fitting else None)
    stream = asked.stream or (fitting[0].stream if fitting else None)
    if asked.record is not None or (asked.key is None and asked.entity is None):
        return _Subject(connection, stream, asked.record)
    if connection is None:
        raise DeskError(
            "say which connection it is for: no sync uses this mapping yet",
            "请写明连接 connection：还没有同步任务使用该映射",
        )
    if asked.key is not None:
        links = await links_by_key(conn, connection, stream or "", [asked.key])
        if asked.key not in links:
            raise Unknown(
                f"{connection} has no record {asked.key} in {stream or 'that stream'} that we know",
                f"{connection} 的 {stream or '该接口对象'} 中没有已知的记录 {asked.key}",
            )
        link = links[asked.key]
        return _Subject(connection, stream, link.known, link, link.entity_id)
    found = (await links_by_entity(conn, connection, stream or "", [asked.entity or 0])).get(asked.entity or 0)
    return _Subject(connection, stream, found.known if found else None, found, asked.entity)


def _bound(configuration: Configuration, connection: str | None) -> Bound | None:
    """The connection as far as it can be used; one that nobody knows is an error."""
    broken = configuration.broken.get(f"connection {connection}")
    if connection is None or broken is not None:
        return None
    if connection not in configuration.connections:
        raise Unknown(f"there is no connection {connection}", f"没有连接 {connection}")
    return configuration.connections[connection]


async def _entity(
    conn: AsyncConnection, configuration: Configuration, mapping: CompiledMapping, asked: Asked, subject: _Subject
) -> Preview:
    number, link = subject.entity or 0, subject.link
    entities = await load(conn, configuration.kinds, mapping.kind, [number])
    if number not in entities:
        raise NotThere(mapping.kind, number)
    links = {number: link} if link else {}
    named = (await as_called(conn, subject.connection or "", mapping, entities, links))[number]
    way = asked.way or ("both" if asked.key is not None else "out")
    if isinstance(named, tuple):
        tried = None if subject.record is None or way == "out" else try_record(mapping, subject.record)
        return Preview(mapping, (), tried, waits=named)
    return Preview(mapping, (), try_entity(mapping, named, subject.record, way, asked.creating))
