"""S1's model and its plans: what people, faults and the hub's keepers do to a few systems, all of it from one seed.

The model knows nothing of merging. It remembers, for each field, who wrote what, and what each place had shown before:
whoever writes where a value was to be seen has overruled that value. What stands in the end must be what somebody
wrote who may, and what nobody overruled. Where one system owns a field that is its last word exactly."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SITES = ("left", "right", "middle")
DESK = "desk"
"""Where a person at the hub sees and writes."""
OWNED = {"mine": "left", "yours": "right"}
RANKED = ("left", "right", "middle")
FREE = ("free", "other")
FIELDS = ("made", *OWNED, "rank", *FREE)
LATER = "extra"
"""Mapped only by the second version of the mapping."""


@dataclass(frozen=True)
class Act:
    """`what`: create, edit, lines, delete, person · fault, pause, publish, hooks, tick. `doc`: which document, None
    when the whole town is meant."""

    what: str
    doc: int | None = None
    site: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """One town's history. `on_delete` and `sites` are the town's; acts happen in this order."""

    seed: int
    sites: tuple[str, ...]
    on_delete: str
    faulty: bool
    acts: tuple[Act, ...]

    def only(self, docs: Iterable[int]) -> "Plan":
        kept = {*docs, None}
        return replace(self, acts=tuple(act for act in self.acts if act.doc in kept))


def planned(seed: int, docs: int, steps: int) -> Plan:
    """`docs` documents, each with `steps` steps: an act of somebody, or none while the hub works."""
    rng = random.Random(seed)
    sites = SITES[: 3 if seed % 3 == 2 else 2]
    faulty = seed % 4 != 3
    acts = [_created(rng, doc, sites) for doc in range(docs)]
    acts.append(Act("tick", values={"seconds": 10}))
    publish = rng.randrange(steps // 4, steps)
    words = iter(range(100, 10**9))
    for step in range(1, steps):
        for doc in range(docs):
            acts += _step(rng, doc, sites, words)
        acts += _world(rng, sites) if faulty else []
        if step == publish:
            acts.append(Act("publish"))
        acts.append(Act("tick", values={"seconds": rng.choice((1, 5, 10, 30))}))
    return Plan(seed, sites, "delete" if seed % 2 else "ignore", faulty, tuple(acts))


def _created(rng: random.Random, doc: int, sites: Sequence[str]) -> Act:
    values = {name: f"{name}{doc}.0" for name in FIELDS if name == "made" or rng.random() < 0.5}
    lines = [{"what": f"w{doc}.{n}", "pieces": n + 1} for n in range(rng.randint(1, 3))]
    return Act("create", doc, rng.choice(sites), {**values, "lines": lines})


def _step(rng: random.Random, doc: int, sites: Sequence[str], words: Any) -> list[Act]:
    chance, site = rng.random(), rng.choice(sites)
    if chance < 0.28:
        names = rng.sample((*FIELDS, LATER), rng.choice((1, 1, 2)))
        return [Act("edit", doc, site, {name: f"{name}{doc}.{next(words)}@{site}" for name in names})]
    if chance < 0.34:
        what = rng.choice(("add", "change", "remove"))
        return [Act("lines", doc, site, {"what": what, "word": f"w{doc}.{next(words)}", "at": rng.random()})]
    if chance < 0.36:
        name = rng.choice((*FREE, "mine", "yours"))
        return [Act("person", doc, DESK, {name: f"{name}{doc}.{next(words)}@{DESK}"})]
    return [Act("delete", doc, site)] if chance < 0.362 else []


def _world(rng: random.Random, sites: Sequence[str]) -> list[Act]:
    site, chance = rng.choice(sites), rng.random()
    if chance < 0.25:
        kind = rng.choice(("status", "status", "drop_before", "drop_after", "half", "busy", "throttled"))
        match = rng.choice(("", "/api/orders/"))
        return [Act("fault", site=site, values={"kind": kind, "match": match, "times": rng.randint(1, 3)})]
    if chance < 0.33:
        return [Act("pause", site=site)]
    return [Act("hooks", site=site, values={"lost": rng.random() < 0.5})] if chance < 0.4 else []


# --- the model -----------------------------------------------------------------------------------------------------


class Said:
    """One field of one document: who wrote what, and what was overruled."""

    def __init__(self) -> None:
        self.written: dict[Any, str] = {}
        self.overruled: set[Any] = set()
        self.shown: defaultdict[str, set[Any]] = defaultdict(set)

    def write(self, site: str, value: Any) -> None:
        self.overruled |= self.shown[site]
        self.written[value] = site
        self.shown[site].add(value)

    def standing(self) -> set[Any]:
        return self.written.keys() - self.overruled


class Document:
    """What people have done to one document, wherever it is."""

    def __init__(self, act: Act) -> None:
        self.creator = act.site
        self.fields: defaultdict[str, Said] = defaultdict(Said)
        self.pieces: defaultdict[str, Said] = defaultdict(Said)
        self.removed: set[str] = set()
        self.deleted: set[str] = set()
        self.edits = 0
        self.foreign: defaultdict[str, set[str]] = defaultdict(set)

    def may(self, site: str, name: str) -> bool:
        owner = self.creator if name == "made" else OWNED.get(name)
        return owner is None or site in {owner, DESK}

    def wrote(self, site: str, name: str, value: Any) -> None:
        self.edits += 1
        if self.may(site, name):
            self.fields[name].write(site, value)
        else:
            self.foreign[site].add(name)

    def wrote_line(self, site: str, word: str, pieces: int | None) -> None:
        self.edits += 1
        if pieces is None:
            self.removed.add(word)
        else:
            self.pieces[word].write(site, pieces)

    def saw(self, site: str, record: Mapping[str, Any]) -> None:
        for name in (*FIELDS, LATER):
            if record.get(name) is not None:
                self.fields[name].shown[site].add(record[name])
        for line in record.get("lines", ()):
            self.pieces[line["what"]].shown[site].add(int(line["pieces"]))

    def wrong(self, found: Mapping[str, Mapping[str, Any]], *, later: bool) -> list[str]:
        """What is not as it must be in the end. `found`: site -> its record."""
        if self.deleted:
            return []  # what was written just before a delete was perhaps never read
        return [
            *(told for name in (*FIELDS, *((LATER,) if later else ())) for told in self._wrong_field(name, found)),
            *self._wrong_lines(found),
        ]

    def _wrong_field(self, name: str, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
        values = {site: record.get(name) for site, record in found.items()}
        if not self.fields[name].written:  # its owner never said anything: what others keep there is their own affair
            return [
                f"{name} at {site} came from nobody"
                for site, v in values.items()
                if v and name not in self.foreign[site]
            ]
        if len(set(values.values())) > 1:
            return [f"{name} differs: {values}"]
        said, value = self.fields[name], next(iter(values.values()), None)
        may = said.standing()
        if name == "rank":
            highest = next((site for site in RANKED if site in said.written.values()), None)
            may = {[v for v, site in said.written.items() if site == highest][-1]} if highest else set()
        if value not in may and (may or value is not None):
            return [f"{name} is {value}, and must be one of {sorted(may)}"]
        return []

    def _wrong_lines(self, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
        lists = {
            site: {line["what"]: int(line["pieces"]) for line in record["lines"]} for site, record in found.items()
        }
        if not lists:
            return []
        lines = next(iter(lists.values()))
        doubled = [site for site, record in found.items() if len(lists[site]) != len(record["lines"])]
        if doubled or any(each != lines for each in lists.values()):
            return [f"lines differ: {lists}, in doubt at {doubled}"]
        lost = [word for word in self.pieces if word not in self.removed and word not in lines]
        told = [f"line {word} is lost" for word in lost]
        for word, pieces in lines.items():
            if pieces not in self.pieces[word].standing():
                told.append(f"line {word} has {pieces}, and must have {sorted(self.pieces[word].standing())}")
        return told
