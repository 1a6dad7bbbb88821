"""Deliveries with their attempts; retry, correct, dismiss."""

from typing import Annotated

from fastapi import Query

from hub.api import asked as asking
from hub.api.asked import Correction, Dismissal, Numbers
from hub.api.models import Attempt, Delivery, DeliveryDetail, Done, Page
from hub.api.paging import listed
from hub.api.problems import missing
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import corrections, desk, views

routes = router("deliveries")


@routes.get("", summary="List deliveries")
async def list_deliveries(work: Asked, asked: Annotated[asking.Deliveries, Query()]) -> Page[Delivery]:
    """What is owed to targets and people, newest first."""
    return await listed(work, "deliveries", Delivery, asked)


@routes.get("/{number}", summary="Read one delivery")
async def read_delivery(work: Asked, number: int) -> DeliveryDetail:
    """With its tries: requests and answers, without secrets."""
    row = await views.one(work.conn, "deliveries", number)
    if row is None:
        raise missing("delivery", "推送", number)
    tries = [Attempt.model_validate(tried) for tried in await views.attempts(work.conn, number)]
    return DeliveryDetail(**row, tries=tries)


@routes.post("/retry", summary="Retry deliveries")
async def retry_deliveries(work: Asked, numbers: Numbers) -> Done:
    """Those that are parked or waiting; answers which ones."""
    return Done(done=[*await desk.retry(work.conn, "delivery", numbers.ids, work.who, work.now)])


@routes.post("/absent", summary="Create again what is not there")
async def create_deliveries_again(work: Asked, numbers: Numbers) -> Done:
    """You looked: what was perhaps created is not there. Answers which ones are sent again."""
    return Done(done=[*await desk.create_again(work.conn, numbers.ids, work.who, work.now)])


@routes.post("/dismiss", summary="Dismiss deliveries")
async def dismiss_deliveries(work: Asked, dismissal: Dismissal) -> Done:
    """Settles this version alone: the next one is delivered again."""
    return Done(done=[*await desk.dismiss(work.conn, "delivery", dismissal.ids, dismissal.reason, work.who, work.now)])


@routes.post("/{number}/correct", summary="Correct what is delivered")
async def correct_delivery(work: Asked, number: int, correction: Correction) -> Done:
    """Changes the entity, as a change by you, and delivers it; answers the number of the change."""
    made = await corrections.correct_delivery(
        work.conn, work.configuration, number, correction.values, desk.Person(work.who, work.now)
    )
    return Done(done=[] if made is None else [made])
