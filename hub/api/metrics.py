"""`GET /metrics` for Prometheus: what every process of the hub has done and has before it, whichever of them answers."""

import asyncio
import shutil
import time
from collections.abc import Callable

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.api.access import authorise
from hub.api.services import Services
from hub.sync import views
from hub.telemetry import metrics

FRESH_SECONDS = 5.0  # several who ask at once are answered by one look
AS_STATUS = ("GET", "/api/v1/status")  # who may see the one may see the other


class Metrics:
    """The endpoint; its answer is kept for a few seconds."""

    def __init__(self, services: Services, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._kept: tuple[float, bytes] | None = None

    async def __call__(self, request: Request) -> Response:
        """Counts and names of connections are nobody else's business: a token is asked for, unless the installation
        says that whoever reaches the port may look (`HUB_HTTP__OPEN_METRICS`)."""
        if not self._services.settings.http.open_metrics:
            await authorise(self._services.db, request, *AS_STATUS)
        return Response(await self._told(), media_type=CONTENT_TYPE_LATEST)

    async def _told(self) -> bytes:
        async with self._turn:
            now = self._monotonic()
            if self._kept is None or now - self._kept[0] >= FRESH_SECONDS:
                self._kept = (now, await self._read())
            return self._kept[1]

    async def _read(self) -> bytes:
        services = self._services
        async with services.db.read() as conn:
            rows = await metrics.read(conn, services.clock.now())
            syncs = await views.syncs(conn)
        free = shutil.disk_usage(services.settings.data_dir).free if services.settings.data_dir.exists() else None
        return metrics.exposition(rows, syncs, free)


def routes(services: Services) -> list[Route]:
    return [Route("/metrics", Metrics(services).__call__, methods=["GET"], include_in_schema=False)]
