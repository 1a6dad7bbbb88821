"""Do both ends agree? Read through the vendors' own read calls; nothing of the hub is imported here."""

import base64
import hashlib
import hmac
import json
import sys
import time
import unicodedata
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

_ORDER = ("FBillNo", "FDocumentStatus", "FCustId.FNumber", "FBillAllAmount", "F_HUB_REF")
_ORDER_LINE = ("FSaleOrderEntry_FEntryID", "FMaterialId.FNumber", "FQty", "FTaxPrice")
_RECEIPT = ("FBillNo", "FDocumentStatus", "FDATE", "FCONTACTUNIT.FNumber", "FRECTOTALAMOUNTFOR", "FREMARK")

Row = dict[str, Any]
Faults = Iterator[str]
CHINA = timezone(timedelta(hours=8))
THROTTLED = 30004  # the CRM: too many calls in this window
_PAD = b"0054f397c6234378b09ca7d3"  # unlocks the second half of a Kingdee AppId


class VendorError(Exception):
    """A vendor did not answer as described."""


class Crm:
    """纷享销客: query of objects with an app's token."""

    def __init__(self, http: httpx.Client, config: Mapping[str, Any]) -> None:
        self._http, self._config = http, config
        names = {"appId": "app_id", "appSecret": "app_secret", "permanentCode": "permanent_code"}
        secrets = {name: config[field] for name, field in names.items()}
        token = self._post("/oauth2.0/token", {**secrets, "grantType": "app_secret"}, {})
        self._headers = {
            "authorization": f"Bearer {token['accessToken']}",
            "x-fs-ea": token["ea"],
            "x-fs-userid": str(config["user"]),
        }

    def rows(self, name: str) -> list[Row]:
        """All living rows of an object."""
        found: list[Row] = []
        while True:
            search = {"limit": 100, "offset": len(found), "filters": [], "orders": []}
            body = {"data": {"dataObjectApiName": name, "search_query_info": search}}
            page = self._post("/cgi/crm/v2/data/query", body, self._headers)["data"]["dataList"]
            found += page
            if len(page) < 100:
                return found

    def _post(self, path: str, body: Row, headers: dict[str, str]) -> Row:
        for wait in (5, 5, 10, 0):
            trace = {"thirdTraceId": str(uuid.uuid4())}
            url = f"{self._config['base_url']}{path}"
            answer: Row = _read(self._http.post(url, params=trace, json=body, headers=headers))
            if answer["errorCode"] != THROTTLED:
                break
            time.sleep(wait)
        if answer["errorCode"] != 0:
            raise VendorError(f"CRM {path}: {answer['errorCode']} {answer['errorMessage']}")
        return answer


class Erp:
    """金蝶云星空: ExecuteBillQuery with the header signature."""

    def __init__(self, http: httpx.Client, config: Mapping[str, Any], now: float | None = None) -> None:
        self._http, self._config, self._now = http, config, now

    def rows(self, form: str, *fields: str) -> list[Row]:
        """One row per line of each document."""
        service = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.ExecuteBillQuery.common.kdsvc"
        url = f"{self._config['base_url']}{service}"
        query = {"FormId": form, "FieldKeys": ",".join(fields), "FilterString": "", "OrderString": "", "Limit": 2000}
        table = _read(self._http.post(url, json={"data": query}, headers=self._signature(url)))
        if table and table[0] and isinstance(table[0][0], dict):
            raise VendorError(f"ERP {form}: {table[0][0]}")
        return [dict(zip(fields, row, strict=True)) for row in table]

    def _signature(self, url: str) -> dict[str, str]:
        config, stamp = self._config, str(int(self._now or time.time()))
        client, hidden = str(config["app_id"]).split("_", 1)
        key = base64.b64encode(bytes(a ^ b for a, b in zip(base64.b64decode(hidden), _PAD, strict=True)))
        path = urlsplit(url).path.replace("/", "%2F")
        who = f"{config['acct_id']},{config['user']},2052,{config['organization']}"
        return {
            "X-Api-ClientID": client,
            "X-Api-Auth-Version": "2.0",
            "x-api-timestamp": stamp,
            "x-api-nonce": stamp,
            "x-api-signheaders": "x-api-timestamp,x-api-nonce",
            "X-Api-Signature": _hex_mac(key, f"POST\n{path}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"),
            "X-Kd-Appkey": config["app_id"],
            "X-Kd-Appdata": base64.b64encode(who.encode()).decode(),
            "X-Kd-Signature": _hex_mac(str(config["app_secret"]).encode(), config["app_id"] + who),
        }


