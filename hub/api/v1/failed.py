"""Failed work: in one list and by cause; retry, correct or dismiss a selection or a whole group as one run."""

from typing import Annotated

from fastapi import Query

from hub.api import asked as asking
from hub.api.asked import wrong_cursor
from hub.api.models import Assigned, FailedGroup, GroupHistory, Page, Parked, Run
from hub.api.paging import page
from hub.api.problems import missing
from hub.api.v1.router import router
from hub.api.work import Asked, Work
from hub.sync import assigning, bulk, desk, groups, reapply, views
from hub.sync.assigning import Office, Word
from hub.sync.bulk import Act
from hub.sync.desk import Person
from hub.sync.edits import Edit

routes = router("failed")
windows = router("reapply")


@routes.get("", summary="List failed work")
async def list_failed(work: Asked, asked: Annotated[asking.Failed, Query()]) -> Page[Parked]:
    """Everything parked: records, deliveries, bells and receipts, with class, sentence, field and owner; and the runs
    that are held."""
    after = _after(asked.cursor)
    rows = await groups.failed(work.conn, group=asked.group, owner=asked.owner, after=after, limit=asked.limit)
    return page(Parked, rows, asked.limit, lambda row: f"{row['place']}-{row['id']}")


def _after(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    place, _, number = cursor.partition("-")
    if not (place.isdecimal() and number.isdecimal() and len(cursor) <= 20):
        raise wrong_cursor()
    return int(place), int(number)


@routes.get("/groups", summary="Failed work by cause")
async def list_groups(work: Asked, asked: Annotated[asking.Groups, Query()]) -> Page[FailedGroup]:
    """One row per connection, stream, class, field and shape of the sentence, the largest first; at most 500."""
    rows = await groups.groups(work.conn, owner=asked.owner)
    return page(FailedGroup, rows, len(rows) + 1)


@routes.get("/groups/{group}/history", summary="What was done to a group")
async def read_history(work: Asked, group: str) -> Page[GroupHistory]:
    """Acts and assignments, newest first."""
    rows = await groups.history(work.conn, group)
    return page(GroupHistory, rows, len(rows) + 1)


@routes.post("/groups/{group}/assign", summary="Assign a group")
async def assign_group(work: Asked, group: str, asked: asking.Assignment) -> Assigned:
    """Whose turn it is, also for what joins the group later; an empty owner gives it back to the connection's. Who is
    assigned gets one message."""
    done = await assigning.assign_group(work.conn, group, _word(asked), _office(work))
    return Assigned(done=[*done.done], told=[*done.told])


@routes.post("/assign", summary="Assign single rows")
async def assign_rows(work: Asked, asked: asking.RowAssignment) -> Assigned:
    """Whose turn these are; an empty owner gives them back. Who is assigned gets one message."""
    done = await assigning.assign_rows(work.conn, asked.what, asked.ids, _word(asked), _office(work))
    return Assigned(done=[*done.done], told=[*done.told])


@routes.get("/{what}/{number}/history", summary="Who had it")
async def read_row_history(work: Asked, what: desk.What, number: int) -> Page[GroupHistory]:
    """Assignments of one row, newest first."""
    rows = await groups.history(work.conn, f"{what} {number}")
    return page(GroupHistory, rows, len(rows) + 1)


def _word(asked: asking.Assignment) -> Word:
    return Word(asked.owner, asked.note)


def _office(work: Work) -> Office:
    return Office(_person(work), work.configuration, work.services.settings.notices)


@routes.post("/retry", summary="Retry failed work")
async def retry_failed(work: Asked, asked: asking.FailedSelection) -> Run:
    """The same again for all that is picked, as one run; asked twice while it runs, it is the same run."""
    return await _begin(work, asked, Act("retry"))


@routes.post("/dismiss", summary="Dismiss failed work")
async def dismiss_failed(work: Asked, asked: asking.FailedDismissal) -> Run:
    """Settles these versions alone, as one run."""
    return await _begin(work, asked, Act("dismiss", asked.reason))


@routes.post("/correct", summary="Correct failed work")
async def correct_failed(work: Asked, asked: asking.FailedCorrection) -> Run:
    """The same edit for all, as one run; each makes a correction of its own, what does not fit is left and told."""
    edit = Edit(asked.values or {}, asked.old, asked.new, asked.path)
    return await _begin(work, asked, Act("correct", edit=edit))


@windows.post("/{sync}", summary="Apply a window of time again")
async def reapply_window(work: Asked, sync: str, asked: asking.Window) -> Run:
    """What the sync's stream brought then goes through today's mapping; only what is newest counts, nobody is told."""
    number = await reapply.start(work.conn, sync, reapply.Window(asked.since, asked.until), _person(work))
    return await _run(work, number)


def _person(work: Work) -> Person:
    return Person(work.who, work.now)


async def _begin(work: Work, asked: asking.FailedSelection, act: Act) -> Run:
    return await _run(work, await bulk.start(work.conn, asked.selection(), act, _person(work)))


async def _run(work: Work, number: int) -> Run:
    row = await views.one(work.conn, "runs", number)
    if row is None:
        raise missing("run", "执行", number)
    return Run.model_validate(row)
