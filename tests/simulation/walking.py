"""S1's walks on the real engine: a plan is acted out in a town, then all is made quiet and compared with the model."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import text

from hub.canon.write import PersonChange, person_change
from hub.config.catalogue import connectors
from hub.config.force import By
from hub.config.placed import Checker
from hub.config.versions import publish
from hub.db.session import Database
from hub.sdk.sandbox import HookPost
from hub.sync.controls import act_on_sync
from hub.sync.desk import Person
from hub.sync.engine import Engine
from hub.sync.golive import go_live
from tests.engine.conftest import EMPTY, RESTART
from tests.engine.town import Town, built, connection, own_kind, owners, sync
from tests.simulation.walks import DESK, FIELDS, FREE, LATER, OWNED, RANKED, Act, Document, Plan

TABLE = "orders"
THINGS = """
mapping: things
kind: thing
key: id
reference: hub_ref
version: updated_at
where: version
match: [[code]]
constants: {customer_id: anyone, number: n}
fields:
  code: code
%s
  items: {each: lines, key: id, fields: {what: what, pieces: {path: pieces, type: decimal}}}
"""
# `where: version` keeps the number that an update is made conditional on.
FIRST, SECOND = (THINGS % "\n".join(f"  {name}: {name}" for name in names) for names in (FIELDS, (*FIELDS, LATER)))


async def emptied(db: Database) -> None:
    async with db.begin("empty") as conn:
        await conn.execute(text(f"DO $$ BEGIN {EMPTY}; END $$"))
        await conn.execute(text(RESTART))


@dataclass
class Walk:
    """One plan at work. `wrong`: what was not as it must be."""

    plan: Plan
    town: Town
    engine: Engine
    documents: dict[int, Document] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    published: bool = False
    read: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[str, int], str] = field(default_factory=dict)
    by_users: Counter[tuple[str, str]] = field(default_factory=Counter)
    late: list[tuple[int, str, dict[int, HookPost]]] = field(default_factory=list)
    ticks: int = 0

    @classmethod
    async def begin(cls, db: Database, folder: Path, plan: Plan) -> "Walk":
        await emptied(db)
        rules: dict[str, str | list[str]] = {
            **OWNED,
            "rank": [site for site in RANKED if site in plan.sites],
            **dict.fromkeys(FREE, "latest"),
        }
        kind = own_kind("thing", **dict.fromkeys(("code", *FIELDS, LATER), "text"),
                        items=[{"what": "text", "pieces": "decimal"}])  # fmt: skip
        parts = [kind, owners("thing", **rules, items="latest", extra="latest")]
        for site in plan.sites:
            every = "20s" if site == "right" else "10s"
            how = {"stream": TABLE, "mapping": "things", "every": every, "on_delete": plan.on_delete}
            parts += [connection(site), sync(f"{site}-things", **how)]
        town = await built(db, folder, *parts, mappings=(FIRST,))
        town.rest["left"].set_hook({"url": "http://hub.test/hooks/left"})
        return cls(plan, town, await town.engine(plan.seed))

    async def act_out(self) -> None:
        for act in self.plan.acts:
            await getattr(self, f"_{act.what}")(act)

    # --- what people do --------------------------------------------------------------------------------------------

    def _record(self, site: str, doc: int | None) -> dict[str, Any] | None:
        assert doc is not None
        key = self.keys.get((site, doc))
        return self.town.rest[site].tables[TABLE].get(key) if key else None

    def _saved(self, act: Act, key: str | None, values: dict[str, Any]) -> dict[str, Any]:
        assert act.doc is not None
        made = self.town.save(act.site, TABLE, key, **values)
        self.keys[act.site, act.doc] = made["id"]
        self.by_users[act.site, made["code"]] += 1
        return made

    async def _create(self, act: Act) -> None:
        assert act.doc is not None
        document = self.documents[act.doc] = Document(act)
        values = {"number": "n", "customer_id": "anyone", "code": f"c{act.doc}", **act.values}
        self._saved(act, None, values)
        for name in FIELDS:
            if name in act.values:
                document.wrote(act.site, name, act.values[name])
        for line in act.values["lines"]:
            document.wrote_line(act.site, line["what"], line["pieces"])
        self.told["creates"] += 1

    async def _edit(self, act: Act) -> None:
        assert act.doc is not None
        record = self._record(act.site, act.doc)
        if record is None:
            return
        said = {name: value for name, value in act.values.items() if value is not None or record.get(name) is not None}
        self._saved(act, record["id"], said)
        for name, value in said.items():
            self.documents[act.doc].wrote(act.site, name, value)
        self.told["edits"] += 1

    async def _lines(self, act: Act) -> None:
        assert act.doc is not None
        record, how = self._record(act.site, act.doc), act.values
        if record is None:
            return
        lines = [dict(line) for line in record["lines"]]
        place = int(how["at"] * len(lines))
        number = int(str(how["word"]).rpartition(".")[2]) + 1000
        document = self.documents[act.doc]
        if how["what"] == "add":
            lines.insert(place, {"what": how["word"], "pieces": number, "id": f"{act.site}-{how['word']}"})
            document.wrote_line(act.site, how["word"], number)
        elif how["what"] == "change":
            lines[place]["pieces"] = number
            document.wrote_line(act.site, lines[place]["what"], number)
        elif lines[place]["what"] != f"w{act.doc}.0":  # an order that has lost all its lines is refused everywhere
            document.wrote_line(act.site, lines.pop(place)["what"], None)
        self._saved(act, record["id"], {"lines": lines})
        self.told["edits of lines"] += 1

    async def _person(self, act: Act) -> None:
        assert act.doc is not None
        rows = await self.town.rows(
            "SELECT l.entity_id FROM link l WHERE l.known ->> 'code' = :code LIMIT 1", code=f"c{act.doc}"
        )
        if not rows:
            return
        entities = {each.id: each for each in await self.town.entities(self.engine, "thing")}
        entity, document = entities[rows[0].entity_id], self.documents[act.doc]
        if entity.deleted:
            return
        for name, value in act.values.items():
            document.fields[name].see(DESK, entity.fields.get(name))
            document.wrote(DESK, name, value)
        wish = PersonChange("thing", entity.id, act.values, "anna", "as the walk wants it", "walk")
        async with self.town.db.begin("person") as conn:
            await person_change(conn, self.engine.kinds, wish, self.engine.match_sets, self.town.clock.now())
        self.told["corrections"] += 1

    async def _delete(self, act: Act) -> None:
        assert act.doc is not None
        record = self._record(act.site, act.doc)
        if record is None:
            return
        self.town.rest[act.site].act_remove({"table": TABLE, "id": record["id"]})
        self.documents[act.doc].deleted.add(act.site)
        if not self.plan.silent:
            await self.town.arrive_gone(self.engine, f"{act.site}-things", record["id"])
        self.told["deletes"] += 1

    # --- what happens to all ---------------------------------------------------------------------------------------

    async def _fault(self, act: Act) -> None:
        kind, match, times = act.values["kind"], act.values["match"], act.values["times"]
        if kind in {"busy", "throttled"}:
            self.town.refuse(act.site, kind.capitalize(), match, times)
        else:
            self.town.fault(act.site, kind, match, times=times)
        self.told["faults"] += times

    async def _pause(self, act: Act) -> None:
        mode = (await self.town.rows("SELECT mode FROM sync WHERE name = :name", name=f"{act.site}-things"))[0].mode
        await self.put(act.site, "live" if mode == "paused" else "pause")
        self.told["changes of mode"] += 1

    async def put(self, site: str, act: Literal["live", "pause"]) -> None:
        name, by = f"{site}-things", Person("anna", self.town.clock.now())
        async with self.town.db.begin("mode") as conn:
            if act == "live":
                await go_live(conn, self.engine.configuration, name, by)
            else:
                await act_on_sync(conn, name, act, by.name, by.now)
        self.engine = await self.town.engine(self.plan.seed + len(self.town.rest[site].ledger))

    async def _publish(self, act: Act) -> None:
        env = self.town.lookup()
        checker = Checker(connectors(), lambda source, name: env.get(name))
        async with self.town.db.begin("publish") as conn:
            made = await publish(conn, checker, "things", By("anna", self.town.clock.now(), "walk"), SECOND)
        assert made.problems == ()
        self.engine = await self.town.engine(self.plan.seed)
        self.published = True
        self.told["mappings published"] += 1

    async def _hooks(self, act: Act) -> None:
        """From now on this system tells us of its changes; what it has not told yet may be lost on the way."""
        there = self.town.rest[act.site]
        if act.values["lost"]:
            there.posts.clear()
        there.set_hook({"url": f"http://hub.test/hooks/{act.site}"})

    async def _late(self, act: Act) -> None:
        """What this system has to tell comes some ticks late, and the last of it first."""
        posts = self.town.rest[act.site].posts
        self.late.append((self.ticks + act.values["ticks"], act.site, dict(reversed(posts.items()))))
        posts.clear()

    def come_at_last(self) -> None:
        for _, site, posts in (each for each in self.late if each[0] <= self.ticks):
            self.town.rest[site].posts.update(posts)
        self.late = [each for each in self.late if each[0] > self.ticks]

    async def _tick(self, act: Act) -> None:
        self.ticks += 1
        self.come_at_last()
        await self.town.again(self.engine, **act.values)
        self.see()

    def see(self) -> None:
        """What every place has shown since, also for a moment."""
        for site in self.plan.sites:
            entries = list(self.town.rest[site].ledger)
            for entry in entries[self.read.get(site, 0) :]:
                if entry.event in {"created", "changed"}:
                    record = entry.data["record"]
                    doc = int(record["code"][1:])
                    self.keys.setdefault((site, doc), record["id"])
                    self.documents[doc].saw(site, record)
            self.read[site] = len(entries)
