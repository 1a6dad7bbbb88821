"""One request as one piece of work: who, one transaction, and for a POST the answer kept under its Idempotency-Key.

The answer is stored in the transaction of the deed, so a key that was answered was done, and one that was not was not.
"""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends
from fastapi.routing import APIRoute
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from hub.api.access import authorise
from hub.api.exact import ExactRequest, bounded
from hub.api.problems import ApiError
from hub.api.services import Services
from hub.config.runtime import Configuration
from hub.security.tokens import Principal

KEPT = timedelta(days=7)
LONGEST_KEY = 200
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Work:
    """What a route is handed."""

    services: Services
    principal: Principal
    conn: AsyncConnection
    now: datetime

    @property
    def who(self) -> str:
        return self.principal.name

    @property
    def configuration(self) -> Configuration:
        found = self.services.configurations.current
        if found is None:
            raise ApiError(
                503, "the configuration is not loaded yet; try again in a moment", "配置尚未加载，请稍后再试"
            )
        return found


def _work(request: Request) -> Work:
    work: Work = request.state.work
    return work


Asked = Annotated[Work, Depends(_work)]


class WorkRoute(APIRoute):
    """A route of /api/v1; its router is made with the whole prefix, so `path` is what the scope table says."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        path = self.path

        async def run(received: Request) -> Response:
            request = ExactRequest(received.scope, bounded(received.receive))
            services: Services = request.app.state.services
            principal = await authorise(services.db, request, request.method, path)
            if request.method == "GET":
                async with services.db.read() as conn:
                    return await _inside(request, Work(services, principal, conn, services.clock.now()), handle)
            async with services.db.begin(f"api {path.removeprefix('/api/v1/')}") as conn:
                work = Work(services, principal, conn, services.clock.now())
                return await _once(request, work, handle)

        return run


async def _inside(request: Request, work: Work, handle: Handler) -> Response:
    request.state.work = work
    return await handle(request)


async def _once(request: Request, work: Work, handle: Handler) -> Response:
    """Do it, or give the answer that the same request got before."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return await _inside(request, work, handle)
    if not 1 <= len(key) <= LONGEST_KEY:
        raise ApiError(400, "Idempotency-Key must have 1 to 200 characters", "Idempotency-Key 长度应为 1 到 200 个字符")
    digest = hashlib.sha256(
        b"\0".join([request.method.encode(), str(request.url.path).encode(), await request.body()])
    ).hexdigest()
    await _lock(work, key)
    kept = await _kept(work, key, digest)
    if kept is not None:
        return kept
    response = await _inside(request, work, handle)
    await work.conn.execute(
        _KEEP,
        {
            "key": key,
            "principal": work.principal.id,
            "digest": digest,
            "status": response.status_code,
            "body": bytes(response.body),
            "type": response.headers.get("content-type"),
            "now": work.now,
        },
    )
    return response


async def _lock(work: Work, key: str) -> None:
    question = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    name = f"idempotency:{work.principal.id}:{key}"
    if not (await work.conn.execute(question, {"name": name})).scalar_one():
        raise ApiError(
            409,
            "a request with this Idempotency-Key is being worked on; ask again in a moment",
            "使用同一 Idempotency-Key 的请求正在处理，请稍后再试",
        )


async def _kept(work: Work, key: str, digest: str) -> Response | None:
    await work.conn.execute(_FORGET, {"before": work.now - KEPT})
    row = (await work.conn.execute(_READ, {"key": key, "principal": work.principal.id})).one_or_none()
    if row is None:
        return None
    if row.request_digest != digest:
        raise ApiError(
            422,
            "this Idempotency-Key was used for another request; use a fresh key",
            "该 Idempotency-Key 已用于另一个请求，请换一个新的",
        )
    headers = {"Idempotency-Replayed": "true"}
    return Response(row.body, row.status, headers=headers, media_type=row.content_type)


_FORGET = text(
    """
    DELETE FROM idempotency WHERE ctid IN (
        SELECT ctid FROM idempotency WHERE at < :before LIMIT 100 FOR UPDATE SKIP LOCKED)
    """
)
_READ = text(
    "SELECT request_digest, status, body, content_type FROM idempotency WHERE key = :key AND principal = :principal"
)
_KEEP = text(
    """
    INSERT INTO idempotency (key, principal, request_digest, status, body, content_type, at)
    VALUES (:key, :principal, :digest, :status, :body, :type, :now) ON CONFLICT DO NOTHING
    """
)
