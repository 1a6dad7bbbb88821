"""A vendor's list, scripted: rows with stamps as bad as stamps get, pages in three ways, things that happen between two
requests. It speaks the declarative `rest` connector's JSON."""

import bisect
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import yaml

from hub.sdk import jsontext
from tests.support.sdk import FixedClock

HOST = "http://list.test"
Stamped = Callable[[datetime, ZoneInfo], str]


def milliseconds(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def offset_seconds(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")


def local_seconds(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def local_minutes(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def local_day(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d")


def day_as_midnight(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%dT00:00:00")


def epoch_milliseconds(at: datetime, zone: ZoneInfo) -> str:
    return str(int(at.timestamp() * 1000))


def epoch_seconds(at: datetime, zone: ZoneInfo) -> str:
    return str(int(at.timestamp()))


@dataclass
class Row:
    key: int
    stamp: str
    seen_from: datetime
    values: dict[str, Any]


@dataclass
class VendorList(httpx.AsyncBaseTransport):
    """`between` happens before each answer. `bad`: answers that take the place of the list's own, in turn. `told`: does
    an answer say how many rows there are. `single`: can one row be asked for by its id."""

    clock: FixedClock
    stamped: Stamped = milliseconds
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    paging: str = "page"
    size: int = 100
    ordered: bool = True
    cursor: bool = True
    told: bool = False
    single: bool = True
    between: Callable[[], None] | None = None
    bad: Callable[[httpx.Request, dict[str, Any]], httpx.Response | None] | None = None
    rows: dict[int, Row] = field(default_factory=dict)
    calls: int = 0
    _order: list[tuple[str, int]] = field(default_factory=list)

    def config(self) -> dict[str, Any]:
        stream: dict[str, Any] = {
            "path": "/rows",
            "list": "items",
            "paging": {"kind": self.paging, "size": self.size},
        }
        if self.paging == "next_link":
            stream["paging"]["next"] = "next"
        if self.told:
            stream["paging"]["total"] = "total"
        if self.cursor:
            stream["cursor"] = {"param": "since", "path": "changed", "sorted": self.ordered}
            if self.stamped is day_as_midnight:
                stream["cursor"]["granularity"] = "day"
        if self.single:
            stream["get"] = {"path": "/rows/{id}"}
        return {"base_url": HOST, "zone": str(self.zone), "streams": {"rows": stream}}

    def save(self, key: int | None = None, *, late: float = 0, **values: Any) -> Row:
        """A row is written now; it is seen `late` seconds from now with the stamp of now."""
        now = self.clock.now()
        number = key if key is not None else len(self.rows) + 1
        old = self.rows.get(number)
        if old is not None:
            self._forget(old)
        row = Row(number, self.stamped(now, self.zone), now + timedelta(seconds=late), values)
        self.rows[number] = row
        bisect.insort(self._order, (row.stamp, number))
        return row

    def remove(self, key: int) -> None:
        self._forget(self.rows.pop(key))

    def _forget(self, row: Row) -> None:
        del self._order[bisect.bisect_left(self._order, (row.stamp, row.key))]

    def _listed(self, since: str) -> list[Row]:
        now = self.clock.now()
        keys = self._order[bisect.bisect_left(self._order, (since, -1)) :]
        found = [self.rows[key] for _, key in keys]
        found = [row for row in found if row.seen_from <= now]
        return found if self.ordered else sorted(found, key=lambda row: row.key * 7919 % 10_007)

    def said(self, row: Row) -> dict[str, Any]:
        return {"id": str(row.key), "changed": row.stamp, **row.values}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.between is not None:
            self.between()
        one = request.url.path.rpartition("/rows")[2].strip("/")
        if one:
            row = self.rows.get(int(one))
            there = row is not None and row.seen_from <= self.clock.now()
            return (
                answer(self.said(row)) if row is not None and there else httpx.Response(404, json={"message": "gone"})
            )
        body = self._page(request)
        bad = self.bad(request, body) if self.bad is not None else None
        return bad if bad is not None else answer(body)

    def _page(self, request: httpx.Request) -> dict[str, Any]:
        asked = request.url.params
        rows = self._listed(asked.get("since", ""))
        start = int(asked.get("offset", 0))
        if self.paging == "page":
            start = (int(asked.get("page", 1)) - 1) * self.size
        body: dict[str, Any] = {"items": [self.said(row) for row in rows[start : start + self.size]]}
        if self.told:
            body["total"] = len(rows)
        if self.paging == "next_link" and start + self.size < len(rows):
            body["next"] = str(request.url.copy_set_param("offset", str(start + self.size)))
        return body


def answer(body: Any) -> httpx.Response:
    return httpx.Response(200, content=jsontext.dumps(body), headers={"content-type": "application/json"})


def yaml_of(body: Any) -> str:
    return str(yaml.safe_dump(body))


@dataclass
class Unrest:
    """What users do while the hub reads: new rows, several of one moment, changes, late commits."""

    vendor: VendorList
    random: random.Random
    most: int
    deletes: bool = False
    made: int = 0
    revision: int = 0

    def burst(self, count: int) -> None:
        """So many rows at this very moment."""
        for _ in range(min(count, self.most - self.made)):
            self.made += 1
            late = self.random.choice((0, 0, 0, self.random.uniform(0, 60)))
            self.vendor.save(self.made, late=late, name=self._next())

    def change(self) -> None:
        keys = [key for key in (self.random.randint(1, max(self.made, 1)) for _ in range(2)) if key in self.vendor.rows]
        for key in keys:
            self.vendor.save(key, name=self._next())

    def between(self) -> None:
        """Now and then something happens between two requests."""
        self.vendor.clock.advance(milliseconds=self.random.choice((5, 40, 700)))
        if self.random.random() < 0.3:
            self.change()
        if self.random.random() < 0.2:
            self.burst(self.random.randint(1, 4))
        if self.deletes and self.random.random() < 0.1 and self.vendor.rows:
            self.vendor.remove(self.random.choice(list(self.vendor.rows)))

    def _next(self) -> str:
        self.revision += 1
        return f"r{self.revision}"
