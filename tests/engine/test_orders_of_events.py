"""Every order in which a few edits of two systems can reach us, by webhook, poll and echo of our own writes: what comes
of it is the same, or one of the words nobody overruled."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from hub.canon.entity import Entity
from hub.canon.merge import merge
from hub.canon.ownership import may_set
from hub.db.kinds import parse_shape

SHAPE = parse_shape(
    "thing", {"a": "text", "b": "text", "free": "text", "items": [{"what": "text", "pieces": "decimal"}]}
)
RULES = {"a": ["left"], "b": ["right"], "free": "latest", "items": "latest"}
START = {"a": "a0", "b": "b0", "free": "f0"}
LINES = ("u", "v", "w")

Event = tuple[str, str]
"""`edit`, `read` or `write` and the system: a user's next edit; we read it as it stands; we write what differs."""


class Pair:
    """Two systems and the hub, without a database: the rules of merging alone."""

    def __init__(self) -> None:
        lines = [{"_id": n, "what": what, "pieces": "0"} for n, what in enumerate(LINES, 1)]
        self.entity: dict[str, Any] = {**START, "items": copy.deepcopy(lines)}
        self.setters: dict[str, tuple[str, str | None]] = {}
        self.now = 0
        self.record = {site: {**START, "items": self._keyed(lines)} for site in ("left", "right")}
        self.known = copy.deepcopy(self.record)
        self.stamp = dict.fromkeys(self.record, 0)
        self.edits = {site: iter(EDITS[site]) for site in self.record}

    def _keyed(self, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"_key": f"k{line['_id']}", **{n: v for n, v in line.items() if n != "_id"}} for line in lines]

    def happen(self, event: Event) -> None:
        self.now += 1
        getattr(self, event[0])(event[1])

    def edit(self, site: str) -> None:
        name, value = next(self.edits[site])
        if name in LINES:
            line = next(line for line in self.record[site]["items"] if line["what"] == name)
            line["pieces"] = value
        else:
            self.record[site][name] = value
        self.stamp[site] = self.now

    def read(self, site: str) -> None:
        stamp = f"{self.stamp[site]:03}"
        entity = Entity(1, "thing", 1, "left", self.entity, dict(self.setters))
        ids = {"items": {f"k{n}": n for n in range(1, len(LINES) + 1)}}
        merged = merge(
            SHAPE,
            copy.deepcopy(self.entity),
            self.known[site],
            copy.deepcopy(self.record[site]),
            allowed=lambda name: may_set(RULES, name, site, entity, stamp),
            line_ids=ids,
            late=lambda name: RULES.get(name) == "latest",
        )
        self.entity = merged.fields
        self.setters |= dict.fromkeys(merged.changed.keys() - merged.late, (site, stamp))
        self.known[site] = copy.deepcopy(self.record[site])

    def write(self, site: str) -> None:
        """Only when the record is as we know it: a conditional write. The answer is what we know then."""
        if self.record[site] != self.known[site]:
            self.read(site)
        wanted = {**self.entity, "items": self._keyed(self.entity["items"])}
        if wanted != self.record[site]:
            self.record[site] = copy.deepcopy(wanted)
            self.stamp[site] = self.now
        self.known[site] = copy.deepcopy(self.record[site])


EDITS = {
    "left": (("a", "a1"), ("free", "f-left"), ("u", "1")),
    "right": (("b", "b1"), ("free", "f-right"), ("v", "2")),
}


def interleaved(*streams: Sequence[Event]) -> Iterator[list[Event]]:
    """Every order of these that keeps each one's own."""
    if not any(streams):
        yield []
    for number, stream in enumerate(streams):
        if stream:
            rest = [*streams[:number], stream[1:], *streams[number + 1 :]]
            yield from ([stream[0], *tail] for tail in interleaved(*rest))


def orders(between: Sequence[Event]) -> Iterator[list[Event]]:
    left, right = [[("edit", site)] * 3 for site in ("left", "right")]
    yield from interleaved(left, right, between)


@pytest.mark.parametrize(
    "between",
    [
        [],
        [("read", "left"), ("write", "right")],
        [("read", "right"), ("write", "left")],
        [("write", "left"), ("write", "right")],
        [("read", "left"), ("read", "left"), ("write", "left")],
    ],
)
@pytest.mark.parametrize("last", [("left", "right"), ("right", "left")])
def test_every_order_ends_alike(between: Sequence[Event], last: tuple[str, str]) -> None:
    seen = 0
    for order in orders(between):
        pair = Pair()
        for event in order:
            pair.happen(event)
        for _ in range(2):
            for what in ("read", "write"):
                for site in last:
                    pair.happen((what, site))
        assert pair.record["left"] == pair.record["right"], order
        final = pair.record["left"]
        assert (final["a"], final["b"]) == ("a1", "b1"), order
        assert [line["pieces"] for line in final["items"]] == ["1", "2", "0"], order
        assert final["free"] in {"f-left", "f-right"}, order
        seen += 1
    assert seen == {0: 20, 2: 560, 3: 1680}[len(between)]
