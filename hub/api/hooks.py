"""Webhooks: a plain route before all others. A caller gets its 2xx only after its receipt is committed."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hub.api.problems import COME_AGAIN, Problem, problem_response
from hub.api.services import Services
from hub.config.runtime import Bound, Configuration
from hub.sdk import Accepted, ConnectorError, Incoming, Refused
from hub.security.redact import MASK, redact, secret_name
from hub.sync.intake import IntakeDown
from hub.sync.receipts import ReceiptRow, digest_id
from hub.telemetry import traces

log = logging.getLogger("hub.api.hooks")

CORRELATION: Final = "X-Correlation-Id"  # under this everything is found that follows from the call
MAX_BODY: Final = 10 * 1024 * 1024
KEPT_BODY: Final = 64 * 1024  # of a refused call
KEPT_NAME: Final = 64  # characters of a connection's name that we do not know
STRANGERS: Final = 60  # receipts a minute for names we do not know: anybody can make those up


class TooLarge(Refused):
    """A body beyond the limit; what came of it was let go."""

    def __init__(self) -> None:
        super().__init__(
            f"the body is larger than {MAX_BODY // 1024 // 1024} MB: send it in several calls",
            zh=f"请求体超过 {MAX_BODY // 1024 // 1024} MB，请分批发送",
            status=413,
        )


class Unready(Refused):
    """Nothing wrong with the call: we cannot take it now."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence, zh=zh, status=503)


class Hooks:
    """The endpoint of `/hooks/{connection}` and everything below it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._minute = -1
        self._strangers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.answer(Request(scope, receive))
        except ClientDisconnect:
            return  # half a body is no call
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        if self._services.disk.low():
            return _refusal(
                Unready("the disk of the hub runs low; nothing is taken until there is room", "磁盘空间不足，暂不接收")
            )
        name = request.path_params["connection"]
        incoming = Incoming(
            body=b"",
            received_at=self._services.clock.now(),
            method=request.method,
            path=request.path_params.get("tail", ""),
            query=dict(request.query_params),
            headers=_headers(request.scope),
        )
        began = traces.began()
        bound: Bound | None = None
        try:
            incoming = replace(incoming, body=await _body(request))
            bound = self._bound(name)
            accepted = _accept(bound, incoming)
        except Refused as refused:
            return await self._refuse(name, bound, incoming, refused)
        return await self._take(bound, incoming, accepted, began)

    def _bound(self, name: str) -> Bound:
        configuration = self._services.configurations.current
        if configuration is None:
            raise Unready("the configuration is not loaded yet", "配置尚未加载")
        bound = configuration.connections.get(name)
        if bound is None:
            raise _unknown(configuration, name)
        if not bound.hooked:
            raise Refused(
                f"connection {name} takes no calls: no webhook is set up for it",
                zh=f"连接 {name} 未启用回调",
                status=404,
            )
        return bound

    async def _take(self, bound: Bound, incoming: Incoming, accepted: Accepted, began: int) -> Response:
        event_id = accepted.event_id
        if event_id is None and accepted.keep:
            event_id = digest_id(incoming.body, incoming.path, *sorted(map("=".join, incoming.query.items())))
        row = _row(bound.name, incoming, bound.secrets, event_id, "due" if accepted.keep else "done")
        try:
            placed = await self._services.intake.take(row)
        except IntakeDown as down:
            return _refusal(Unready(down.sentence, down.zh))
        traces.done(traces.FIRST, placed.correlation, began, connection=bound.name, verdict=placed.verdict)
        answer = accepted.answer
        headers = {CORRELATION: placed.correlation}
        return Response(answer.body, answer.status, headers, media_type=answer.content_type)

    async def _refuse(self, name: str, bound: Bound | None, incoming: Incoming, refused: Refused) -> Response:
        """The caller hears why, and so does whoever looks at the receipts."""
        configuration = self._services.configurations.current
        correlation: str | None = None
        known = configuration is not None and (name in configuration.connections or _broken(configuration, name))
        if configuration is not None and (known or self._room_for_stranger(incoming)):
            row = _row(name[:KEPT_NAME], incoming, bound.secrets if bound else frozenset(), None, "done")
            row = replace(
                row,
                path=MASK if incoming.path else "",  # it may be yesterday's secret, or tomorrow's
                body=incoming.body[:KEPT_BODY],
                verdict="refused",
                reason=str(refused),
                reason_zh=refused.zh,
            )
            try:
                correlation = (await self._services.intake.take(row)).correlation
            except IntakeDown as down:
                return _refusal(Unready(down.sentence, down.zh))
        return _refusal(refused, correlation)

    def _room_for_stranger(self, incoming: Incoming) -> bool:
        minute = int(incoming.received_at.timestamp()) // 60
        if minute != self._minute:
            self._minute, self._strangers = minute, 0
        self._strangers += 1
        if self._strangers == STRANGERS + 1:
            log.warning("many calls for connections that do not exist; the rest of this minute leaves no receipts")
        return self._strangers <= STRANGERS


def routes(services: Services) -> list[Route]:
    hooks = Hooks(services)
    return [
        Route(path, hooks, methods=["GET", "POST"], include_in_schema=False)
        for path in ("/hooks/{connection}", "/hooks/{connection}/{tail:path}")
    ]


def _headers(scope: Scope) -> dict[str, str]:
    """Names are lower-case already. Of a header that comes twice the first counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


