"""A connection tried on a person's word: one cheap authenticated read."""

from hub.config.connection import Bound
from hub.sdk.errors import ConnectorError
from hub.sync.outward import Outward
from hub.sync.policy import Failure, failure_of


async def probe_connection(outward: Outward, bound: Bound) -> Failure | None:
    """None when it answers and accepts our credentials."""
    outward.forget_tokens(bound.name)
    try:
        await bound.connector.probe(outward.context(bound))
    except ConnectorError as error:
        return failure_of(error)
    return None
