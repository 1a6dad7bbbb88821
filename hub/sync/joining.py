"""Two entities found to be one, and that undone, on a person's word; on record like every act of the desk."""

import uuid

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.join import Join, join
from hub.canon.part import Part, part
from hub.config.runtime import Configuration
from hub.db.wake import wake
from hub.security import audit
from hub.sync.desk import Person
from hub.sync.engine import match_sets


async def join_entities(
    conn: AsyncConnection, configuration: Configuration, pair: tuple[str, int, int], reason: str, by: Person
) -> list[int]:
    """`pair`: kind, loser, winner. Returns the changes, the winner's first; raises CannotJoin."""
    kind, loser, winner = pair
    wish = Join(kind, loser, winner, by.name, reason, _correlation())
    changes = await join(conn, configuration.kinds, wish, match_sets(configuration), by.now)
    await _said(conn, by, f"{kind}.join", f"{loser} into {winner}", reason)
    return changes


async def part_entity(
    conn: AsyncConnection, configuration: Configuration, loser: tuple[str, int], reason: str, by: Person
) -> list[int]:
    """`loser`: kind and id. It stands for itself again; raises CannotJoin."""
    kind, number = loser
    wish = Part(kind, number, by.name, reason, _correlation())
    changes = await part(conn, configuration.kinds, wish, match_sets(configuration), by.now)
    await _said(conn, by, f"{kind}.part", str(number), reason)
    return changes


def _correlation() -> str:
    return f"person-{uuid.uuid4().hex}"


async def _said(conn: AsyncConnection, by: Person, act: str, what: str, reason: str) -> None:
    await audit.record(conn, by.name, act, what, {"reason": reason})
    wake(conn)
