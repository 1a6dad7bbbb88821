"""Who plays which part of the story: by what a connector is and which streams the syncs of a connection read and write."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hub.config.runtime import BoundSync, Configuration

PLAYED_BY: Final[Mapping[str, tuple[str, str]]] = {
    "crm": ("fxiaoke", "deals"),
    "erp": ("kingdee", "sales_orders"),
    "bank": ("bank_files", "transactions"),
}
"""Part -> its connector, and the stream that tells the first of several connections apart from the others."""
ACTS_IN: Final[Mapping[str, str]] = {"crm": "customers", "erp": "customers", "bank": "payments"}
"""Part -> without what its users have nothing to do."""
ROBOTS: Final = frozenset({"dingtalk", "wecom"})
REP, TEAM = "dingtalk", "wecom"
"""What the story calls those who tell the sales rep and the team, whichever robots these are here."""
PLAIN: Final = "rest"
"""Its users keep tables; they need no story."""
NOBODY: Final = "http://nobody"
"""Where a part is found that nobody plays: it has no past, and whatever its users would do is not done."""


@dataclass(frozen=True, slots=True)
class Parts:
    """`names`: part -> connection. `can`: what of the story can happen with these syncs, and so what can be judged.
    `tables`: the plain connections whose users make customers. `idle`: the connections that are read and in which nobody
    acts."""

    names: Mapping[str, str] = field(default_factory=dict)
    can: frozenset[str] = frozenset()
    tables: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def parts_of(configuration: Configuration) -> Parts:
    """The casting of a configuration. Of several that could play a part the first by name does."""
    names = dict(_players(configuration))
    names |= dict(_tellers(configuration))
    can = frozenset(what for what, holds in _possible(configuration, names).items() if holds)
    tables = tuple(_keepers(configuration))
    acting = {names[part] for part, needs in ACTS_IN.items() if part in names and needs in can} | set(tables)
    idle = {sync.connection for sync in configuration.readers()} - acting
    return Parts(names, can, tables, tuple(sorted(idle)))


def _players(configuration: Configuration) -> Iterator[tuple[str, str]]:
    used = {sync.connection for sync in configuration.syncs.values()}
    for part, (connector, stream) in PLAYED_BY.items():
        able = [name for name in sorted(used) if _connector(configuration, name) == connector]
        telling = {sync.connection for sync in configuration.syncs.values() if sync.stream == stream}
        if able:
            yield part, min(able, key=lambda name: (name not in telling, name))


def _tellers(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Who tells one person plays the rep's robot, who tells a group the team's; one that does both plays neither."""
    told = [sync for sync in configuration.syncs.values() if _of_payments(configuration, sync)]
    for part, to_one in ((REP, True), (TEAM, False)):
        mine = {sync.connection for sync in told if bool(sync.spec.message and sync.spec.message.to) is to_one}
        others = {sync.connection for sync in configuration.syncs.values() if sync.is_message and sync not in told}
        both = {sync.connection for sync in told if bool(sync.spec.message and sync.spec.message.to) is not to_one}
        if len(mine) == 1 and not mine & (others | both):
            yield part, mine.pop()


def _of_payments(configuration: Configuration, sync: BoundSync) -> bool:
    """Is it the message of the template, which the judge can count?"""
    message = sync.spec.message
    return (
        message is not None
        and _connector(configuration, sync.connection) in ROBOTS
        and message.when_changed == ("payment_status",)
    )


def _keepers(configuration: Configuration) -> Iterator[str]:
    for name in sorted(configuration.connections):
        sync = configuration.inbound(name, "customers")
        if sync is not None and _connector(configuration, name) == PLAIN and sync.kind == "customer":
            yield name


def _possible(configuration: Configuration, names: Mapping[str, str]) -> Mapping[str, bool]:
    """What can happen -> do the syncs carry it?"""

    def reads(part: str, stream: str) -> bool:
        sync = configuration.inbound(names.get(part, ""), stream)
        return sync is not None and _is_fed(configuration, sync)

    def writes(part: str, stream: str) -> bool:
        mine = (s for s in configuration.syncs.values() if (s.connection, s.stream) == (names.get(part), stream))
        return any(sync.writes and _is_fed(configuration, sync) for sync in mine)

    orders = reads("crm", "deals") and writes("erp", "sales_orders") and writes("crm", "deals")
    payments = orders and reads("bank", "transactions")
    return {
        "customers": reads("crm", "customers"),
        "customers there": reads("crm", "customers") and writes("erp", "customers"),
        "corrections back": writes("crm", "customers"),
        "deals": reads("crm", "deals"),
        "orders": orders,
        "documents": orders and reads("erp", "shipments") and reads("erp", "receivables"),
        "payments": payments,
        "receipts": payments and writes("erp", "receipts"),
        "messages": payments and {REP, TEAM} <= set(names),
    }


def _is_fed(configuration: Configuration, sync: BoundSync) -> bool:
    """Does its connection know every kind that its records refer to? Else they wait for ever, and rightly."""
    refs = () if sync.mapping is None else sync.mapping.refs
    return all(configuration.stream_of(sync.connection, ref.kind.partition(".")[0]) for ref in refs)


def _connector(configuration: Configuration, connection: str) -> str:
    bound = configuration.connections.get(connection)
    return "" if bound is None else bound.spec.connector
