"""Entities: search, read with links, history, correct; and why a field has its value."""

from typing import Annotated

from fastapi import Query

from hub.api.asked import Correction, Entities, Joining, Listing, Parting
from hub.api.canonical import Change, Entity, EntityDetail, EntityLink, Explained, Step
from hub.api.models import Done, Page
from hub.api.paging import page
from hub.api.problems import ApiError, missing
from hub.api.v1.router import router
from hub.api.work import Asked, Work
from hub.canon import browse
from hub.canon.explain import explain, find_entities
from hub.canon.kinds import Kinds
from hub.sync import corrections, desk, joining
from hub.sync.provenance import path_of

routes = router("entities")
why = router("explain")


def _kinds(work: Work, kind: str) -> Kinds:
    kinds = work.configuration.kinds
    if kinds.get(kind) is None:
        raise ApiError(
            404,
            f"there is no kind {kind}; there are {', '.join(kinds)}",
            f"没有对象类型 {kind}，可用：{'、'.join(kinds)}",
        )
    return kinds


@routes.get("/{kind}", summary="List or search entities of a kind")
async def list_entities(work: Asked, kind: str, asked: Annotated[Entities, Query()]) -> Page[Entity]:
    """Newest first."""
    kinds, before = _kinds(work, kind), asked.before()
    if asked.q:
        found = sorted(await find_entities(work.conn, kinds, kind, asked.q), reverse=True)
        ids = [number for number in found if before is None or number < before]
    else:
        ids = await browse.newest(work.conn, kind, before, asked.limit)
    return page(Entity, await browse.entities(work.conn, kinds, kind, ids[: asked.limit]), asked.limit)


@routes.get("/{kind}/{entity_id}", summary="Read one entity")
async def read_entity(work: Asked, kind: str, entity_id: int) -> EntityDetail:
    """Its fields, its lines and what it is in every system."""
    rows = await browse.entities(work.conn, _kinds(work, kind), kind, [entity_id])
    if not rows:
        raise missing(kind, kind, entity_id)
    links = await browse.links(work.conn, entity_id)
    joined_into = await browse.joined_into(work.conn, entity_id)
    return EntityDetail(**rows[0], joined_into=joined_into, links=[EntityLink.model_validate(row) for row in links])


@routes.get("/{kind}/{entity_id}/changes", summary="History of an entity")
async def list_changes(work: Asked, kind: str, entity_id: int, asked: Annotated[Listing, Query()]) -> Page[Change]:
    """Its version steps, newest first."""
    _kinds(work, kind)
    rows = await browse.changes(work.conn, kind, entity_id, asked.before(), asked.limit)
    return page(Change, rows, asked.limit)


@routes.post("/{kind}/{entity_id}/correct", summary="Correct an entity")
async def correct_entity(work: Asked, kind: str, entity_id: int, correction: Correction) -> Done:
    """A change by you, whatever system maintains the field; it goes to every target."""
    _kinds(work, kind)
    wish = corrections.Wish(kind, entity_id, correction.values)
    made = await corrections.correct_entity(work.conn, work.configuration, wish, desk.Person(work.who, work.now))
    return Done(done=[] if made is None else [made])


@routes.post("/{kind}/{entity_id}/join", summary="Join an entity into another")
async def join_entity(work: Asked, kind: str, entity_id: int, wish: Joining) -> Done:
    """This one is that one; it keeps its row, and `part` undoes it. Answers the changes."""
    _kinds(work, kind)
    person = desk.Person(work.who, work.now)
    pair = (kind, entity_id, wish.into)
    return Done(done=[*await joining.join_entities(work.conn, work.configuration, pair, wish.reason, person)])


@routes.post("/{kind}/{entity_id}/part", summary="Undo a join")
async def part_entity(work: Asked, kind: str, entity_id: int, parting: Parting) -> Done:
    """The one that was joined stands for itself again. Answers the changes."""
    _kinds(work, kind)
    person = desk.Person(work.who, work.now)
    return Done(
        done=[*await joining.part_entity(work.conn, work.configuration, (kind, entity_id), parting.reason, person)]
    )


@why.get("/{kind}/{name}/{field}", summary="Why a field has its value")
async def explain_field(work: Asked, kind: str, name: str, field: str) -> Explained:
    """The proof chain of a field of the entity that is called `name`."""
    kinds = _kinds(work, kind)
    found = await find_entities(work.conn, kinds, kind, name)
    if not found:
        raise missing(kind, kind, name)
    if len(found) > 1:
        numbers = ", ".join(map(str, found))
        raise ApiError(409, f"several are called {name}: {numbers}; give the id", f"有多个 {name}：{numbers}，请用编号")
    try:
        answer = await explain(work.conn, kinds, found[0], field, path_of(work.configuration))
    except KeyError:
        raise missing(f"field of {kind}", f" {kind} 字段", field) from None
    return Explained(
        kind=answer.kind,
        entity_id=answer.entity_id,
        field=answer.field,
        value=answer.value,
        steps=[Step.model_validate(step) for step in answer.steps],
    )
