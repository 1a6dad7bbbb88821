"""From a status, or the other side's own code, to one of the nine errors."""

from collections.abc import Sequence
from typing import Any

from connectors.rest.config import ErrorSpec
from connectors.rest.values import search
from hub.sdk import (
    AuthFailed,
    Busy,
    ConfigInvalid,
    Conflict,
    ConnectorError,
    FieldError,
    NotFound,
    Rejected,
    Reply,
    Throttled,
    Unavailable,
    Uncertain,
    jsontext,
)
from hub.sdk.http import no_answer, retry_after

# What is not listed: 3xx and other 4xx by their hundred, 5xx by whether the call writes.
BY_STATUS: dict[int, type[ConnectorError]] = {
    401: AuthFailed,
    403: AuthFailed,
    404: NotFound,
    405: ConfigInvalid,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    423: Busy,
    429: Throttled,
}
BY_NAME: dict[str, type[ConnectorError]] = {
    kind.__name__: kind
    for kind in (*(AuthFailed, Throttled, Unavailable, ConfigInvalid, Busy, Rejected, Conflict, NotFound, Uncertain),)
}
NO_ANSWER = {408, 425}  # the server gave up on the request, or will not say whether it ran


def error_of(reply: Reply, spec: ErrorSpec, stream: str | None) -> ConnectorError | None:
    """The error an answer is, None for a 2xx."""
    if 200 <= reply.status < 300:
        return None
    body = _json(reply)
    code = _text(spec.code, body) or str(reply.status)
    sentence = _text(spec.sentence, body) or f"HTTP {reply.status}: {reply.text()[:200]}"
    kind = BY_NAME.get(spec.codes.get(code, "")) or _by_status(reply)
    if kind is None:
        return no_answer(reply.writes, f"HTTP {reply.status}, {sentence}")
    if kind in {Throttled, Busy}:
        return _waiting(kind, reply, sentence, code)
    if kind is Rejected:
        return Rejected(sentence, code=code, fields=_fields(spec, body))
    if kind in {AuthFailed, ConfigInvalid}:
        return _scoped(kind, reply, sentence, code, stream)
    return kind(sentence, code=code)


def _by_status(reply: Reply) -> type[ConnectorError] | None:
    if reply.status == 503 and "retry-after" in reply.headers:
        return Throttled
    if reply.status >= 500 or reply.status in NO_ANSWER:
        return None
    return BY_STATUS.get(reply.status, Rejected if reply.status >= 400 else ConfigInvalid)


def _waiting(kind: type[ConnectorError], reply: Reply, sentence: str, code: str) -> ConnectorError:
    seconds = retry_after(reply)
    if kind is Busy:
        return Busy(sentence, retry_after=seconds, code=code)
    return Throttled(sentence, retry_after=seconds, code=code)


def _scoped(kind: type[ConnectorError], reply: Reply, sentence: str, code: str, stream: str | None) -> ConnectorError:
    """401 is about the credentials of all; what is forbidden or not offered there is about one stream."""
    if kind is AuthFailed:
        return AuthFailed(sentence, code=code, scope=None if reply.status == 401 else stream)
    if 300 <= reply.status < 400:
        target = reply.headers.get("location", "")[:200]
        return ConfigInvalid(
            f"the address answers with a redirection to {target}: set the final address",
            zh=f"地址被重定向到 {target}：请填写最终地址",
            code=code,
            scope=stream,
        )
    return ConfigInvalid(sentence, code=code, scope=stream)


def _fields(spec: ErrorSpec, body: Any) -> Sequence[FieldError]:
    found = search(spec.fields, body) if spec.fields and body is not None else None
    items = found if isinstance(found, list) else []
    return [
        FieldError(str(item.get("path") or ""), str(item.get("sentence") or ""))
        for item in items
        if isinstance(item, dict)
    ]


def _json(reply: Reply) -> Any:
    """The body where it is JSON; an error page is shown as text instead."""
    try:
        return jsontext.loads(reply.body)
    except jsontext.BadJson:
        return None


def _text(expression: str, body: Any) -> str:
    value = search(expression, body) if isinstance(body, dict | list) else None
    return str(value)[:500] if isinstance(value, str | int) else ""
