"""A made-up connector and the files of a small valid configuration, to be bent by each test."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from hub.canon.kinds import Kinds
from hub.config.check import check
from hub.config.directory import read_directory
from hub.config.draft import Draft
from hub.config.problem import Problem
from hub.sdk import ConnectionConfig, Connector, Context, Manifest, Message, Page, Push, Pushed
from hub.sdk.records import Accepted, Incoming, Opened
from hub.sdk.webhook import require_secret
from hub.security.secrets import looking_in


class Extra(BaseModel, extra="forbid"):
    region: str = ""
    api_secret: SecretStr | None = None


class AcmeConfig(ConnectionConfig):
    app_key: str
    app_secret: SecretStr
    hook_token: SecretStr | None = None
    extra: Extra = Extra()


class Orders:
    name = "orders"
    schema: Mapping[str, str] = {"id": "text", "no": "text", "sum": "decimal", "cur": "text", "paid": "text"}
    grade = "C"
    settle = 0.0

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        yield Page((), "")

    async def push(self, ctx: Context, push: Push) -> Pushed:
        return Pushed("1")


class Notes:
    name = "notes"
    schema: Mapping[str, str] = {}
    grade = "C"

    async def message(self, ctx: Context, message: Message) -> str:
        return ""


class Events:
    name = "events"
    schema: Mapping[str, str] = {}


class Hook:
    events: Mapping[str, str] = {"happened": "events"}

    def check(self, config: AcmeConfig) -> None:
        require_secret(config.hook_token, "hook_token")

    def accept(self, config: AcmeConfig, request: Incoming) -> Accepted:
        raise AssertionError("not called here")

    def open(self, config: AcmeConfig, request: Incoming) -> Opened:
        raise AssertionError("not called here")


async def probe(ctx: Context) -> None:
    raise AssertionError("not called here")


def acme() -> Connector:
    manifest = Manifest(id="acme", name_zh="甲", name_en="Acme", owner="us", docs="-", auth="token", streams={})
    streams = {stream.name: stream for stream in (Orders(), Notes(), Events())}
    return Connector(manifest, AcmeConfig, streams, probe, hook=Hook())


ENVIRONMENT = {"SECRET": "s3cr3t-value", "TOKEN": "t0ken-value", "EMPTY": ""}

FILES: dict[str, str] = {
    "connections/shop.yaml": """\
connection: shop
connector: acme
config:
  app_key: key
  app_secret: ${env:SECRET}
  hook_token: ${env:TOKEN}
""",
    "mappings/orders.yaml": """\
mapping: acme.orders
kind: order
key: id
names: {number: no}
fields:
  number: no
  total: {in: sum, type: money, currency: cur}
  payment_status: {out: paid}
tests:
  - record: {id: "1", no: SO-1, sum: 12.50, cur: CNY}
    entity: {number: SO-1, total: {amount: "12.5", currency: CNY}}
""",
    "syncs/shop_orders.yaml": """\
sync: shop_orders
connection: shop
stream: orders
mapping: acme.orders
direction: both
every: 30s
push: {when: "status == 'confirmed'", create: false}
""",
    "syncs/tell.yaml": """\
sync: tell
connection: shop
stream: notes
message:
  kind: order
  when_changed: [payment_status]
  when: "payment_status == 'paid'"
  to: owner.mobile
  title: 订单 {number} {payment_status|zh}
  text: "{customer.name} {paid.amount} {custom.region}"
max_age: 2h
""",
    "owners/order.yaml": """\
kind: order
fields: {payment_status: hub, remark: latest, total: [shop], title: shop}
""",
    "kinds/asset.yaml": """\
kind: asset
fields:
  name: text
  customer: {ref: customer}
  state: {enum: [new, old]}
  parts: [{name: text, quantity: decimal}]
""",
}


def write_files(root: Path, changes: Mapping[str, str | None] = {}) -> Path:  # read only
    for name, text in {**FILES, **changes}.items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
    return root


def checked(
    root: Path, *, kinds: Kinds | None = None, environment: Mapping[str, str] = ENVIRONMENT
) -> tuple[Draft, list[Problem]]:
    return check(read_directory(root), kinds or Kinds(), {"acme": acme()}, looking_in({}, environment))


def problems(root: Path, **options: Any) -> Sequence[Problem]:
    return checked(root, **options)[1]