def _hex_mac(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).hexdigest().encode()).decode()


def _read(reply: httpx.Response) -> Any:
    reply.raise_for_status()
    return json.loads(reply.content, parse_float=Decimal)


def noted(http: httpx.Client, base_url: str, event: str) -> list[Row]:
    """What a vendor without a read call wrote into its ledger: messages delivered, statements made."""
    return [entry["data"] for entry in _read(http.get(f"{base_url}/_sandbox/ledger")) if entry["event"] == event]


@dataclass(frozen=True, slots=True)
class Payment:
    """Money in, as the bank's statement has it."""

    day: str
    amount: Decimal
    text: str

    def names(self, number: str) -> bool:
        return number.upper() in "".join(unicodedata.normalize("NFKC", self.text).upper().split())


@dataclass(frozen=True, slots=True)
class World:
    """Everything read from every end. `statements`: the payments of each statement, oldest first."""

    deals: list[Row]
    deal_lines: list[Row]
    accounts: dict[str, Row]
    people: dict[str, Row]
    codes: dict[str, str]  # the CRM's product id -> product number
    customers: list[Row]
    orders: dict[str, list[Row]]  # number -> its lines
    shipped: list[Row]
    invoiced: list[Row]
    receipts: list[Row]
    statements: list[list[Payment]]
    users: dict[str, str]  # DingTalk: mobile -> user id
    notices: list[Row]
    team: list[Row]

    def payments(self, deal: Row) -> list[Payment]:
        return [p for day in self.statements for p in day if p.names(deal["deal_no__c"])]


def read_world(state: Mapping[str, Any], client: httpx.Client | None = None, now: float | None = None) -> World:
    """`state`: config of `crm` and `erp`, addresses of `bank`, `dingtalk`, `wecom`. `client`, `now`: for a drill, whose
    vendors live in its own process and by its own time."""
    with client or httpx.Client(timeout=30) as http:
        crm, erp = Crm(http, state["crm"]), Erp(http, state["erp"], now)
        orders: defaultdict[str, list[Row]] = defaultdict(list)
        for row in erp.rows("SAL_SaleOrder", *_ORDER, *_ORDER_LINE):
            orders[row["FBillNo"]].append(row)
        users = [entry["user"] for entry in noted(http, state["dingtalk"], "user_added")]
        return World(
            deals=[deal for deal in crm.rows("NewOpportunityObj") if deal["sales_stage"] == "won"],
            deal_lines=crm.rows("NewOpportunityLinesObj"),
            accounts={row["_id"]: row for row in crm.rows("AccountObj")},
            people={row["_id"]: row for row in crm.rows("PersonnelObj")},
            codes={row["_id"]: row["product_code"] for row in crm.rows("ProductObj")},
            customers=erp.rows("BD_Customer", "FNumber", "FName", "FSOCIALCRECODE", "FDocumentStatus"),
            orders=dict(orders),
            shipped=erp.rows("SAL_OUTSTOCK", "FBillNo", "FSoorDerno", "FSOEntryId", "FRealQty", "FDocumentStatus"),
            invoiced=erp.rows("AR_receivable", "FBillNo", "FORDERNUMBER", "FORDERENTRYID", "FPriceQty"),
            receipts=erp.rows("AR_RECEIVEBILL", *_RECEIPT),
            statements=[_incoming(data) for data in noted(http, state["bank"], "statement")],
            users={user["mobile"]: user["userid"] for user in users},
            notices=noted(http, state["dingtalk"], "message_sent"),
            team=noted(http, state["wecom"], "message_sent"),
        )


