"""The intake process: HTTP until it is told to stop."""

import asyncio
import random

import uvicorn

from hub.api.app import create_app
from hub.api.configurations import Configurations
from hub.api.services import Disk, Services
from hub.db.session import Database
from hub.jobs.collector import calm
from hub.sdk.transport import AiohttpTransport
from hub.settings import Settings, load_settings
from hub.sync.installation import configuration_in_force
from hub.sync.intake import Intake
from hub.sync.outward import Outward
from hub.telemetry import log, traces

STOP_SECONDS = 20  # what is under way may end; the supervisor gives 30


async def serve(settings: Settings, url: str) -> None:
    db = Database(url)
    transport = AiohttpTransport()
    await db.retrying(db.clock().resync)
    clock = db.clock()
    stop = asyncio.Event()
    ringing = asyncio.create_task(_ring_by_redis(settings, db, stop))
    services = Services(
        settings=settings,
        db=db,
        clock=clock,
        intake=Intake(db, clock),
        configurations=Configurations(db, lambda conn: configuration_in_force(conn, settings)),
        disk=Disk(settings.data_dir),
        outward=Outward(transport, clock, random.Random()),
    )
    config = uvicorn.Config(
        create_app(services),
        host=settings.http.host,
        port=settings.http.port,
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        stop.set()
        await ringing
        await transport.aclose()
        await db.close()


async def _ring_by_redis(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    """Where there is a Redis, what is accepted here rings there."""
    if settings.redis_url is None:
        return
    from hub.jobs.chimes import Chimes
    from hub.jobs.link import Link

    link = Link(settings.redis_url.get_secret_value())
    db.bell = chimes = Chimes(link)
    try:
        await asyncio.gather(link.keep(stop), chimes.publish(stop))
    finally:
        await link.aclose()


def main() -> None:
    settings = load_settings()
    log.configure(settings.log.level, settings.log.format)
    if settings.database_url is None:
        raise SystemExit("HUB_DATABASE_URL is not set: `hub serve` starts this process with it")
    calm()
    traces.configure(settings, "intake")
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings, settings.database_url.get_secret_value()))
    finally:
        traces.close()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.Loop


if __name__ == "__main__":
    main()
