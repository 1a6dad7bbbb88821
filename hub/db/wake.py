"""Work came in: whoever turns the crank is told once the transaction has committed, however often it was said in it.

`wake` is how everybody rings. By what it is heard is the matter of `hub.jobs`: where it gave the database a bell that
works now (Redis), that is rung after the commit; else PostgreSQL's NOTIFY is part of it. A ring carries nothing and may
be lost: who listens looks by itself every second."""

from typing import Final, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

WORK: Final = "hub_work"
NOTIFY: Final = f"pg_notify('{WORK}', '')"
_RUNG: Final = "rung"
_NOTIFIES: Final = "notifies"


class Bell(Protocol):
    """A way to those who wait, beside the database."""

    def works(self) -> bool: ...

    def ring(self) -> None:
        """Never waits and never fails."""
        ...


def begin(conn: AsyncConnection, bell: Bell | None) -> None:
    """Nobody rang yet: a connection remembers the ring of a transaction that failed."""
    conn.info[_RUNG] = False
    conn.info[_NOTIFIES] = bell is None or not bell.works()


def notifies(conn: AsyncConnection) -> bool:
    """Is NOTIFY what this transaction rings by? A statement that is made anyway may then carry it."""
    return bool(conn.info[_NOTIFIES])


def wake(conn: AsyncConnection) -> None:
    """This transaction leaves work behind."""
    conn.info[_RUNG] = True


async def before_commit(conn: AsyncConnection) -> bool:
    """Is the bell to be rung once it is committed? Without one that works the commit itself tells."""
    if not conn.info[_RUNG]:
        return False
    if notifies(conn):
        await conn.execute(text(f"SELECT {NOTIFY}"))
    return not notifies(conn)