def _incoming(data: Row) -> list[Payment]:
    lines = [Payment(data["day"], Decimal(line["amount"]), line.get("remittance", "")) for line in data["lines"]]
    return [payment for payment in lines if payment.amount > 0]


def orders_match(world: World) -> Faults:
    """Each won deal is exactly one audited order, and there is no other."""
    numbers = [deal.get("erp_order_no__c") for deal in world.deals]
    if sorted(map(str, numbers)) != sorted(world.orders):
        yield f"the won deals name the orders {numbers}, the ERP has {sorted(world.orders)}"
    marks = Counter(lines[0]["F_HUB_REF"] for lines in world.orders.values())
    yield from (f"our reference {mark} stands on {count} orders" for mark, count in marks.items() if count > 1)
    for number, lines in world.orders.items():
        if lines[0]["FDocumentStatus"] != "C":
            yield f"order {number} is not audited: {lines[0]['FDocumentStatus']}"


def customers_match(world: World) -> Faults:
    """Each customer exactly once, with the CRM's credit code; each order is the right customer's."""
    for account in world.accounts.values():
        found = [row for row in world.customers if row["FName"] == account["name"]]
        if [(row["FSOCIALCRECODE"], row["FDocumentStatus"]) for row in found] != [(account.get("uscc__c"), "C")]:
            yield f"customer {account['name']} is in the ERP as {found}"
    names = {row["FNumber"]: row["FName"] for row in world.customers}
    for deal, lines in _with_order(world):
        if names.get(lines[0]["FCustId.FNumber"]) != world.accounts[deal["account_id"]]["name"]:
            yield f"order {lines[0]['FBillNo']} is another customer's than deal {deal['deal_no__c']}"


def totals_match(world: World) -> Faults:
    """The same total, products, quantities and prices."""
    for deal, lines in _with_order(world):
        if lines[0]["FBillAllAmount"] != Decimal(deal["amount"]):
            yield f"deal {deal['deal_no__c']} is {deal['amount']}, its order {lines[0]['FBillAllAmount']}"
        own = [line for line in world.deal_lines if line["new_opportunity_id"] == deal["_id"]]
        said = [(world.codes[x["product_id"]], Decimal(x["quantity"]), Decimal(x["sales_price"])) for x in own]
        if sorted(said) != sorted((x["FMaterialId.FNumber"], x["FQty"], x["FTaxPrice"]) for x in lines):
            yield f"the lines of deal {deal['deal_no__c']} and of its order differ"


def _with_order(world: World) -> Iterator[tuple[Row, list[Row]]]:
    for deal in world.deals:
        if deal.get("erp_order_no__c") in world.orders:
            yield deal, world.orders[deal["erp_order_no__c"]]


def states_match(world: World) -> Faults:
    """The CRM shows how far the ERP has shipped and invoiced, by the lines of its documents."""
    done: dict[str, Counter[int]] = {"shipping_status__c": Counter(), "invoicing_status__c": Counter()}
    for row in world.shipped:
        done["shipping_status__c"][int(row["FSOEntryId"])] += row["FRealQty"]
    for row in world.invoiced:
        done["invoicing_status__c"][int(row["FORDERENTRYID"])] += row["FPriceQty"]
    for deal, lines in _with_order(world):
        for field, quantities in done.items():
            parts = [(quantities[int(line["FSaleOrderEntry_FEntryID"])], line["FQty"]) for line in lines]
            whole = all(part >= all_of_it for part, all_of_it in parts)
            wanted = "complete" if whole else "partial" if any(part for part, _ in parts) else "none"
            if deal.get(field) != wanted:
                yield f"deal {deal['deal_no__c']}: {field} is {deal.get(field)}, the ERP's documents say {wanted}"


