"""The table from Kingdee's MsgCode to one of the nine errors; the vendor's own sentence is kept."""

from collections.abc import Mapping
from typing import Any

from hub.sdk import (
    AuthFailed,
    Busy,
    ConfigInvalid,
    ConnectorError,
    FieldError,
    NotFound,
    Rejected,
    Reply,
    Throttled,
    Unavailable,
    Uncertain,
)
from hub.sdk.http import no_answer, status_error

SESSION_LOST = 1
LOCK_WAIT = 120.0  # seconds; a person has the bill open

MSG_CODES: Mapping[int, type[ConnectorError]] = {
    0: Rejected,
    1: AuthFailed,  # session lost; a wrong data-centre id gives the same words
    2: AuthFailed,  # no right on this form: the stream alone
    3: ConfigInvalid,  # empty operation
    4: Unavailable,  # exception
    5: ConfigInvalid,  # empty form id
    6: Unavailable,  # database
    7: AuthFailed,  # licence
    8: Rejected,  # parameter
    9: Rejected,  # field or value unknown; ConfigInvalid when the field is one of ours (see _UNKNOWN)
    10: NotFound,
    11: Rejected,  # validation
    12: Rejected,  # not operable in this status
    13: Busy,  # network control: someone has this bill open
    14: Throttled,
    15: AuthFailed,  # administrators may not log in
}

# errcode of the old public gateway, with HTTP 519
GATEWAY_CODES: Mapping[int, type[ConnectorError]] = {
    4002: AuthFailed,  # no such app id
    4006: AuthFailed,  # time stamp expired
    5001: ConfigInvalid,  # no such API
}

# Only the words tell an unknown field or form from an unknown value, both are MsgCode 9.
_UNKNOWN = ("字段不存在", "业务对象不存在")
# The form's own trouble, not the connection's.
_OF_STREAM = frozenset({2, 3, 5, 8, 9, 10, 11, 12})


def result_error(result: Any, *, operation: str, stream: str, writes: bool) -> ConnectorError | None:
    """The error inside `{"Result": {"ResponseStatus": …}}`, None when it says success."""
    status = _response_status(result)
    if status is None:
        return no_answer(writes, f"{operation} answered without a ResponseStatus")
    if str(status.get("IsSuccess")).lower() == "true":
        return None
    code = _number(status.get("MsgCode"))
    errors = [e for e in status.get("Errors") or [] if isinstance(e, dict)]
    words = "；".join(str(e.get("Message") or "") for e in errors) or "没有说明原因"
    kind = _class_of(code, words, writes)
    english = f"Kingdee refused {operation} of {stream} (MsgCode {code}): {words}"
    return _build(kind, english, words, code, errors, stream if code in _OF_STREAM else None)


def http_error(reply: Reply, operation: str, stream: str) -> ConnectorError | None:
    """What HTTP itself says; business results always come with 200 (the SDK also takes 206)."""
    if reply.body.startswith(b"response_error:"):
        return no_answer(reply.writes, reply.text()[:300])
    if reply.status < 300:
        return None
    if reply.status == 519:
        return _gateway_error(reply)
    if reply.status < 400 or reply.status == 404:
        return ConfigInvalid(
            f"HTTP {reply.status} for {operation}: base_url does not lead to a Kingdee server; it ends in /k3cloud/",
            zh=f"{operation} 返回 HTTP {reply.status}：base_url 不是金蝶服务器地址，应以 /k3cloud/ 结尾",
            code=str(reply.status),
        )
    return status_error(reply)


def login_error(answer: Mapping[str, Any]) -> AuthFailed | None:
    """LoginResultType: 1 is success; two public clients take -5 as success too."""
    kind = _number(answer.get("LoginResultType"))
    if kind in {1, -5}:
        return None
    words = str(answer.get("Message") or "登录失败")
    return AuthFailed(
        f"Kingdee login refused (LoginResultType {kind}): {words}; check acct_id (the id, not the name), user, app_id, app_secret",
        zh=f"{words}；请核对 acct_id（账套 id，不是名称）、user、app_id、app_secret",
        code=str(kind),
    )


def is_session_lost(error: ConnectorError | None) -> bool:
    return isinstance(error, AuthFailed) and error.code == str(SESSION_LOST)


def uncertain_session(operation: str) -> Uncertain:
    """After a lost session on a write the record is looked up first."""
    return Uncertain(
        f"the session was lost during {operation}; the record is looked up before it is written again",
        zh=f"执行 {operation} 时会话丢失；将先查询该单据再重试",
        code=str(SESSION_LOST),
    )


def _class_of(code: int | None, words: str, writes: bool) -> type[ConnectorError]:
    kind = MSG_CODES.get(code, Rejected) if code is not None else Rejected
    if kind is Rejected and (not writes or any(sign in words for sign in _UNKNOWN)):
        return ConfigInvalid  # a read holds no record's data: what is refused is what we configured
    return kind


def _build(
    kind: type[ConnectorError],
    english: str,
    words: str,
    code: int | None,
    errors: list[dict[str, Any]],
    scope: str | None,
) -> ConnectorError:
    text = None if code is None else str(code)
    if issubclass(kind, Rejected):
        fields = [FieldError(str(e.get("FieldName") or ""), str(e.get("Message") or "")) for e in errors]
        return kind(english, fields=fields, zh=words, code=text)
    if issubclass(kind, Busy):
        return kind(english, retry_after=LOCK_WAIT, zh=words, code=text)
    if issubclass(kind, AuthFailed | ConfigInvalid | Unavailable | Throttled):
        return kind(english, zh=words, code=text, scope=scope)
    return kind(english, zh=words, code=text)


def _gateway_error(reply: Reply) -> ConnectorError:
    body = reply.json()
    code = _number(body.get("errcode")) if isinstance(body, dict) else None
    kind = GATEWAY_CODES.get(code) if code is not None else None
    if kind is None:
        return no_answer(reply.writes, f"HTTP 519: {reply.text()[:300]}")
    return kind(f"Kingdee's gateway refused the call (errcode {code}): {reply.text()[:300]}", code=str(code))


def _response_status(result: Any) -> dict[str, Any] | None:
    inner = result.get("Result") if isinstance(result, dict) else None
    status = inner.get("ResponseStatus") if isinstance(inner, dict) else None
    return status if isinstance(status, dict) else None


def _number(value: Any) -> int | None:
    """Kingdee writes codes as numbers or as their text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
