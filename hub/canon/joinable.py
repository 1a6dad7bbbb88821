"""May these two be joined, may this one be parted? If not, why, in a sentence that says what to do first."""

from collections.abc import Sequence

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity
from hub.canon.kinds import Kinds
from hub.canon.store import load

Pair = tuple[int, int]
"""Loser and winner."""


class CannotJoin(Exception):
    """It cannot be joined or parted as things stand; why and what to do first, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


async def both(conn: AsyncConnection, kinds: Kinds, kind: str, pair: Pair) -> tuple[Entity, Entity]:
    """The two, each of this kind and standing for itself."""
    loser, winner = pair
    if loser == winner:
        raise CannotJoin(f"{kind} {loser} is one already: name two", f"{kind} {loser} 是同一个业务对象：请指定两个")
    found = await load(conn, kinds, kind, pair) if kinds.get(kind) else {}
    for entity_id in pair:
        entity = found.get(entity_id)
        if entity is None:
            raise CannotJoin(f"there is no {kind} {entity_id}", f"没有编号为 {entity_id} 的 {kind}")
        if entity.joined_into is not None:
            raise CannotJoin(
                f"{kind} {entity_id} is joined into {entity.joined_into} already: name that one, or part it first",
                f"{kind} {entity_id} 已并入 {entity.joined_into}：请改用后者，或先拆回",
            )
    if found[winner].deleted:
        raise CannotJoin(
            f"{kind} {winner} is deleted: join it into {loser} instead", f"{kind} {winner} 已删除：请将它并入 {loser}"
        )
    return found[loser], found[winner]


_CLASH = text(
    """
    SELECT a.connection, a.stream, a.key AS loser_key, b.key AS winner_key,
      (SELECT string_agg(value, ', ' ORDER BY name) FROM link_name WHERE link_id = a.id) AS loser_names,
      (SELECT string_agg(value, ', ' ORDER BY name) FROM link_name WHERE link_id = b.id) AS winner_names
    FROM link a JOIN link b ON b.connection = a.connection AND b.stream = a.stream
    WHERE a.entity_id = :loser AND b.entity_id = :winner ORDER BY 1, 2 LIMIT 1
    """
)


async def check_links(conn: AsyncConnection, kind: str, pair: Pair) -> None:
    """An entity is at most one record of a stream."""
    found = (await conn.execute(_CLASH, {"loser": pair[0], "winner": pair[1]})).one_or_none()
    if found is None:
        return
    where = f"{found.connection}/{found.stream}"
    mine, other = _record(found.loser_key, found.loser_names), _record(found.winner_key, found.winner_names)
    raise CannotJoin(
        f"{where} has a record of each: {mine} is {kind} {pair[0]}, {other} is {kind} {pair[1]}. Let one of the two "
        f"records take over the other in {found.connection} first; until then they stay apart here",
        f"{where} 中两者各有一条记录：{mine} 对应 {kind} {pair[0]}，{other} 对应 {kind} {pair[1]}。"
        f"请先在 {found.connection} 中处理重复建档，在此之前无法并入",
    )


def _record(key: str, names: str | None) -> str:
    return f"{key} ({names})" if names else key


_IN_FLIGHT = text(
    """
    SELECT d.id, d.connection, d.stream, d.entity_id FROM delivery d
    WHERE d.change_id = 0 AND d.entity_id IN (:loser, :winner) AND d.state IN ('due', 'running', 'waiting', 'parked')
      AND (d.state = 'running' OR d.intent_at IS NOT NULL AND d.applied_version = 0)
      AND (d.entity_id = :loser OR EXISTS (SELECT 1 FROM link l WHERE l.entity_id = :loser
        AND l.connection = d.connection AND l.stream = d.stream))
    ORDER BY d.id LIMIT 1
    """
)


async def check_in_flight(conn: AsyncConnection, kind: str, pair: Pair) -> None:
    """A write whose outcome is open may bring an id in a moment: it must be known whose it is."""
    found = (await conn.execute(_IN_FLIGHT, {"loser": pair[0], "winner": pair[1]})).one_or_none()
    if found is not None:
        raise _in_flight(kind, found)


_RUNNING = text(
    """
    SELECT d.id, d.connection, d.stream, d.entity_id FROM delivery d
    JOIN link l ON l.connection = d.connection AND l.stream = d.stream AND l.entity_id = d.entity_id
    WHERE d.change_id = 0 AND d.state = 'running' AND l.id = ANY(:links) ORDER BY d.id LIMIT 1
    """
)


async def check_not_written(conn: AsyncConnection, kind: str, links: Sequence[int]) -> None:
    """None of these links is being written at this moment."""
    found = (await conn.execute(_RUNNING, {"links": list(links)})).one_or_none()
    if found is not None:
        raise _in_flight(kind, found)


def _in_flight(kind: str, found: Row[tuple[int, str, str, int]]) -> CannotJoin:
    where = f"{found.connection}/{found.stream}"
    return CannotJoin(
        f"{kind} {found.entity_id} is being written to {where}, and the outcome is not known yet: try again when "
        f"delivery {found.id} is settled, or dismiss it",
        f"{kind} {found.entity_id} 正在写入 {where}，结果尚未确定：请等投递 {found.id} 处理完毕后再试，或将其忽略",
    )


def not_joined(kind: str, entity_id: int) -> CannotJoin:
    return CannotJoin(
        f"{kind} {entity_id} is not joined into another: nothing to part",
        f"{kind} {entity_id} 未并入其他业务对象，无需拆回",
    )


def joined_further(kind: str, winner: int, into: int) -> CannotJoin:
    return CannotJoin(
        f"{kind} {winner} was itself joined into {into} since: part {winner} first",
        f"{kind} {winner} 之后又并入了 {into}：请先拆回 {winner}",
    )


def joined_along(kind: str, loser: int, parent: int) -> CannotJoin:
    return CannotJoin(
        f"{kind} {loser} was joined because {parent} was: part {parent}, and both come apart",
        f"{kind} {loser} 是随 {parent} 一起并入的：请拆回 {parent}，两者会一同恢复",
    )
