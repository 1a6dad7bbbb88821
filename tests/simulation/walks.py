"""S1's model and its plans: what people, faults and the hub's keepers do to a few systems, all of it from one seed.

The model knows nothing of merging. It remembers, for each field, who wrote what, and what each place had shown before:
whoever writes where a value was to be seen has overruled that value. What stands in the end must be what somebody
wrote who may, and what nobody overruled. Where one system owns a field that is its last word exactly."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

SITES = ("left", "right", "middle")
DESK = "desk"
"""Where a person at the hub sees and writes."""
OWNED = {"mine": "left", "yours": "right"}
RANKED = ("left", "right", "middle")
FREE = ("free", "other")
FIELDS = ("made", *OWNED, "rank", *FREE)
MAY_BE_EMPTIED = (*OWNED, *FREE)
LATER = "extra"
"""Mapped only by the second version of the mapping."""


@dataclass(frozen=True)
class Act:
    """`what`: create, edit, lines, delete, person · fault, pause, publish, hooks, late, tick. `doc`: which document,
    None when the whole town is meant."""

    what: str
    doc: int | None = None
    site: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """One town's history. `on_delete` and `sites` are the town's; acts happen in this order. `silent`: nobody is told
    of a delete, and only a whole reading shows it."""

    seed: int
    sites: tuple[str, ...]
    on_delete: str
    silent: bool
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
    return Plan(seed, sites, "delete" if seed % 2 else "ignore", seed // 2 % 4 == 1, tuple(acts))


def _created(rng: random.Random, doc: int, sites: Sequence[str]) -> Act:
    values = {name: f"{name}{doc}.0" for name in FIELDS if name == "made" or rng.random() < 0.5}
    lines = [{"what": f"w{doc}.{n}", "pieces": n + 1} for n in range(rng.randint(1, 3))]
    return Act("create", doc, rng.choice(sites), {**values, "lines": lines})


def _step(rng: random.Random, doc: int, sites: Sequence[str], words: Any) -> list[Act]:
    chance, site = rng.random(), rng.choice(sites)
    if chance < 0.28:
        names = rng.sample((*FIELDS, LATER), rng.choice((1, 1, 2)))
        return [Act("edit", doc, site, {name: _word(rng, name, doc, site, words) for name in names})]
    if chance < 0.34:
        what = rng.choice(("add", "change", "remove"))
        return [Act("lines", doc, site, {"what": what, "word": f"w{doc}.{next(words)}", "at": rng.random()})]
    if chance < 0.36:
        name = rng.choice((*FREE, "mine", "yours"))
        return [Act("person", doc, DESK, {name: f"{name}{doc}.{next(words)}@{DESK}"})]
    return [Act("delete", doc, site)] if chance < 0.363 else []


def _word(rng: random.Random, name: str, doc: int, site: str, words: Any) -> str | None:
    """Now and then somebody empties a field."""
    value = f"{name}{doc}.{next(words)}@{site}"
    return None if name in MAY_BE_EMPTIED and rng.random() < 0.1 else value


def _world(rng: random.Random, sites: Sequence[str]) -> list[Act]:
    site, chance = rng.choice(sites), rng.random()
    if chance < 0.25:
        kind = rng.choice(("status", "status", "drop_before", "drop_after", "half", "busy", "throttled"))
        match = rng.choice(("", "/api/orders/"))
        return [Act("fault", site=site, values={"kind": kind, "match": match, "times": rng.randint(1, 3)})]
    if chance < 0.33:
        return [Act("pause", site=site)]
    if chance < 0.45:
        return [Act("late", site=site, values={"ticks": rng.randint(1, 6)})]
    return [Act("hooks", site=site, values={"lost": rng.random() < 0.5})] if chance < 0.5 else []


# --- the model -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Emptied:
    """What somebody wrote who left nothing there: to each his own."""

    site: str
    number: int


class Said:
    """One field of one document: who wrote what, who has seen what, and who overruled what by that."""

    def __init__(self) -> None:
        self.written: dict[Any, str] = {}
        self.overruled: defaultdict[Any, set[str]] = defaultdict(set)
        self.shown: defaultdict[str, set[Any]] = defaultdict(set)
        self.last: dict[str, Any] = {}

    def write(self, site: str, value: Any) -> None:
        for old in self.shown[site]:
            self.overruled[old].add(site)
        said = Emptied(site, len(self.written)) if value is None else value
        self.written[said] = site
        self.shown[site].add(said)

    def see(self, site: str, value: Any) -> None:
        """Where somebody emptied the field himself, that it is empty does not tell him that others did."""
        emptied = [said for said in self.written if isinstance(said, Emptied)]
        if value is not None:
            self.shown[site].add(value)
        elif self.last.get(site) is not None and site not in {said.site for said in emptied}:
            self.shown[site].update(emptied)
        self.last[site] = value

    def standing(self, gone: Set[str] = frozenset()) -> set[Any]:
        """What may stand in the end. `gone`: places whose record was deleted; what was written there last was perhaps
        never read."""
        left = {said for said in self.written if self.overruled[said] <= gone}
        unheard = {None} if {self.written[said] for said in left} <= gone else set()
        return {None if isinstance(said, Emptied) else said for said in left} | unheard


class Document:
    """What people have done to one document, wherever it is."""

    def __init__(self, act: Act) -> None:
        self.creator = act.site
        self.fields: defaultdict[str, Said] = defaultdict(Said)
        self.pieces: defaultdict[str, Said] = defaultdict(Said)
        self.deleted: set[str] = set()
        self.edits = 0
        self.foreign: defaultdict[tuple[str, str], set[Any]] = defaultdict(set)

    def owner(self, name: str) -> str | None:
        return self.creator if name == "made" else OWNED.get(name)

    def wrote(self, site: str, name: str, value: Any) -> None:
        self.edits += 1
        if self.owner(name) in {None, site} or site == DESK:
            self.fields[name].write(site, value)
        else:
            self.foreign[site, name].add(value)

    def wrote_line(self, site: str, word: str, pieces: int | None) -> None:
        """No pieces: the line was taken away."""
        self.edits += 1
        self.pieces[word].write(site, pieces)

    def saw(self, site: str, record: Mapping[str, Any]) -> None:
        for name in (*FIELDS, LATER):
            self.fields[name].see(site, record.get(name))
        lines = {line["what"]: int(line["pieces"]) for line in record.get("lines", ())}
        for word, said in self.pieces.items():
            said.see(site, lines.get(word))

    def wrong(self, found: Mapping[str, Mapping[str, Any]], heard: Set[str], *, later: bool) -> list[str]:
        """What is not as it must be in the end. `found`: place -> its record; what the hub itself knows is one of them.
        `heard`: the fields of which the hub has ever heard anything from who may set them."""
        names = (*FIELDS, LATER) if later else FIELDS
        return [
            *(told for name in names for told in self._wrong_field(name, found, heard=name in heard)),
            *self._wrong_lines(found),
        ]

    def _wrong_field(self, name: str, found: Mapping[str, Mapping[str, Any]], *, heard: bool) -> list[str]:
        values = {site: record.get(name) for site, record in found.items()}
        strange = [
            f"{name} at {site} is {value}, which nobody wrote there"
            for site, value in values.items()
            if value is not None and value not in self.foreign[site, name]
        ]
        # Where its owner said nothing, or emptied it before he was heard, what others keep there is their own affair.
        may = self._may(name)
        if None in may and not heard and not strange:
            return []
        if len(set(values.values())) > 1:
            return [f"{name} differs: {values}"]
        value = next(iter(values.values()))
        return [] if value in may else [f"{name} is {value}, and must be one of {sorted(map(str, may))}"]

    def _may(self, name: str) -> set[Any]:
        said = self.fields[name]
        if name != "rank" or not said.written:
            return said.standing(self.deleted)
        highest = next(site for site in RANKED if site in said.written.values())
        if highest in self.deleted:
            return {*said.written, None}
        return {[value for value, site in said.written.items() if site == highest][-1]}

    def _wrong_lines(self, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
        lists = {
            site: {line["what"]: int(line["pieces"]) for line in record["lines"]} for site, record in found.items()
        }
        lines = next(iter(lists.values()))
        doubled = [site for site, record in found.items() if len(lists[site]) != len(record["lines"])]
        if doubled or any(each != lines for each in lists.values()):
            return [f"lines differ: {lists}, in doubt at {doubled}"]
        told = [f"line {word} came from nobody" for word in lines if word not in self.pieces]
        for word, said in self.pieces.items():
            may = said.standing(self.deleted)
            if lines.get(word) not in may:
                told.append(f"line {word} has {lines.get(word)}, and must have one of {sorted(map(str, may))}")
        return told
