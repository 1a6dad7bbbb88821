"""The yardstick of accepts: Starlette and asyncpg, one insert and one commit for each request, nothing checked.

`python -m tests.bench.bare PORT DATABASE_URL`
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TABLE = """
CREATE TABLE IF NOT EXISTS bare_receipt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now(),
  event_id text NOT NULL UNIQUE, body bytea NOT NULL)
"""


def app(url: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(made: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url) as pool:
            made.state.pool = pool
            yield

    async def accept(request: Request) -> Response:
        body = await request.body()
        await request.app.state.pool.execute(
            "INSERT INTO bare_receipt (event_id, body) VALUES ($1, $2)", request.headers["webhook-id"], body
        )
        return Response(b"{}", media_type="application/json")

    return Starlette(routes=[Route("/hooks/shop", accept, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(
        app(sys.argv[2]), port=int(sys.argv[1]), http="httptools", loop="uvloop", access_log=False, log_config=None
    )
