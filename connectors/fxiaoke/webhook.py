"""The customer's workflow or APL function POSTs to us; the vendor has no callback of its own, so the format is ours."""

import hashlib
from collections.abc import Mapping, Sequence
from email.message import Message as MimeHeaders
from typing import Any

from connectors.fxiaoke.config import FxiaokeConfig
from connectors.fxiaoke.query import STAMP
from connectors.fxiaoke.streams import STREAMS
from hub.sdk import Accepted, Answer, Arrived, Bell, Flaw, Incoming, Opened, Refused, jsontext
from hub.sdk.webhook import check_bearer_or_path, require_secret

EVENTS: Mapping[str, str] = {
    "deal_won": "deals",
    "deal_changed": "deals",
    "customer_changed": "customers",
    "product_changed": "products",
    "employee_changed": "employees",
}
MOST = 500
CHINESE = frozenset({"gb18030", "gbk", "gb2312"})


class FxiaokeHook:
    """`{"event": …, "id": …}`, perhaps with the whole record as `data`, or up to 500 of them as `records`."""

    events = EVENTS

    def check(self, config: FxiaokeConfig) -> None:
        require_secret(config.hook_token, "hook_token")

    def accept(self, config: FxiaokeConfig, request: Incoming) -> Accepted:
        _check_token(config, request)
        if request.method != "POST":
            raise Refused("this address takes POST only", zh="此地址只接受 POST：请在工作流中选择 POST", status=405)
        opened = _cut(_payload(request))
        return Accepted(Answer(body=b'{"errorCode":0}'), event_id=_event_id(request, opened))

    def open(self, config: FxiaokeConfig, request: Incoming) -> Opened:
        return _cut(_payload(request))


def _check_token(config: FxiaokeConfig, request: Incoming) -> None:
    current = require_secret(config.hook_token, "hook_token")
    try:
        check_bearer_or_path(current, request)
    except Refused:
        if config.hook_token_old is None or not config.hook_token_old.get_secret_value():
            raise
        check_bearer_or_path(config.hook_token_old, request)


def _event_id(request: Incoming, opened: Opened) -> str | None:
    """The body's hash (None) tells records apart by their content. A bell says the same each time it rings, and each
    time means a new change, so the moment belongs to it."""
    if not opened.bells:
        return None
    return f"{hashlib.sha256(request.body).hexdigest()}@{request.received_at.isoformat()}"


def _payload(request: Incoming) -> dict[str, Any]:
    headers = MimeHeaders()
    headers["content-type"] = request.headers.get("content-type", "application/json")
    charset = str(headers.get_content_charset("utf-8"))
    encoding = "gb18030" if charset in CHINESE else "utf-8-sig"
    try:
        payload = jsontext.loads(request.body.decode(encoding))
    except UnicodeDecodeError as error:
        raise Refused(
            f"the body is not {charset} text (byte {error.start}): send UTF-8, or say charset=gb18030 in content-type",
            zh=f"报文不是 {charset} 编码（第 {error.start} 字节）：请用 UTF-8 发送，或在 Content-Type 写 charset=gb18030",
            status=400,
        ) from None
    except jsontext.BadJson as error:
        raise Refused(
            f"the body is no JSON: {error}", zh=f"报文不是有效的 JSON，请检查工作流的请求体：{error}", status=400
        ) from None
    if not isinstance(payload, dict) or not isinstance(payload.get("event"), str):
        raise Refused(
            "the body names no event: send a JSON object with event and id",
            zh="报文没有 event：请发送含 event 与 id 的 JSON 对象",
            status=400,
        )
    return payload


def _cut(payload: dict[str, Any]) -> Opened:
    stream = EVENTS.get(payload["event"])
    if stream is None:
        return Opened(nothing=f"event {payload['event']} is none of ours")
    expected = STREAMS[stream].object_name
    if payload.get("object", expected) != expected:
        return Opened(flaws=[_flaw(0, stream, payload, "wrong_object", expected)])
    pieces = _pieces(payload)
    cut = [_one(stream, position, piece) for position, piece in enumerate(pieces)]
    return Opened(
        records=[piece for piece in cut if isinstance(piece, Arrived)],
        bells=[piece for piece in cut if isinstance(piece, Bell)],
        flaws=[piece for piece in cut if isinstance(piece, Flaw)],
        nothing=None if cut else "the list of records is empty",
    )


def _pieces(payload: dict[str, Any]) -> Sequence[Any]:
    if "records" not in payload:
        return [payload]
    pieces = payload["records"]
    if not isinstance(pieces, list) or len(pieces) > MOST:
        raise Refused(
            f"records must be a list of at most {MOST}; send the rest in another call",
            zh=f"records 应为列表且不超过 {MOST} 条，请分批发送",
            status=400,
        )
    return pieces


def _one(stream: str, position: int, piece: Any) -> Arrived | Bell | Flaw:
    """A whole record, or a bell where only its id came (or too little to be the whole)."""
    if not isinstance(piece, dict) or not isinstance(piece.get("data", {}), dict):
        return _flaw(position, stream, piece, "no_object")
    record = piece.get("data", piece)
    given = {str(value) for value in (piece.get("id"), record.get("_id")) if value not in (None, "")}
    if len(given) != 1:
        return _flaw(position, stream, piece, "two_keys" if given else "no_key")
    key = given.pop()
    if _whole(stream, record):
        return Arrived(stream, {**record, "_id": key})
    return Bell(stream, key)


def _whole(stream: str, record: dict[str, Any]) -> bool:
    """System fields are in every record the vendor gives out; without them (or a deal's lines) it was cut down."""
    lines = STREAMS[stream].lines
    has_lines = lines is None or isinstance(record.get(lines.path), list)
    return has_lines and all(record.get(name) for name in ("_id", STAMP, "life_status"))


FLAWS: Mapping[str, tuple[str, str]] = {
    "no_object": ("not a JSON object; send the record as an object", "不是 JSON 对象：请按对象发送数据"),
    "no_key": ("no id; send the record's _id", "缺少 id：请发送数据的 _id"),
    "two_keys": ("id and data._id differ; send one record", "id 与 data._id 不一致：请只发送一条数据"),
    "wrong_object": (
        "this event is for {expected}; correct object or event",
        "此事件属于 {expected}：请更正 object 或 event",
    ),
}


def _flaw(position: int, stream: str, piece: Any, which: str, expected: str = "") -> Flaw:
    en, zh = (text.format(expected=expected) for text in FLAWS[which])
    return Flaw(position, en, zh, stream, jsontext.dumps(piece).decode()[:1000])


hook = FxiaokeHook()
