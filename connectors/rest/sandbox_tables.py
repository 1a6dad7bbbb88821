"""What the sandbox keeps, and a connection that declares all of it."""

from dataclasses import dataclass
from typing import Any

TOKEN = "sandbox-rest-token"  # noqa: S105
USER, PASSWORD = "hub", "sandbox-rest-password"
HOOK_SECRET = "whsec_c2FuZGJveC1yZXN0LWhvb2stc2VjcmV0"  # noqa: S105
MOST = 50  # rows a page can have, whatever is asked for


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of record: its required fields, the fields it can be searched by, how its list goes on."""

    required: tuple[str, ...]
    filters: tuple[str, ...]
    paging: str


TABLES = {
    "customers": Table(("name",), ("number", "name", "hub_ref"), "page"),
    "products": Table(("number", "name"), ("number", "hub_ref"), "offset"),
    "orders": Table(("number", "customer_id", "lines"), ("number", "hub_ref"), "next_link"),
}
EVENTS = {name: name.removesuffix("s") for name in TABLES}


def sandbox_config(base_url: str) -> dict[str, Any]:
    """A whole connection to the sandbox, every declaration in use."""
    writes = {
        name: {
            "create": {"method": "POST", "path": f"/api/{name}", "record": "data"},
            "update": {"method": "PATCH", "path": f"/api/{name}/{{id}}", "record": "data"},
            "cancel": {"method": "POST", "path": f"/api/{name}/{{id}}/cancel", "record": "data"},
            "delete": {"method": "DELETE", "path": f"/api/{name}/{{id}}"},
            "get": {"path": f"/api/{name}/{{id}}", "record": "data"},
            "find": {field: field for field in table.filters},
            "cursor": {"param": "updated_since", "path": "updated_at"},
            "reference": "hub_ref",
            "etag": "version",
            "path": f"/api/{name}",
        }
        for name, table in TABLES.items()
    }
    lists: dict[str, dict[str, Any]] = {
        "customers": {"list": "data.items", "paging": {"kind": "page", "size": 2}},
        "products": {"list": "records", "paging": {"kind": "offset", "size": 2, "more": "has_more"}},
        "orders": {
            "list": "items",
            "paging": {"kind": "next_link", "size": 2, "next": "links.next"},
            "lines": {"lines": "id"},
            "idempotency_header": "Idempotency-Key",
        },
    }
    events = {
        f"{word}.{what}": {"stream": name, "record": "data"}
        for name, word in EVENTS.items()
        for what in ("created", "updated")
    }
    return {
        "base_url": base_url,
        "auth": "bearer",
        "token": TOKEN,
        "streams": {name: {**writes[name], **lists[name]} for name in TABLES},
        "hook": {"events": events},
        "hook_secret": HOOK_SECRET,
        "errors": {
            "sentence": "error.message",
            "code": "error.code",
            "fields": "error.fields[].{path: field, sentence: message}",
            "codes": {"closed": "Rejected"},
        },
    }