def payments_match(world: World) -> Faults:
    """The CRM shows what the bank booked: status, amount, day."""
    for deal in world.deals:
        payments = world.payments(deal)
        paid = sum((payment.amount for payment in payments), Decimal(0))
        day = max((payment.day for payment in payments), default=None)
        wanted = (_status(paid, Decimal(deal["amount"])), paid, day)
        stamp = deal.get("paid_date__c")
        shown_day = datetime.fromtimestamp(int(stamp) // 1000, CHINA).date().isoformat() if stamp else None
        shown = (deal.get("payment_status__c"), Decimal(deal.get("paid_amount__c") or 0), shown_day)
        if shown != wanted:
            yield f"deal {deal['deal_no__c']} shows {shown}, the bank's lines say {wanted}"


def _status(paid: Decimal, total: Decimal) -> str:
    if paid <= 0:
        return "unpaid"
    return "partial" if paid < total else "paid" if paid == total else "overpaid"


def receipts_match(world: World) -> Faults:
    """One audited ERP receipt for each payment that names an order, of the right customer; none for others."""
    numbers = {row["FName"]: row["FNumber"] for row in world.customers}
    wanted: Counter[tuple[Any, ...]] = Counter()
    for deal in world.deals:
        customer = numbers.get(world.accounts[deal["account_id"]]["name"])
        wanted.update((customer, p.amount, p.day, p.text) for p in world.payments(deal))
    found = Counter(
        (row["FCONTACTUNIT.FNumber"], row["FRECTOTALAMOUNTFOR"], str(row["FDATE"])[:10], row["FREMARK"])
        for row in world.receipts
    )
    yield from (f"no receipt in the ERP for {one}" for one in wanted - found)
    yield from (f"too many receipts in the ERP: {one}" for one in found - wanted)
    yield from (f"receipt {row['FBillNo']} is not audited" for row in world.receipts if row["FDocumentStatus"] != "C")


def messages_match(world: World) -> Faults:
    """The rep heard of each change of the payment status once, the team of each paid order once."""
    rep: Counter[tuple[str, str]] = Counter()
    team: Counter[str] = Counter()
    for deal in world.deals:
        number, before, paid = deal["deal_no__c"], "unpaid", Decimal(0)
        for day in world.statements:
            paid += sum((payment.amount for payment in day if payment.names(number)), Decimal(0))
            after = _status(paid, Decimal(deal["amount"]))
            if after != before:
                rep[world.users[world.people[deal["owner"][0]]["phone"]], number] += 1
                team[number] += after == "paid"
            before = after
    for deal in world.deals:
        number = deal["deal_no__c"]
        told = Counter((note["to"], number) for note in world.notices if number in note["title"] + note["text"])
        wanted = Counter({key: count for key, count in rep.items() if key[1] == number})
        if told != wanted:
            yield f"the rep of {number} should have had {dict(wanted)} messages, had {dict(told)}"
        posted = sum(number in note["title"] + note["text"] for note in world.team)
        if posted != team[number]:
            yield f"the team should have had {team[number]} messages about {number}, had {posted}"


CHECKS: Sequence[tuple[str, str, Callable[[World], Faults]]] = (
    ("won deals and ERP orders", "赢单商机与 ERP 订单一一对应", orders_match),
    ("customers", "客户只建一次，信用代码一致", customers_match),
    ("totals and lines", "金额与订单行一致", totals_match),
    ("shipping and invoicing status", "发货状态、开票状态一致", states_match),
    ("payment status, amount, date", "收款状态、金额、日期与银行流水一致", payments_match),
    ("ERP receipts", "每笔收款在 ERP 中恰有一张收款单", receipts_match),
    ("messages", "通知不多不少", messages_match),
)


def check(state: Mapping[str, Any]) -> list[Row]:
    """What was compared and what was found: `{name, zh, ok, faults}` each."""
    return compare(read_world(state))


def compare(world: World) -> list[Row]:
    """The same of a world that was read already."""
    answers = [(name, zh, list(rule(world))) for name, zh, rule in CHECKS]
    return [{"name": name, "zh": zh, "ok": not faults, "faults": faults} for name, zh, faults in answers]


def main(arguments: Sequence[str]) -> int:
    """`python -m hub.cli.demo.checker STATE.json`: 0 when both ends agree."""
    answers = check(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    print(json.dumps(answers, ensure_ascii=False, indent=1, default=str))
    return 0 if all(answer["ok"] for answer in answers) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
