"""The engine process: turns the crank until it is told to stop. `hub serve` starts one beside the intake; `hub worker`
is one alone, of which there may be as many as wanted."""

import asyncio
import random
import secrets
import signal
from datetime import timedelta

from hub.db.embedded import EmbeddedServer
from hub.db.session import Database
from hub.jobs import configured
from hub.jobs.collector import calm
from hub.jobs.loops import Loops
from hub.sdk.transport import AiohttpTransport
from hub.settings import Settings, load_settings
from hub.sync import workers
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from hub.sync.rewind import clock_set_back
from hub.sync.sweep import take_back
from hub.telemetry import traces
from hub.telemetry.log import configure


async def run(settings: Settings, url: str) -> None:
    """Run the engine until SIGTERM or SIGINT."""
    db = Database(url)
    await db.retrying(db.clock().resync)
    configuration, number = await configured.load(db, settings)
    rng, transport, me = random.Random(), AiohttpTransport(), secrets.token_hex(8)
    outward = Outward(transport, db.clock(), rng)
    engine = Engine(db, configuration, db.clock(), rng, outward, settings.engine, careful=me, me=me)
    many = None
    if settings.redis_url is not None:
        from hub.jobs.many import Many  # what needs no Redis does not pay for it

        many = Many(settings.redis_url.get_secret_value(), db.clock(), me, lambda: 1 + len(engine.others))
        db.bell = many.chimes
        engine.outward = Outward(transport, db.clock(), rng, limiter_of=many.rooms.limiter)
    await clock_set_back(engine)
    await _come_to_work(engine, settings)
    loops = Loops(engine, settings, url, number, many)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, loops.stop)
    try:
        await loops.run()
    finally:
        if many is not None:
            await many.aclose()
        await transport.aclose()
        await db.close()


async def _come_to_work(engine: Engine, settings: Settings) -> None:
    """Who is alone knows that nothing is at work that he did not begin: what is running is left over."""
    me = workers.Self.here(engine.me, settings.worker_name)
    async with engine.db.begin("enlist") as conn:
        alone = await workers.enlist(conn, me, engine.now(), timedelta(seconds=settings.engine.lease_seconds))
    if alone:
        await take_back(engine)


def main() -> None:
    """Entry of the engine process."""
    settings = load_settings()
    configure(settings.log.level, settings.log.format)
    given = settings.database_url
    url = given.get_secret_value() if given else EmbeddedServer(settings.data_dir).start()
    calm()
    traces.configure(settings, "engine")
    try:
        asyncio.run(run(settings, url))
    finally:
        traces.close()


if __name__ == "__main__":
    main()
