"""What the sandbox knows: rows, tokens, the hook; all of it folded from ledger entries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.fxiaoke.errors import QUOTA_ZONE
from connectors.fxiaoke.sandbox_objects import DEAL, LINE, OBJECTS, Row, fields_of
from hub.sdk.sandbox import Entry

FIRST_PERSON = 1000
OPEN_USER = "FSUID_{}"


@dataclass(frozen=True, slots=True)
class Grant:
    """A token handed out."""

    value: str
    scheme: str
    issued: datetime


@dataclass(slots=True)
class Store:
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in OBJECTS})
    made: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OBJECTS, 0))
    grants: list[Grant] = field(default_factory=list)
    hook: dict[str, Any] = field(default_factory=dict)

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {
            "created": self._created,
            "updated": self._updated,
            "life_changed": self._life_changed,
            "deleted": self._deleted,
            "token_issued": self._token_issued,
            "hook_set": self._hook_set,
        }

    def new_key(self, object_name: str) -> str:
        """People count from 1000; other ids grow, as the vendor's (ObjectIds) do."""
        if object_name == "PersonnelObj":
            return str(FIRST_PERSON + self.made[object_name])
        return f"{list(OBJECTS).index(object_name):04x}{self.made[object_name] + 1:020x}"

    def numbers(self, object_name: str, now: datetime) -> Row:
        """The fields the vendor fills when a row is made."""
        made = self.made[object_name]
        return {
            "PersonnelObj": {"user_id": OPEN_USER.format(FIRST_PERSON + made), "status": "0"},
            "AccountObj": {"account_no": f"C{made + 1:05d}"},
            DEAL: {"deal_no__c": f"XS{now.astimezone(QUOTA_ZONE):%Y}{made + 1:05d}", "mc_currency": "CNY"},
        }.get(object_name, {})

    def living(self, object_name: str, key: str) -> bool:
        row = self.rows[object_name].get(key)
        return row is not None and row["life_status"] != "invalid"

    def lines_of(self, deal: str) -> list[Row]:
        return [row for row in self.rows[LINE].values() if row["new_opportunity_id"] == deal]

    def shown(self, object_name: str, row: Row, *, open_users: bool, nulls: bool = False) -> Row:
        """A row as the API gives it out: empty fields left out, names of references beside them."""
        seen = {name: value for name, value in row.items() if nulls or value not in (None, "", [])}
        for name, form in fields_of(object_name).items():
            if form.refers and row.get(name):
                seen[f"{name}__r"] = self.rows[form.refers].get(row[name], {}).get("name", "")
            if form.type == "employee" and row.get(name) and open_users:
                seen[name] = [OPEN_USER.format(person) for person in row[name]]
        return seen

    def _created(self, entry: Entry) -> None:
        name, by = entry.data["object"], entry.data["by"]
        stamp = _stamp(entry)
        self.made[name] += 1
        self.rows[name][entry.data["id"]] = {
            "_id": entry.data["id"],
            "object_describe_api_name": name,
            "owner": [by],
            "life_status": "normal",
            "created_by": [by],
            "create_time": stamp,
            "last_modified_by": [by],
            "last_modified_time": stamp,
            **entry.data["row"],
        }
        self._line_moved(name, entry)

    def _updated(self, entry: Entry) -> None:
        name = entry.data["object"]
        self.rows[name][entry.data["id"]].update(entry.data["row"])
        self._touch(name, entry.data["id"], entry)
        self._line_moved(name, entry)

    def _life_changed(self, entry: Entry) -> None:
        """A deal takes its lines along."""
        name, key = entry.data["object"], entry.data["id"]
        for object_name, row in [(name, self.rows[name][key])] + [
            (LINE, line) for line in (self.lines_of(key) if name == DEAL else [])
        ]:
            row["life_status"] = entry.data["life_status"]
            self._touch(object_name, row["_id"], entry)
        self._line_moved(name, entry)

    def _deleted(self, entry: Entry) -> None:
        del self.rows[entry.data["object"]][entry.data["id"]]

    def _token_issued(self, entry: Entry) -> None:
        self.grants.append(Grant(entry.data["value"], entry.data["scheme"], entry.at))

    def _hook_set(self, entry: Entry) -> None:
        self.hook = entry.data

    def _touch(self, object_name: str, key: str, entry: Entry) -> None:
        row = self.rows[object_name][key]
        row["last_modified_time"] = _stamp(entry)
        row["last_modified_by"] = [entry.data["by"]]

    def _line_moved(self, object_name: str, entry: Entry) -> None:
        """A changed line changes its deal: amounts roll up, the deal's stamp moves."""
        if object_name != LINE:
            return
        line = self.rows[LINE][entry.data["id"]]
        if {"quantity", "sales_price"} & entry.data.get("row", {}).keys() and "total_amount" not in entry.data["row"]:
            line["total_amount"] = str(round(Decimal(line["quantity"]) * Decimal(line["sales_price"]), 2))
        deal = self.rows[DEAL][line["new_opportunity_id"]]
        living = [row for row in self.lines_of(deal["_id"]) if row["life_status"] != "invalid"]
        deal["amount"] = str(sum((Decimal(row["total_amount"]) for row in living), Decimal("0.00")))
        self._touch(DEAL, deal["_id"], entry)


def _stamp(entry: Entry) -> int:
    return int(entry.at.replace(microsecond=0).timestamp()) * 1000 + entry.at.microsecond // 1000
