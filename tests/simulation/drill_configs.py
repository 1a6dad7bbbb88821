"""Configurations to be drilled that are not the template: the same under other names, and single pairs."""

from pathlib import Path

from connectors.rest.sandbox import sandbox_config
from hub.config.templates import Choice, render, template
from tests.engine.town import CUSTOMERS, Part, connection, sync, written

OTHER_NAMES = {"crm": "sales-east", "erp": "k3", "bank": "account_7", "rep": "nudge", "team": "crowd"}
CONNECTORS = {"crm": "fxiaoke", "erp": "kingdee", "bank": "bank_files", "rep": "dingtalk", "team": "wecom"}
CRM_CUSTOMERS = """
mapping: crm-customers
kind: customer
key: _id
names: {number: account_no}
reference: hub_ref__c
version: last_modified_time
match: [[uscc], {weak: [name]}]
fields:
  number: {in: account_no}
  name: {in: name, out: name, required: yes}
  uscc: uscc__c
  phone: tel
"""
SECRET = "${secret:kept-elsewhere}"


def renamed(folder: Path) -> Path:
    """From order to cash, under names of its own, with credentials that no drill has."""
    choices = {}
    for role, name in OTHER_NAMES.items():
        asks = template("order-to-cash").roles[role].part(CONNECTORS[role]).spec.asks
        choices[role] = Choice(CONNECTORS[role], name, dict.fromkeys(asks, SECRET))
    for name, body in render("order-to-cash", choices, mode="observing", every="1m").items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body, encoding="utf-8")
    return folder


def crm_and_erp(folder: Path) -> Path:
    """Customers go from a CRM into an ERP, and nothing else goes anywhere."""
    return written(
        folder,
        Part("connections", "west", {"connection": "west", "connector": "fxiaoke", "config": {"app_id": SECRET}}),
        Part("connections", "books", {"connection": "books", "connector": "kingdee", "config": {"numbering": "hub"}}),
        Part("mappings", "crm-customers", CRM_CUSTOMERS),
        sync("west-customers", mapping="crm-customers", direction="in", every="1m"),
        sync("books-customers", mapping="kingdee.customers", direction="out", every="1m"),
    )


def several(folder: Path) -> Path:
    """Two CRMs, of which one has deals; their customers refer to people whom nothing reads there."""
    return written(
        folder,
        *(Part("connections", name, {"connection": name, "connector": "fxiaoke"}) for name in ("east", "west")),
        Part("connections", "books", {"connection": "books", "connector": "kingdee"}),
        sync("east-customers", mapping="fxiaoke.customers", direction="in"),
        sync("west-deals", stream="deals", mapping="fxiaoke.deals", direction="in"),
        sync("books-customers", mapping="kingdee.customers", direction="out"),
    )


def two_shops(folder: Path, every: str = "1m") -> Path:
    """Customers go both ways between two plain systems that call us."""
    # No key against doubles at either end: what was created and nobody heard of is a question to a person.
    return written(
        folder,
        *(connection(name, streams=_streams()) for name in ("left", "right")),
        Part("mappings", "customers", CUSTOMERS),
        *(sync(f"{name}-customers", every=every) for name in ("left", "right")),
    )


def _streams() -> dict[str, object]:
    return {"customers": sandbox_config("http://nowhere.test")["streams"]["customers"]}
