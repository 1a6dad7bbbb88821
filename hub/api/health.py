"""Is the process up, and can it work?"""

import asyncio
from functools import cache
from pathlib import Path
from typing import Literal

import asyncpg
from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import hub.db.migrations
from hub.api.problems import COME_AGAIN, MEDIA_TYPE, ApiError, Problem
from hub.api.services import Services

ANSWER_SECONDS = 3.0  # then the database counts as away

routes = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@routes.get("/healthz", summary="The process is up")
async def healthz() -> Health:
    return Health()


@routes.get(
    "/readyz",
    summary="The database answers, its schema is ours, the configuration is loaded",
    responses={503: {"model": Problem, "description": "Not yet", "content": {MEDIA_TYPE: {}}}},
)
async def readyz(request: Request) -> Health:
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(ANSWER_SECONDS), services.db.read() as conn:
            revision = (await conn.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise _not_ready("the database does not answer", "数据库无响应") from error
    if revision != _newest():
        raise _not_ready(
            "the database has another schema; run `hub db upgrade`", "数据库结构不是当前版本，请执行 hub db upgrade"
        )
    if services.configurations.current is None:
        raise _not_ready("the configuration is not loaded yet", "配置尚未加载")
    return Health()


@cache
def _newest() -> str | None:
    """The schema this version was made for, as the files' names have it (`make migration` numbers them): to ask Alembic
    would cost this process a third of a second when it starts."""
    steps = Path(hub.db.migrations.__path__[0], "versions").glob("[0-9]*_*.py")
    return max((step.name.partition("_")[0] for step in steps), default=None)


def _not_ready(title: str, title_zh: str) -> ApiError:
    return ApiError(503, title, title_zh, headers={"Retry-After": COME_AGAIN})
