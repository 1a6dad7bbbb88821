"""The HTTP application: webhooks first, then /api/v1, health and the documentation."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from hub import __version__
from hub.api import health, hooks, metrics, problems
from hub.api.correlation import RequestId
from hub.api.problems import ApiError
from hub.api.services import Services
from hub.api.v1 import (
    arrivals,
    configuration,
    connections,
    deliveries,
    drifts,
    entities,
    failed,
    mappings,
    overview,
    questions,
    runs,
    syncs,
    tokens,
    versions,
)
from hub.canon.joinable import CannotJoin
from hub.config.versions import NoSuchMapping, VersionError
from hub.db.session import is_passing
from hub.sync.controls import Unknown
from hub.sync.desk import DeskError, NotThere

log = logging.getLogger("hub.api")

CLOCK_SECONDS = 60
ROUTERS = (
    connections.routes,
    syncs.routes,
    entities.routes,
    entities.why,
    arrivals.receipts,
    arrivals.inbox,
    arrivals.bells,
    deliveries.routes,
    failed.routes,
    failed.windows,
    drifts.routes,
    runs.routes,
    questions.routes,
    overview.status,
    configuration.routes,
    mappings.routes,
    versions.routes,
    tokens.routes,
)


class HubApp(FastAPI):
    """FastAPI with a short way for webhooks: what their routes take goes past the middlewares, which cost a seventh of
    a call. What they do not take (another method) goes the long way and gets its answer."""

    def __init__(self, services: Services, **more: Any) -> None:
        self.hooks = hooks.routes(services)
        super().__init__(routes=list(self.hooks), **more)
        self.state.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self.hooks:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.handle(scope, receive, send)
                    return
        await super().__call__(scope, receive, send)


def create_app(services: Services) -> FastAPI:
    app = HubApp(
        services,
        title="O2C Hub 业财通",
        summary="From order to cash: what arrived, what became of it, what is owed, what waits for a person",
        version=__version__,
        middleware=[Middleware(RequestId)],
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_exception_handler(DeskError, _desk_error)
    app.add_exception_handler(CannotJoin, _cannot_join)
    app.add_exception_handler(Unknown, _unknown)
    app.add_exception_handler(VersionError, _version_error)
    app.include_router(health.routes)
    app.router.routes.extend(metrics.routes(services))
    for router in ROUTERS:
        app.include_router(router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    await services.intake.start()
    await services.configurations.start()
    clock = asyncio.create_task(_keep_time(services), name="clock")
    try:
        yield
    finally:
        clock.cancel()
        await services.configurations.stop()
        await services.intake.stop()


async def _keep_time(services: Services) -> None:
    """The clock is the database's; ours only carries it on between two readings."""
    while True:
        await asyncio.sleep(CLOCK_SECONDS)
        try:
            await services.db.clock().resync()
        except Exception as error:  # whatever a server that goes or comes makes the driver raise: it is read again
            told = None if is_passing(error) else error
            log.warning("the database's clock could not be read; ours goes on from the last reading", exc_info=told)


def _desk_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DeskError)
    status = 404 if isinstance(error, NotThere) else 422
    return problems.answer(ApiError(status, error.sentence, error.zh))


def _cannot_join(request: Request, error: Exception) -> Response:
    assert isinstance(error, CannotJoin)
    return problems.answer(ApiError(409, error.sentence, error.zh))


def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unknown)
    return problems.answer(ApiError(404, error.sentence, error.zh))


def _version_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, VersionError)
    status = 404 if isinstance(error, NoSuchMapping) else 409
    return problems.answer(ApiError(status, error.sentence, error.zh))
