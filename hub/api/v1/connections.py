"""Connections: list, test, pause, resume."""

from hub.api.models import Connection, Done, Page, Tested
from hub.api.paging import page
from hub.api.problems import ApiError, missing
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import controls, views
from hub.sync.probing import probe_connection

routes = router("connections")


@routes.get("", summary="List connections")
async def list_connections(work: Asked) -> Page[Connection]:
    """All connections with their state and, where they are paused, why."""
    broken = work.configuration.broken
    rows = await views.connections(work.conn)
    for row in rows:
        problem = broken.get(f"connection {row['name']}")
        if problem is not None:
            row |= {"state": "broken", "pause_error": problem.sentence, "pause_error_zh": problem.sentence_zh}
    return page(Connection, rows, len(rows) + 1)


@routes.post("/{name}/test", summary="Test a connection")
async def test_connection(work: Asked, name: str) -> Tested:
    """One cheap authenticated read."""
    problem = work.configuration.broken.get(f"connection {name}")
    if problem is not None:
        raise ApiError(409, problem.sentence, problem.sentence_zh)
    bound = work.configuration.connections.get(name)
    if bound is None:
        raise missing("connection", "连接", name)
    await work.conn.rollback()  # nothing was written yet, and no transaction may be open while a vendor answers
    failure = await probe_connection(work.services.outward, bound)
    if failure is None:
        return Tested(connection=name, ok=True)
    return Tested(
        connection=name, ok=False, error_class=failure.error_class, error=failure.sentence, error_zh=failure.zh
    )


@routes.post("/{name}/pause", summary="Pause a connection")
async def pause_connection(work: Asked, name: str) -> Done:
    """Nothing is pulled from it or pushed to it until it is resumed; webhooks are still taken."""
    await controls.pause_connection(work.conn, name, work.who, work.now)
    return Done(done=[name])


@routes.post("/{name}/resume", summary="Resume a connection")
async def resume_connection(work: Asked, name: str) -> Done:
    """Ends the pauses of the connection and of its streams, whoever made them."""
    await controls.resume_connection(work.conn, name, work.who)
    return Done(done=[name])
