"""The hook a connection declares: Standard Webhooks when its secret says so, else a token."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from connectors.rest.config import HookEvent, HookSpec, RestConfig
from connectors.rest.values import search, text_at
from hub.sdk import Accepted, Answer, Arrived, Bell, ConfigInvalid, Flaw, Incoming, Opened, Refused, jsontext
from hub.sdk.webhook import check_bearer_or_path, check_standard_webhook, require_secret, standard_signature

STANDARD = "whsec_"


class RestHook:
    """Events are named by each connection's config, so the table here is empty."""

    events: Mapping[str, str] = {}

    def check(self, config: RestConfig) -> None:
        for secret in _secrets(config):
            if secret.get_secret_value().startswith(STANDARD):
                standard_signature(secret, b"")
        _spec(config)

    def accept(self, config: RestConfig, request: Incoming) -> Accepted:
        event_id = _verify(config, request)
        if request.method != "POST":
            raise Refused("this address takes POST only", zh="此地址只接受 POST", status=405)
        body, spec = _body(request), _spec(config)
        if event_id is None and spec.event_id is not None:
            found = search(spec.event_id, body)
            event_id = str(found) if isinstance(found, str | int) and found != "" else None
        if event_id is None and _open(config, body).bells:
            # A bell says the same each time it rings, and each time means another change.
            event_id = f"{hashlib.sha256(request.body).hexdigest()}@{request.received_at.isoformat()}"
        return Accepted(Answer(body=b"{}"), event_id=event_id)

    def open(self, config: RestConfig, request: Incoming) -> Opened:
        return _open(config, _body(request))


def _spec(config: RestConfig) -> HookSpec:
    if config.hook is None:
        raise ConfigInvalid("the connection declares no `hook`", zh="此连接没有声明 hook")
    return config.hook


def _secrets(config: RestConfig) -> list[SecretStr]:
    old = config.hook_secret_old
    return [require_secret(config.hook_secret, "hook_secret"), *([old] if old and old.get_secret_value() else [])]


def _verify(config: RestConfig, request: Incoming) -> str | None:
    """The webhook's id where its way of signing has one."""
    secrets = _secrets(config)
    signing = [secret for secret in secrets if secret.get_secret_value().startswith(STANDARD)]
    if signing:
        return check_standard_webhook(signing, request, request.received_at)
    for secret in secrets[1:]:
        try:
            check_bearer_or_path(secret, request)
        except Refused:
            continue
        return None
    check_bearer_or_path(secrets[0], request)
    return None


def _body(request: Incoming) -> Any:
    try:
        return jsontext.loads(request.body)
    except jsontext.BadJson as error:
        raise Refused(f"the body is no JSON: {error}", zh=f"内容不是 JSON：{error}", status=400) from None


def _open(config: RestConfig, body: Any) -> Opened:
    spec = _spec(config)
    found = search(spec.items, body)
    items = found if isinstance(found, list) else [found]
    records: list[Arrived] = []
    bells: list[Bell] = []
    flaws: list[Flaw] = []
    unknown: dict[str, None] = {}
    for position, item in enumerate(items):
        name = str(search(spec.event, item) or "") if isinstance(item, dict) else ""
        event = spec.events.get(name)
        if event is None:
            unknown[name or "?"] = None
            continue
        cut = _cut(config, event, item, position)
        (records if isinstance(cut, Arrived) else bells if isinstance(cut, Bell) else flaws).append(cut)  # type: ignore[arg-type]
    nothing = None if records or bells or flaws else f"no event we listen to: {', '.join(unknown)[:200]}"
    return Opened(records, bells, flaws, nothing)


def _cut(config: RestConfig, event: HookEvent, item: dict[str, Any], position: int) -> Arrived | Bell | Flaw:
    if event.record is not None:
        record = search(event.record, item)
        path = config.streams[event.stream].id
        if isinstance(record, dict) and text_at(record, path):
            return Arrived(event.stream, record)
        return _flaw(event, item, position, f"no record with an id at `{path}`", f"没有带 {path} 的记录")
    if event.id is None:
        return Bell(event.stream)
    key = search(event.id, item)
    if isinstance(key, str | int) and not isinstance(key, bool) and key != "":
        return Bell(event.stream, str(key))
    return _flaw(event, item, position, f"no id at `{event.id}`", f"在 {event.id} 处没有 id")


def _flaw(event: HookEvent, item: dict[str, Any], position: int, en: str, zh: str) -> Flaw:
    raw = jsontext.dumps(item).decode()[:2000]
    return Flaw(position, f"event {position + 1} holds {en}", f"第 {position + 1} 个事件{zh}", event.stream, raw)
