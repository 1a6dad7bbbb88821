"""What waits for a person, what ran, how much is where."""

from typing import Annotated

from fastapi import Query

from hub.api import asked as asking
from hub.api.asked import Listing, wrong_cursor
from hub.api.models import Page, Parked, Run, Status, WorkLeft
from hub.api.paging import listed, page
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import views

failed = router("failed")
runs = router("runs")
status = router("status")


@failed.get("", summary="List failed work")
async def list_failed(work: Asked, asked: Annotated[Listing, Query()]) -> Page[Parked]:
    """Everything parked: records, deliveries, bells and receipts, with class, sentence, field and owner."""
    rows = await views.failed(work.conn, after=_after(asked.cursor), limit=asked.limit)
    return page(Parked, rows, asked.limit, lambda row: f"{row['place']}-{row['id']}")


def _after(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, 0
    place, _, number = cursor.partition("-")
    if not (place.isdecimal() and number.isdecimal() and len(cursor) <= 20):
        raise wrong_cursor()
    return int(place), int(number)


@runs.get("", summary="List runs")
async def list_runs(work: Asked, asked: Annotated[asking.Runs, Query()]) -> Page[Run]:
    """Pulls that brought something, backfills, and what failed."""
    return await listed(work, "runs", Run, asked)


@status.get("", summary="Status")
async def read_status(work: Asked) -> Status:
    """How much is where; what is finished is not counted."""
    return Status(work=[WorkLeft.model_validate(row) for row in await views.work_left(work.conn)])
