"""Drifts: where two systems differ although nothing is under way, and what a person does about them."""

from typing import Annotated

from fastapi import Query

from hub.api import asked as asking
from hub.api.models import Done, Drift, Page
from hub.api.paging import page
from hub.api.problems import missing
from hub.api.v1.router import router
from hub.api.work import Asked, Work
from hub.sync import drift_desk
from hub.sync.desk import Person
from hub.sync.drift_desk import Chosen

routes = router("drifts")


@routes.get("", summary="List drifts")
async def list_drifts(work: Asked, asked: Annotated[asking.Drifts, Query()]) -> Page[Drift]:
    """Those that are open or under repair, unless a state is asked for."""
    rows = await drift_desk.standing(work.conn, asked.filters(), before=asked.before(), limit=asked.limit)
    return page(Drift, rows, asked.limit)


@routes.get("/{number}", summary="Read one drift")
async def read_drift(work: Asked, number: int) -> Drift:
    """By field: the value here, the value there, who owns it, where a repair goes."""
    row = await drift_desk.one(work.conn, number)
    if row is None:
        raise missing("drift", "差异", number)
    return Drift.model_validate(row)


@routes.post("/repair", summary="Repair drifts")
async def repair_drifts(work: Asked, wanted: asking.DriftRepair) -> Done:
    """Towards who owns the fields; a drift closes when both sides were found to agree."""
    done = await drift_desk.repair(work.conn, work.configuration, _chosen(wanted), wanted.choice, _by(work))
    return Done(done=list(done))


@routes.post("/dismiss", summary="Dismiss drifts")
async def dismiss_drifts(work: Asked, wanted: asking.DriftDismissal) -> Done:
    """These differences, just as they are, are to stay; another one of the same record is told again."""
    return Done(done=list(await drift_desk.dismiss(work.conn, _chosen(wanted), wanted.reason, _by(work))))


def _chosen(wanted: asking.ChosenDrifts) -> Chosen:
    return Chosen(wanted.ids, wanted.sync, wanted.what)


def _by(work: Work) -> Person:
    return Person(work.who, work.now)
