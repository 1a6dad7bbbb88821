"""How much is where."""

from hub.api.models import Status, WorkLeft
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import views

status = router("status")


@status.get("", summary="Status")
async def read_status(work: Asked) -> Status:
    """How much is where; what is finished is not counted."""
    return Status(work=[WorkLeft.model_validate(row) for row in await views.work_left(work.conn)])
