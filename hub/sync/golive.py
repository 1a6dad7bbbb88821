"""Going live: a person has seen the forecast; what it says is owed, in the transaction that makes the sync live.

Deliveries are made of what differs, not of old changes: so nobody gets a message for what happened before."""

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Configuration
from hub.security import audit
from hub.sync.controls import act_on_sync
from hub.sync.desk import Person
from hub.sync.forecast import Forecast, forecast
from hub.sync.route import LIVE, owe_at


async def go_live(conn: AsyncConnection, configuration: Configuration, name: str, by: Person) -> Forecast:
    """What is owed from now on; a sync that is live already owes nothing more by this. Raises Unknown."""
    found = await forecast(conn, configuration, name)
    await act_on_sync(conn, name, "live", by.name, by.now)
    if found.sync.mode != LIVE:
        for toward in found.toward:
            await owe_at(conn, [{**row, "patient": True} for row in toward.owed], by.now)
        counts = {
            each.sync.name: {"creates": each.creates, "changes": each.changes, "ends": each.ends}
            for each in found.toward
        }
        await audit.record(conn, by.name, "sync.owed", name, counts)
    return found
