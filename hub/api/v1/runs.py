"""Runs: what ran, what is held, and a person's word on it."""

from typing import Annotated

from fastapi import Query

from hub.api import asked as asking
from hub.api.asked import Reason
from hub.api.models import Done, Page, Run, RunDetail
from hub.api.paging import listed
from hub.api.problems import missing
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import bulk, holding, tombstones, views
from hub.sync.desk import Person

routes = router("runs")


@routes.get("", summary="List runs")
async def list_runs(work: Asked, asked: Annotated[asking.Runs, Query()]) -> Page[Run]:
    """Pulls that brought something, backfills, re-mappings, and what failed or is held."""
    return await listed(work, "runs", Run, asked)


@routes.get("/{number}", summary="Read one run")
async def read_run(work: Asked, number: int) -> RunDetail:
    """With what it would change: counts by field, examples."""
    row = await views.one(work.conn, "runs", number)
    if row is None:
        raise missing("run", "执行", number)
    return RunDetail.model_validate(row)


@routes.post("/{number}/confirm", summary="Confirm a held run")
async def confirm_run(work: Asked, number: int) -> Done:
    """It goes on."""
    await holding.confirm(work.conn, number, work.who, work.now)
    return Done(done=[number])


@routes.post("/{number}/undo", summary="Undo a run's deletes")
async def undo_run(work: Asked, number: int) -> Done:
    """Its tombstones are lifted, and what targets were told of them is taken back."""
    await tombstones.undo(work.conn, work.configuration, number, work.who, work.now)
    return Done(done=[number])


@routes.post("/{number}/stop", summary="Stop a run")
async def stop_run(work: Asked, number: int) -> Done:
    """An act on failed work does no further batch; what was done stays done."""
    await bulk.stop(work.conn, number, Person(work.who, work.now))
    return Done(done=[number])


@routes.post("/{number}/dismiss", summary="Dismiss a held run")
async def dismiss_run(work: Asked, number: int, wanted: Reason) -> Done:
    """What it would have changed stays as it is."""
    await holding.dismiss(work.conn, number, wanted.reason, work.who, work.now)
    return Done(done=[number])
