"""Syncs: list, and what a person does to them."""

from hub.api.first_day import Forecast
from hub.api.models import Asked as RunAsked
from hub.api.models import Done, Page, Sync
from hub.api.paging import page
from hub.api.v1.router import router
from hub.api.work import Asked, Work
from hub.sync import controls, drift_desk, golive, views
from hub.sync.desk import Person
from hub.sync.forecast import forecast

routes = router("syncs")


@routes.get("", summary="List syncs")
async def list_syncs(work: Asked) -> Page[Sync]:
    """All syncs with health, mode, cursor and lag."""
    rows = await views.syncs(work.conn)
    return page(Sync, rows, len(rows) + 1)


async def _act(work: Work, name: str, act: controls.SyncAct) -> Done:
    await controls.act_on_sync(work.conn, name, act, work.who, work.now)
    return Done(done=[name])


@routes.post("/{name}/run", summary="Run a sync now")
async def run_sync(work: Asked, name: str) -> Done:
    """Its next pull is due at once."""
    return await _act(work, name, "run")


@routes.post("/{name}/backfill", summary="Read everything again")
async def backfill_sync(work: Asked, name: str) -> Done:
    """Forgets the cursor; what is unchanged does nothing, and nobody gets messages."""
    return await _act(work, name, "backfill")


@routes.post("/{name}/accept", summary="Accept a changed schema")
async def accept_sync(work: Asked, name: str) -> Done:
    """The source's records are taken as they look now; a pause for their sake ends."""
    await controls.accept_schema(work.conn, name, work.who, work.now)
    return Done(done=[name])


@routes.post("/{name}/observe", summary="Observe")
async def observe_sync(work: Asked, name: str) -> Done:
    """It reads, maps and matches, and owes nothing."""
    return await _act(work, name, "observe")


@routes.post("/{name}/live", summary="Go live")
async def live_sync(work: Asked, name: str) -> Done:
    """From now on what it reads and writes counts; what its forecast says is owed, and nobody gets messages for it."""
    await golive.go_live(work.conn, work.configuration, name, Person(work.who, work.now))
    return Done(done=[name])


@routes.get("/{name}/forecast", summary="What would happen if it went live")
async def forecast_sync(work: Asked, name: str) -> Forecast:
    """Linked, to create and to change by field with examples, and the questions that wait for a person."""
    found = await forecast(work.conn, work.configuration, name)
    return Forecast.model_validate(found.told())


@routes.post("/{name}/pause", summary="Pause a sync")
async def pause_sync(work: Asked, name: str) -> Done:
    """It neither reads nor writes until it observes or is live again."""
    return await _act(work, name, "pause")


@routes.post("/{name}/reconcile", summary="Compare both sides")
async def reconcile_sync(work: Asked, name: str) -> RunAsked:
    """A run that reads the other side and compares; what differs is listed as drifts."""
    person = Person(work.who, work.now)
    return RunAsked(run=await drift_desk.reconcile_now(work.conn, work.configuration, name, person))
