"""Every request gets an id: in its log lines, in its answer, in the changes it makes."""

import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.telemetry.log import correlated

HEADER = b"x-request-id"
_FINE = re.compile(rb"[A-Za-z0-9._:-]{8,80}")


class RequestId:
    """Pure ASGI: takes the caller's X-Request-Id when it is harmless, else makes one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        request_id = given if _FINE.fullmatch(given) else uuid.uuid4().hex.encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (HEADER, request_id)]
            await send(message)

        with correlated(request=request_id.decode()):
            await self._app(scope, receive, send_with_id)