async def _body(request: Request) -> bytes:
    """The whole body; reading stops at the limit, so a large one is never in memory."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _accept(bound: Bound, incoming: Incoming) -> Accepted:
    assert bound.connector.hook is not None
    try:
        return bound.connector.hook.accept(bound.config, incoming)
    except Refused:
        raise
    except ConnectorError as error:
        raise Unready(error.sentence, error.zh) from error
    except Exception as error:  # a connector's bug: the vendor must send again once it is mended
        log.exception("the hook of connection %s failed", bound.name)
        raise Refused(
            f"the connector failed while reading this call ({type(error).__name__}); the log has the details",
            zh=f"连接器处理此请求时出错（{type(error).__name__}），详情见日志",
            status=500,
        ) from error


def _unknown(configuration: Configuration, name: str) -> Refused:
    if _broken(configuration, name):
        # What is wrong with it is for our own people: `hub connection list` and /api/v1/connections say it.
        return Unready(f"connection {name} is not usable now", f"连接 {name} 当前不可用")
    return Refused(f"there is no connection {name[:KEPT_NAME]}", zh=f"没有连接 {name[:KEPT_NAME]}", status=404)


def _broken(configuration: Configuration, name: str) -> bool:
    return f"connection {name}" in configuration.broken


def _refusal(refused: Refused, correlation: str | None = None) -> Response:
    headers = {"Retry-After": COME_AGAIN} if refused.status == 503 else {}
    if correlation is not None:
        headers[CORRELATION] = correlation
    return problem_response(Problem(title=str(refused), title_zh=refused.zh, status=refused.status), headers)


def _row(
    name: str, incoming: Incoming, secrets: frozenset[str], event_id: str | None, state: Literal["due", "done"]
) -> ReceiptRow:
    return ReceiptRow(
        connection=name,
        received_at=incoming.received_at,
        body=incoming.body,
        method=incoming.method,
        path=_masked_path(incoming.path, secrets),
        query=_masked_query(incoming.query, secrets),
        headers=redact(incoming.headers, secrets),
        event_id=event_id,
        state=state,
    )


def _masked_path(path: str, secrets: frozenset[str]) -> str:
    return "/".join(MASK if part in secrets else part for part in path.split("/"))


def _masked_query(query: Mapping[str, str], secrets: frozenset[str]) -> dict[str, str]:
    """Signatures stay: they are of one call, and who opens the receipt may need them."""
    return {
        name: MASK if secret_name(name) and "sign" not in name.lower() else str(redact(value, secrets))
        for name, value in query.items()
    }
