"""What arrived: receipts, inbox records and bells; retry, correct, dismiss."""

import base64
from typing import Annotated

from fastapi import Query

from hub.api import asked as asking
from hub.api.asked import Dismissal, InboxCorrection, Keeping, Numbers
from hub.api.models import Bell, Done, InboxDetail, InboxRow, Page, Receipt, ReceiptDetail
from hub.api.paging import listed
from hub.api.problems import ApiError, missing
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import arbitrate, corrections, desk, views

receipts = router("receipts")
inbox = router("inbox")
bells = router("bells")


@receipts.get("", summary="List receipts")
async def list_receipts(work: Asked, asked: Annotated[asking.Receipts, Query()]) -> Page[Receipt]:
    """Every call and file, accepted, duplicate or refused."""
    return await listed(work, "receipts", Receipt, asked)


@receipts.get("/{number}", summary="Read one receipt")
async def read_receipt(work: Asked, number: int) -> ReceiptDetail:
    """With its headers (redacted) and its body."""
    row = await views.one(work.conn, "receipts", number)
    if row is None:
        raise missing("receipt", "接收记录", number)
    body = bytes(row["body"])
    try:
        row |= {"body": body.decode(), "body_base64": None}
    except UnicodeDecodeError:
        row |= {"body": None, "body_base64": base64.b64encode(body).decode()}
    return ReceiptDetail.model_validate(row)


@receipts.post("/retry", summary="Open receipts again")
async def retry_receipts(work: Asked, numbers: Numbers) -> Done:
    """Those that are parked; answers which ones."""
    return Done(done=[*await desk.retry(work.conn, "receipt", numbers.ids, work.who, work.now)])


@receipts.post("/dismiss", summary="Dismiss receipts")
async def dismiss_receipts(work: Asked, dismissal: Dismissal) -> Done:
    """They stay as they are and nobody is asked again."""
    return Done(done=[*await desk.dismiss(work.conn, "receipt", dismissal.ids, dismissal.reason, work.who, work.now)])


@inbox.get("", summary="List inbox records")
async def list_inbox(work: Asked, asked: Annotated[asking.Inbox, Query()]) -> Page[InboxRow]:
    """Records, newest first."""
    return await listed(work, "inbox", InboxRow, asked)


@inbox.get("/{number}", summary="Read one inbox record")
async def read_inbox(work: Asked, number: int) -> InboxDetail:
    """With the record in its vendor's shape."""
    row = await views.one(work.conn, "inbox", number)
    if row is None:
        raise missing("inbox record", "入站记录", number)
    return InboxDetail.model_validate(row)


@inbox.post("/retry", summary="Retry inbox records")
async def retry_inbox(work: Asked, numbers: Numbers) -> Done:
    """Those that are parked or waiting; answers which ones."""
    return Done(done=[*await desk.retry(work.conn, "inbox", numbers.ids, work.who, work.now)])


@inbox.post("/dismiss", summary="Dismiss inbox records")
async def dismiss_inbox(work: Asked, dismissal: Dismissal) -> Done:
    """Settles this version alone: the next one is worked on again."""
    return Done(done=[*await desk.dismiss(work.conn, "inbox", dismissal.ids, dismissal.reason, work.who, work.now)])


@inbox.post("/{number}/correct", summary="Correct an inbox record")
async def correct_inbox(work: Asked, number: int, correction: InboxCorrection) -> Done:
    """Makes a new record that names this one; answers its number."""
    if (correction.values is None) == (correction.link is None):
        raise ApiError(422, "give either `values` or `link`", "请填写 values 或 link 其中之一")
    wanted: corrections.Linking | dict[str, object]
    if correction.link is not None:
        wanted = corrections.Linking(None if correction.link == "new" else correction.link)
    else:
        wanted = correction.values or {}
    person = desk.Person(work.who, work.now)
    return Done(done=[await corrections.correct_inbox(work.conn, work.configuration, number, wanted, person)])


@inbox.post("/{number}/keep", summary="Settle a dispute")
async def keep_value(work: Asked, number: int, keeping: Keeping) -> Done:
    """Two systems keep changing each other's value: say whose is kept; answers the number of the new record."""
    person = desk.Person(work.who, work.now)
    return Done(done=[await arbitrate.keep(work.conn, number, keeping.connection, person)])


@bells.get("", summary="List bells")
async def list_bells(work: Asked, asked: Annotated[asking.Bells, Query()]) -> Page[Bell]:
    """Records that are to be fetched."""
    return await listed(work, "bells", Bell, asked)


@bells.post("/retry", summary="Ring bells again")
async def retry_bells(work: Asked, numbers: Numbers) -> Done:
    """Answers which ones."""
    return Done(done=[*await desk.retry(work.conn, "bell", numbers.ids, work.who, work.now)])


@bells.post("/dismiss", summary="Dismiss bells")
async def dismiss_bells(work: Asked, dismissal: Dismissal) -> Done:
    """They are not fetched; the next bell for the record is."""
    return Done(done=[*await desk.dismiss(work.conn, "bell", dismissal.ids, dismissal.reason, work.who, work.now)])
