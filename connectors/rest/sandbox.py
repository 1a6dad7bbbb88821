"""A small JSON CRM/ERP: three ways of paging, a cursor filter, both kinds of credentials, limits, tags, signed hooks."""

import math
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.rest.sandbox_tables import EVENTS, HOOK_SECRET, MOST, PASSWORD, TABLES, TOKEN, USER, sandbox_config
from hub.sdk import jsontext
from hub.sdk.context import Clock
from hub.sdk.sandbox import Entry, Ledger, Sandbox, json_body
from hub.sdk.webhook import standard_signature

__all__ = ["RestSandbox", "sandbox", "sandbox_config"]


@dataclass(slots=True)
class Settings:
    """`calls` per `per` seconds; small ones make the limit easy to meet. `hint`: say when to come again."""

    calls: int = 1000
    per: float = 60.0
    hint: bool = True


class Trouble(Exception):
    """An answer that is no success, in this interface's envelope."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = more.pop("headers", {})
        self.body = {"error": {"code": code, "message": message, **more}}


class RestSandbox(Sandbox):
    """All records live in the ledger; two alike are allowed, an idempotency key is honoured for ever."""

    vendor = "rest"

    def __init__(self, ledger: Ledger, clock: Clock | None, settings: Settings) -> None:
        self.settings = settings
        self._calls: deque[datetime] = deque()
        super().__init__(ledger, clock)

    def begin(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in TABLES}
        self.once: dict[str, str] = {}
        self.count = 0
        self.hook: dict[str, str] = {}

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {"created": self._stored, "changed": self._stored, "deleted": self._gone, "hook_set": self._hooked}

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {"set_hook": self.set_hook, "save": self.act_save, "remove": self.act_remove}

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/{table}", self._guarded(self._list), methods=["GET"]),
            Route("/api/{table}", self._guarded(self._create), methods=["POST"]),
            Route("/api/{table}/{id}", self._guarded(self._read), methods=["GET"]),
            Route("/api/{table}/{id}", self._guarded(self._change), methods=["PATCH", "PUT"]),
            Route("/api/{table}/{id}", self._guarded(self._delete), methods=["DELETE"]),
            Route("/api/{table}/{id}/cancel", self._guarded(self._cancel), methods=["POST"]),
        ]

    # what its users do
    def set_hook(self, data: dict[str, Any]) -> dict[str, Any]:
        """`{url, secret}`: a whsec_ secret signs, another is sent as a bearer token."""
        self.commit("hook_set", url=data["url"], secret=data.get("secret", HOOK_SECRET))
        return {"url": data["url"]}

    def act_save(self, data: dict[str, Any]) -> dict[str, Any]:
        """`{table, record, id}`: a user creates a record, or changes one."""
        if data.get("id"):
            return self._write(data["table"], {**self._existing(data["table"], data["id"]), **data["record"]})
        return self._make(data["table"], data["record"])

    def act_remove(self, data: dict[str, Any]) -> dict[str, Any]:
        """`{table, id}`"""
        self._existing(data["table"], data["id"])
        self.commit("deleted", table=data["table"], id=data["id"])
        return {}

    # state
    def _stored(self, entry: Entry) -> None:
        record = entry.data["record"]
        self.tables[entry.data["table"]][record["id"]] = record
        self.count = max(self.count, int(record["id"]))
        if entry.data.get("once"):
            self.once[entry.data["once"]] = record["id"]

    def _gone(self, entry: Entry) -> None:
        del self.tables[entry.data["table"]][entry.data["id"]]

    def _hooked(self, entry: Entry) -> None:
        self.hook = entry.data

    def _existing(self, table: str, key: str) -> dict[str, Any]:
        record = self.tables[table].get(key)
        if record is None:
            raise Trouble(404, "not_found", f"no {table} record {key}")
        return record

    def _make(self, table: str, body: dict[str, Any], once: str = "") -> dict[str, Any]:
        record = {**body, "id": str(self.count + 1), "version": 1, "updated_at": self._now()}
        self._check(table, record)
        record = self._with_line_ids(record)
        self.commit("created", table=table, record=record, once=once)
        self._announce(table, "created", record)
        return record

    def _write(self, table: str, record: dict[str, Any]) -> dict[str, Any]:
        self._check(table, record)
        if record.get("status") == "closed" and self.tables[table][record["id"]].get("status") == "closed":
            raise Trouble(409, "closed", "a closed record cannot be changed")
        record = self._with_line_ids({**record, "version": record["version"] + 1, "updated_at": self._now()})
        self.commit("changed", table=table, record=record)
        self._announce(table, "updated", record)
        return record

    def _check(self, table: str, record: dict[str, Any]) -> None:
        missing = [name for name in TABLES[table].required if record.get(name) in (None, "", [])]
        if missing:
            fields = [{"field": name, "message": f"{name} is required"} for name in missing]
            raise Trouble(422, "invalid", "some fields are not valid", fields=fields)

    def _with_line_ids(self, record: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(record.get("lines"), list):
            return record
        # A line's id is never given to another one: one that is added later bears the version it came with.
        first = record["id"] if record["version"] == 1 else f"{record['id']}-{record['version']}"
        lines = [{"id": f"{first}-{count}", **line} for count, line in enumerate(record["lines"], 1)]
        return {**record, "lines": lines}

    def _now(self) -> str:
        return self.clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _announce(self, table: str, what: str, record: dict[str, Any]) -> None:
        if not self.hook:
            return
        number = len(self.ledger)
        event = {"id": f"evt_{number}", "type": f"{EVENTS[table]}.{what}", "data": record}
        body, secret = jsontext.dumps(event), self.hook["secret"]
        headers = {"content-type": "application/json"}
        if secret.startswith("whsec_"):
            stamp = str(int(self.clock.now().timestamp()))
            signed = f"evt_{number}.{stamp}.".encode() + body
            headers |= {"webhook-id": f"evt_{number}", "webhook-timestamp": stamp}
            headers["webhook-signature"] = "v1," + standard_signature(SecretStr(secret), signed)
        else:
            headers["authorization"] = f"Bearer {secret}"
        self.owe_post(self.hook["url"], body, headers)

    # the interface
    def _guarded(self, work: Callable[[Request, str, Any], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                self._let_in(request)
                table = request.path_params["table"]
                if table not in TABLES:
                    raise Trouble(404, "not_found", f"no table {table}")
                return work(request, table, json_body(await request.body()))
            except Trouble as trouble:
                return _reply(trouble.body, trouble.status, trouble.headers)

        return endpoint

    def _let_in(self, request: Request) -> None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        allowed = scheme == "Bearer" and value == TOKEN
        if scheme == "Basic":
            allowed = b64decode(value).decode("utf-8", "replace") == f"{USER}:{PASSWORD}"
        if not allowed:
            raise Trouble(401, "unauthorized", "the credentials are not accepted")
        now = self.clock.now()
        while self._calls and (now - self._calls[0]).total_seconds() >= self.settings.per:
            self._calls.popleft()
        if len(self._calls) >= self.settings.calls:
            wait = self.settings.per - (now - self._calls[0]).total_seconds()
            headers = {"retry-after": str(math.ceil(wait))} if self.settings.hint else {}
            raise Trouble(429, "too_many", "too many requests", headers=headers)
        self._calls.append(now)

    def _list(self, request: Request, table: str, body: Any) -> Response:
        query = request.query_params
        since = query.get("updated_since", "")
        asked = [(name, query[name]) for name in TABLES[table].filters if name in query]
        rows = [
            row
            for row in self.tables[table].values()
            if row["updated_at"] >= since and all(row.get(name) == value for name, value in asked)
        ]
        rows.sort(key=lambda row: (row["updated_at"], int(row["id"])))
        if query.get("sort") == "-updated_at":
            rows.reverse()
        size = max(1, min(int(query.get("limit", "20")), MOST))
        return _PAGERS[TABLES[table].paging](request, rows, size)

    def _read(self, request: Request, table: str, body: Any) -> Response:
        return _one(self._existing(table, request.path_params["id"]))

    def _create(self, request: Request, table: str, body: Any) -> Response:
        once = request.headers.get("idempotency-key", "")
        if once in self.once:
            return _one(self.tables[table][self.once[once]], 200)
        return _one(self._make(table, _fields(body), once), 201)

    def _change(self, request: Request, table: str, body: Any) -> Response:
        record = self._existing(table, request.path_params["id"])
        tag = request.headers.get("if-match")
        if tag is not None and tag != _tag(record):
            raise Trouble(412, "changed", "the record has changed since you read it")
        if record.get("locked"):
            raise Trouble(423, "locked", "a user has the record open", headers={"retry-after": "30"})
        kept = {name: record[name] for name in ("id", "version", "updated_at")}
        base = kept if request.method == "PUT" else record
        return _one(self._write(table, {**base, **_fields(body), **kept}))

    def _delete(self, request: Request, table: str, body: Any) -> Response:
        self._existing(table, request.path_params["id"])
        self.commit("deleted", table=table, id=request.path_params["id"])
        return Response(status_code=204)

    def _cancel(self, request: Request, table: str, body: Any) -> Response:
        record = self._existing(table, request.path_params["id"])
        return _one(self._write(table, {**record, "status": "cancelled"}))


def _fields(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Trouble(400, "malformed", "the body is no JSON object")
    return {name: value for name, value in body.items() if name not in {"id", "version", "updated_at"}}


def _reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(jsontext.dumps(body), status, dict(headers or {}), "application/json")


def _tag(record: dict[str, Any]) -> str:
    return f'"{record["version"]}"'


def _one(record: dict[str, Any], status: int = 200) -> Response:
    return _reply({"data": record}, status, {"etag": _tag(record)})


def _by_page(request: Request, rows: list[dict[str, Any]], size: int) -> Response:
    page = max(1, int(request.query_params.get("page", "1")))
    return _reply({"data": {"items": rows[(page - 1) * size : page * size]}})


def _by_offset(request: Request, rows: list[dict[str, Any]], size: int) -> Response:
    start = int(request.query_params.get("offset", "0"))
    return _reply({"records": rows[start : start + size], "has_more": start + size < len(rows)})


def _by_link(request: Request, rows: list[dict[str, Any]], size: int) -> Response:
    start = int(request.query_params.get("from", "0"))
    following = str(request.url.include_query_params(**{"from": start + size})) if start + size < len(rows) else None
    return _reply({"items": rows[start : start + size], "links": {"next": following}})


_PAGERS = {"page": _by_page, "offset": _by_offset, "next_link": _by_link}


def sandbox(ledger: Ledger, clock: Clock | None = None, **settings: Any) -> RestSandbox:
    return RestSandbox(ledger, clock, Settings(**settings))
