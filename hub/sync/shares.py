"""What one engine may do of what all of them may do together: so many calls at once, so many in a time."""

import hashlib
import math
from collections.abc import Sequence

from hub.sdk.limiter import PATIENCE
from hub.sdk.manifest import Limit

CONCURRENCY = 16  # pushes at once per connection, where the manifest says nothing


def places(connection: str, limits: Sequence[Limit], me: str, others: Sequence[str]) -> int:
    """How many pushes to a connection this engine may have under way at once; 0: it leaves them to others.

    No more engines take part than calls may begin while one waits for its turn: the rest would only be told to come
    again. Who takes part is worked out by each for itself, from the connection's name and from who is at work."""
    most = min([CONCURRENCY, *(limit.concurrency for limit in limits if limit.concurrency)])
    all_ = sorted({me, *others})
    seats = min([len(all_), most, *(_at_once(limit) for limit in limits if limit.calls is not None)])
    chosen = sorted(all_, key=lambda engine: _lot(connection, engine))[:seats]
    if me not in chosen:
        return 0
    if most == CONCURRENCY:
        return most  # nobody said how many: it is each engine's own measure
    return most // seats + (chosen.index(me) < most % seats)


def cautious(limit: Limit, engines: int) -> Limit:
    """One engine's part of a limit when nobody counts for all of them."""
    calls, per = limit.calls, limit.per
    if calls is not None and calls < engines:
        calls, per = 1, per * engines / max(calls, 1)
    elif calls is not None:
        calls //= engines
    places_ = limit.concurrency and max(1, limit.concurrency // engines)
    return Limit(interface=limit.interface, calls=calls, per=per, concurrency=places_)


def _at_once(limit: Limit) -> int:
    assert limit.calls is not None
    return max(1, math.ceil(limit.calls * PATIENCE / limit.per))


def _lot(connection: str, engine: str) -> bytes:
    return hashlib.sha256(f"{connection} {engine}".encode()).digest()
