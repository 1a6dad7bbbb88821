"""The people of a drill: the vendors' users, who do the next thing that can be done, and those whose turn a refusal makes it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.canon.write import PersonChange, person_change
from hub.cli.demo.cast import ACCOUNT, Cast
from hub.cli.demo.evidence import ActRefused, Evidence
from hub.cli.demo.stage import VENDORS
from hub.cli.demo.story import Customer, make_story
from hub.cli.drill.ground import Ground
from hub.cli.drill.tables import Tables
from hub.sync import desk
from hub.sync.engine import Engine

WHO: Final = "drill"
LOST: Final = "PerhapsCreated"


@dataclass(frozen=True, slots=True)
class Scene:
    """What users do: whether these syncs carry it at all, and when its time has come."""

    name: str
    carried: bool
    ready: Callable[[], bool]
    act: Callable[[], None]


@dataclass(slots=True)
class People:
    """Everybody who acts in one drill."""

    ground: Ground
    engine: Engine
    cast: Cast = field(init=False)
    tables: Tables = field(init=False)
    done: set[str] = field(default_factory=set)
    count: int = 0

    def __post_init__(self) -> None:
        ground = self.ground
        evidence = Evidence({part: ground.url(part) for part in VENDORS}, ground.http())
        story = make_story(ground.plan.seed)
        self.cast = Cast(story, ground, evidence, ground.clock)
        self.tables = Tables(ground, self.engine.configuration, story)

    def close(self) -> None:
        self.cast.evidence.close()

    def hang_the_hooks(self) -> None:
        """An admin gives the vendors the hub's address."""
        self.cast.evidence.look()
        crm = self.ground.parts.names.get("crm")
        if crm is not None and self.engine.configuration.connections[crm].hooked:
            token = self.ground.config("crm")["hook_token"]
            url = f"{self.ground.hub_url}/hooks/{crm}"
            self.cast.evidence.act("crm", "set_hook", url=url, token=token, events=["deal_won"])
        self.tables.hang_the_hooks()

    def act(self) -> str | None:
        """The next thing that can be done is done; its name."""
        self.cast.evidence.look()
        for scene in self._scenes():
            if scene.carried and scene.name not in self.done and scene.ready():
                try:
                    scene.act()
                except ActRefused:
                    return None
                self.done.add(scene.name)
                return scene.name
        return None

    def go_on(self) -> None:
        """Between the scenes users go on with what they do all day: somebody's telephone number changes."""
        self.count += 1
        rows = [key for key, row in self.cast.evidence.crm(ACCOUNT).items() if row.get("tel")]
        if rows:
            tel = f"0000-8{self.count:07}"
            self.cast.evidence.act("crm", "edit", object=ACCOUNT, id=rows[self.count % len(rows)], data={"tel": tel})
        self.tables.change_one(self.count)

    def undone(self) -> list[str]:
        """What these syncs carry and could not be done yet."""
        return [scene.name for scene in self._scenes() if scene.carried and scene.name not in self.done]

    def _scenes(self) -> Sequence[Scene]:
        cast, can, done = self.cast, self.ground.parts.can, self.done

        def ordered() -> bool:
            return "won" in done and all(map(cast.order_number, cast.story.deals))

        def after(scene: str) -> Callable[[], bool]:
            return lambda: scene in done

        tables, documents, payments = bool(self.ground.parts.tables), "documents" in can, "payments" in can
        return (
            Scene("tables", tables, lambda: True, self.tables.fill),
            Scene("books", "customers" in can, lambda: True, cast.keep_books),
            Scene("customers", "customers" in can, after("books"), cast.find_customers),
            Scene("won", "customers" in can and "deals" in can, after("customers"), cast.win),
            Scene("second thoughts", tables, after("tables"), self.tables.change),
            Scene("invoiced", documents, ordered, cast.invoice),
            Scene("first trip", documents, ordered, lambda: cast.ship(0)),
            Scene("second trip", documents, after("first trip"), lambda: cast.ship(1)),
            Scene("first statement", payments, ordered, lambda: cast.book(0)),
            Scene("second statement", payments, self._first_money_shown, lambda: cast.book(1)),
        )

    def _first_money_shown(self) -> bool:
        """The bank's next day begins when the CRM shows what came in on the first."""
        shown = {deal: self.cast.deal_row(deal).get("payment_status__c") for deal in self.cast.story.deals}
        paid = {movement.deal for movement in self.cast.story.statements[0] if movement.deal is not None}
        known = all(shown[self.cast.story.deals[number]] in ("partial", "paid") for number in paid)
        return "first statement" in self.done and known

    def made(self) -> Iterator[str]:
        """The names of the customers that users made."""
        if "customers" in self.done:
            yield from (customer.name for customer in self.cast.story.customers)
        yield from self.tables.saved

    async def settle(self) -> None:
        """Whose turn it is does it: the refused customer gets its right code; what else was parked is tried again,
        but what was perhaps sent or created stays with its owner."""
        rows = self.ground.rows
        parked = await rows("SELECT id, kind, entity_id, error_class FROM delivery WHERE state = 'parked' ORDER BY id")
        inbox = [row.id for row in await rows("SELECT id FROM inbox WHERE state = 'parked' ORDER BY id")]
        refused = [row for row in parked if row.error_class == "Rejected" and row.kind == "customer"]
        again = [row.id for row in parked if row.error_class not in (LOST, "Rejected")]
        now = self.engine.now()
        if refused and "corrections back" not in self.ground.parts.can:
            self._correct_at_the_source()
            refused = []

        async def act() -> None:
            async with self.ground.db.begin("persons") as conn:
                for row in refused:
                    values = {"uscc": self._refused().code}
                    wish = PersonChange(row.kind, row.entity_id, values, WHO, "the code was wrong", "correct")
                    await person_change(conn, self.engine.kinds, wish, self.engine.match_sets, now)
                await desk.retry(conn, "delivery", again, WHO, now)
                await desk.retry(conn, "inbox", inbox, WHO, now)

        await self.ground.db.retrying(act)

    def _refused(self) -> Customer:
        return self.cast.story.customers[self.cast.story.refused]

    def _correct_at_the_source(self) -> None:
        """Nothing goes back into the CRM here, so its user corrects the code where it was typed."""
        customer = self._refused()
        for key, row in self.cast.evidence.crm(ACCOUNT).items():
            if row["name"] == customer.name and row["uscc__c"] != customer.code:
                self.cast.evidence.act("crm", "edit", object=ACCOUNT, id=key, data={"uscc__c": customer.code})

    async def perhaps(self) -> Counter[str]:
        """Connection -> messages and records of which a person was told that they are perhaps there."""
        found: Sequence[Any] = await self.ground.rows(
            f"SELECT connection FROM delivery WHERE state = 'parked' AND error_class = '{LOST}'"
        )
        return Counter(row.connection for row in found)
