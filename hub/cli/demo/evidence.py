"""What the vendors' ledgers say has happened: the demo does an act only if its evidence is missing, and waits for more."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import httpx

from hub.cli.demo.stage import VENDORS

Row = dict[str, Any]
AUDITED = "C"


class ActRefused(Exception):
    """A vendor's user could not do what the story says."""


class Evidence:
    """All ledgers, read on from where they were; and the acts of the vendors' users."""

    def __init__(self, urls: Mapping[str, str], http: httpx.Client | None = None) -> None:
        self._urls = dict(urls)
        self._http = http or httpx.Client(timeout=30)
        self._entries: dict[str, list[Row]] = {name: [] for name in VENDORS}
        self._seen: dict[str, int] = dict.fromkeys(VENDORS, 0)

    def close(self) -> None:
        self._http.close()

    def act(self, vendor: str, name: str, /, **given: Any) -> Row:
        """A user of the vendor does something."""
        body = json.dumps(given, default=str)
        reply = self._http.post(f"{self._urls[vendor]}/_sandbox/acts/{name}", content=body)
        reply.raise_for_status()
        answer: Row = json.loads(reply.content, parse_float=Decimal)
        if "refused" in answer:
            raise ActRefused(f"{vendor} {name}: {answer['refused']}")
        self.look(vendor)
        return answer

    def look(self, *vendors: str) -> None:
        """Read what the ledgers say since the last look."""
        for vendor in vendors or VENDORS:
            reply = self._http.get(f"{self._urls[vendor]}/_sandbox/ledger", params={"after": self._seen[vendor]})
            reply.raise_for_status()
            fresh: list[Row] = json.loads(reply.content, parse_float=Decimal)
            if fresh:
                self._seen[vendor] = fresh[-1]["number"]
                self._entries[vendor] += [entry for entry in fresh if entry["event"] != "call"]

    def calls(self) -> int:
        """How many entries the ledgers have, calls included."""
        return sum(self._seen.values())

    def of(self, vendor: str, event: str) -> Iterator[Row]:
        return (entry["data"] for entry in self._entries[vendor] if entry["event"] == event)

    def crm(self, name: str) -> dict[str, Row]:
        """The rows of a CRM object as they stand, by id."""
        rows: dict[str, Row] = {}
        for entry in self._entries["crm"]:
            data = entry["data"]
            if data.get("object") != name:
                continue
            if entry["event"] == "created":
                rows[data["id"]] = {"_id": data["id"], **data["row"]}
            elif entry["event"] == "updated":
                rows[data["id"]].update(data["row"])
        return rows

    def erp(self, form: str) -> list[Row]:
        """The ERP's documents of a form as they stand: fields, with `lines` inside."""
        documents: dict[int, Row] = {}
        for entry in self._entries["erp"]:
            data = entry["data"]
            if data.get("form") != form:
                continue
            if entry["event"] == "saved":
                documents[data["id"]] = {"_id": data["id"], **data["doc"]["fields"], "lines": data["doc"]["lines"]}
            elif entry["event"] == "moved":
                documents[data["id"]]["FDocumentStatus"] = data["status"]
        return list(documents.values())

    def audited(self, form: str) -> int:
        return sum(document["FDocumentStatus"] == AUDITED for document in self.erp(form))

    def shipments_of(self, order: str) -> int:
        """How many delivery notes name an order."""
        return sum(any(line["FSoorDerno"] == order for line in note["lines"]) for note in self.erp("SAL_OUTSTOCK"))

    def invoiced(self, order: str) -> bool:
        return any(line["FORDERNUMBER"] == order for bill in self.erp("AR_receivable") for line in bill["lines"])

    def messages(self, vendor: str, number: str) -> int:
        """How many delivered messages of a vendor speak of an order."""
        return self.told(vendor)[number] if number else 0

    def told(self, vendor: str) -> Counter[str]:
        """Order number -> messages that name it."""
        numbers = [deal["deal_no__c"] for deal in self.crm("NewOpportunityObj").values()]
        texts = [message["title"] + message["text"] for message in self.of(vendor, "message_sent")]
        return Counter(number for number in numbers for text in texts if number in text)
