"""The users of plain JSON systems: they enter customers and change them, in the words that the connection's mapping reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hub.cli.demo.story import Story
from hub.cli.drill.ground import Ground
from hub.config.runtime import BoundSync, Configuration
from hub.sdk import jsontext

STREAM = "customers"


@dataclass(slots=True)
class Tables:
    """The story's customers, dealt out among the plain connections in turn."""

    ground: Ground
    configuration: Configuration
    story: Story
    saved: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name of a customer -> where it was made, and its key there."""

    def hang_the_hooks(self) -> None:
        for name in self.ground.parts.tables:
            if self.configuration.connections[name].hooked:
                self._act(name, "set_hook", url=f"{self.ground.hub_url}/hooks/{name}")

    def fill(self) -> None:
        """New customers, each in one of the systems."""
        for number, customer in enumerate(self.story.customers, 1):
            name = self.ground.parts.tables[number % len(self.ground.parts.tables)]
            record = self._record(name, number, customer.phone, creating=True)
            self.saved[customer.name] = (name, str(self._act(name, "save", table=STREAM, record=record)["id"]))

    def change(self) -> None:
        """Everybody's number changes."""
        for number in range(len(self.saved)):
            self.change_one(number)

    def change_one(self, number: int) -> None:
        """The number of one of them changes."""
        if not self.saved:
            return
        place = number % len(self.saved)
        name, key = list(self.saved.values())[place]
        record = self._record(name, place + 1, f"0000-7{number:07}", creating=False)
        self._act(name, "save", table=STREAM, id=key, record=record)

    def _record(self, name: str, number: int, phone: str, *, creating: bool) -> dict[str, Any]:
        customer = self.story.customers[number - 1]
        entity = {"number": f"D{number:03}", "name": customer.name, "uscc": customer.code, "phone": phone}
        sync = self.configuration.inbound(name, STREAM)
        assert sync is not None and sync.mapping is not None
        written = {name: value for name, value in entity.items() if name in sync.mapping.fields_out}
        return sync.mapping.write(written, creating=creating)

    def _act(self, name: str, act: str, **given: Any) -> dict[str, Any]:
        with self.ground.http() as http:
            url = f"{self.ground.vendors[name].url}/_sandbox/acts/{act}"
            reply = http.post(url, content=jsontext.dumps(given)).raise_for_status()
        answer: dict[str, Any] = jsontext.loads(reply.content)
        return answer


def customers_at(ground: Ground, sync: BoundSync) -> Iterator[str]:
    """The names of the customers that a target's own ledger holds now."""
    folded: dict[str, str] = {}
    for entry in ground.ledger(sync.connection):
        folded |= _HOLD[ground.vendors[sync.connection].connector](sync, entry)
    yield from folded.values()


def _plain(sync: BoundSync, entry: dict[str, Any]) -> dict[str, str]:
    data = entry["data"]
    if entry["event"] not in ("created", "changed") or data["table"] != sync.stream or sync.mapping is None:
        return {}
    reading = sync.mapping.read(data["record"])
    return {reading.key: str(reading.entity.get("name"))}


def _crm(sync: BoundSync, entry: dict[str, Any]) -> dict[str, str]:
    data = entry["data"]
    made = entry["event"] in ("created", "updated") and data["object"] == "AccountObj" and "name" in data["row"]
    return {data["id"]: data["row"]["name"]} if made else {}


def _erp(sync: BoundSync, entry: dict[str, Any]) -> dict[str, str]:
    data = entry["data"]
    made = entry["event"] == "saved" and data["form"] == "BD_Customer"
    return {str(data["id"]): data["doc"]["fields"]["FName"]} if made else {}


_HOLD = {"rest": _plain, "fxiaoke": _crm, "kingdee": _erp}
HOLDERS = frozenset(_HOLD)
"""Connectors whose ledgers we can read customers from."""
