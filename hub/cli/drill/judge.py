"""What the drill came to: from the vendors' ledgers and books, nothing lost, nothing twice, nothing without an owner."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hub.cli.demo.checker import compare, read_world
from hub.cli.drill.ground import Ground
from hub.cli.drill.people import People
from hub.cli.drill.tables import HOLDERS, customers_at
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping
from hub.mapping.faults import RecordError
from hub.sdk.errors import Throttled, Unavailable
from hub.sync.engine import Engine

Verdict = dict[str, Any]
Entries = Mapping[str, Sequence[dict[str, Any]]]
"""Connection -> its vendor's ledger."""
MADE: Final = ("created", "saved")
"""Events by which a ledger says that a record came to be."""
COME_AGAIN: Final = 503
TRIES: Final = 8
PAGE: Final = 20
PAUSE_SECONDS: Final = 5.0
NEEDS: Final[Mapping[str, str]] = {
    "won deals and ERP orders": "orders",
    "customers": "customers there",
    "totals and lines": "orders",
    "shipping and invoicing status": "documents",
    "payment status, amount, date": "payments",
    "ERP receipts": "receipts",
    "messages": "messages",
}
"""Check of the demo's checker -> what the configuration must carry for it to mean anything."""


async def judge(ground: Ground, engine: Engine, people: People) -> list[Verdict]:
    """`{name, zh, ok, faults}` each."""
    ledgers = {name: ground.ledger(name) for name in ground.vendors}
    perhaps = await people.perhaps()
    undone = [f"the scene {scene!r} never had its turn" for scene in people.undone()]
    answers = [
        told("everything that users do could be done", "用户要做的都做成了", undone),
        told("no call of a vendor was lost", "对方的回调无一丢失", await _calls(ground, ledgers)),
        _every_customer(ground, engine, people, perhaps),
        told("nothing twice", "没有重复创建", list(_twice(ledgers, engine))),
        told("nothing in the air", "没有停在半路的工作", await _in_the_air(ground)),
        told("everything unfinished has an owner", "未完成的都有责任人与原因", await _without_owner(ground)),
        told("both sides agree", "两侧字段一致（按归属）", await _disagree(ground, engine)),
    ]
    if {"crm", "erp"} <= set(ground.parts.names):
        answers += _by_the_vendors(ground, perhaps)
    return answers


def told(name: str, zh: str, faults: Sequence[str]) -> Verdict:
    return {"name": name, "zh": zh, "ok": not faults, "faults": list(faults)}


async def _calls(ground: Ground, ledgers: Entries) -> list[str]:
    """Every call that a vendor owed was accepted in the end, refused to its face, or given up by a caller who met nobody
    and so knows that nothing was taken; what was accepted is on file, and as news only once."""
    faults = []
    for name, entries in sorted(ledgers.items()):
        answers = [entry["data"] for entry in entries if entry["event"] == "post_answered"]
        accepted = sum(200 <= data["status"] < 300 for data in answers)
        heard = {data["number"] for data in answers if data["status"] < 500}
        heard |= {entry["data"]["number"] for entry in entries if _is_given_up(entry)}
        owed = {entry["number"] for entry in entries if entry["event"] == "post_owed"}
        faults += [f"{name}: call {number} was never heard" for number in sorted(owed - heard)]
        (row,) = await ground.rows(
            "SELECT count(*) AS n FROM receipt WHERE connection = :c AND source = 'hook'", c=name
        )
        if row.n < accepted:
            faults.append(f"{name}: {accepted} calls were accepted, {row.n} are on file")
    twice = await ground.rows(
        "SELECT connection, event_id, count(*) AS n FROM receipt WHERE verdict = 'accepted' AND source = 'hook'"
        " AND event_id NOT LIKE 'sha256:%' GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2"
    )
    return faults + [f"{row.connection}: event {row.event_id} was taken for news {row.n} times" for row in twice]


def _is_given_up(entry: dict[str, Any]) -> bool:
    data = entry["data"]
    return (entry["event"] == "post_failed" or data.get("status") == COME_AGAIN) and bool(data.get("last"))


def _every_customer(ground: Ground, engine: Engine, people: People, perhaps: Counter[str]) -> Verdict:
    """What users made stands once at every target that takes new customers without a condition; of one that was perhaps
    created a person was told."""
    made = list(people.made())
    faults: list[str] = []
    asked: list[str] = []
    for sync in engine.configuration.syncs.values():
        if not made or not _takes_customers(ground, sync):
            continue
        there = Counter(customers_at(ground, sync))
        missing = [f"{sync.connection}: {name} is not there" for name in made if not there[name]]
        (asked if len(missing) <= perhaps[sync.connection] else faults).extend(missing)
        faults += [f"{sync.connection}: {name} is there {there[name]} times" for name in made if there[name] > 1]
    verdict = told("every customer everywhere, once", "每个客户各处恰有一个", faults)
    return verdict | ({"left_to_a_person": asked} if asked else {})


def _takes_customers(ground: Ground, sync: BoundSync) -> bool:
    connector = ground.vendors[sync.connection].connector
    return sync.kind == "customer" and sync.writes and sync.spec.push.create and not sync.when and connector in HOLDERS


def _twice(ledgers: Entries, engine: Engine) -> Iterator[str]:
    """Our own reference stands on each record we created; on two it stands on one too many."""
    paths = {
        sync.mapping.reference_path
        for sync in engine.configuration.syncs.values()
        if sync.mapping is not None and sync.mapping.reference_path
    }
    for name, entries in ledgers.items():
        marks: dict[tuple[str, str], set[str]] = {}
        for entry in entries:
            if entry["event"] in MADE:
                for path, mark in _marks(entry["data"], paths):
                    key = str(entry["data"].get("id") or _inner_id(entry["data"]))
                    marks.setdefault((path, mark), set()).add(key)
        yield from (
            f"{name}: our reference {mark} stands on {len(keys)} records"
            for (_, mark), keys in marks.items()
            if len(keys) > 1
        )


def _marks(data: Any, paths: set[str]) -> Iterator[tuple[str, str]]:
    if isinstance(data, dict):
        for name, value in data.items():
            if name in paths and isinstance(value, str) and value:
                yield name, value
            else:
                yield from _marks(value, paths)


def _inner_id(data: dict[str, Any]) -> str:
    return next((str(value["id"]) for value in data.values() if isinstance(value, dict) and "id" in value), "")


async def _in_the_air(ground: Ground) -> list[str]:
    rows = await ground.rows(
        "SELECT 'delivery of ' || sync AS what, state, count(*) AS n FROM delivery"
        " WHERE state IN ('due', 'running') GROUP BY 1, 2 UNION ALL"
        " SELECT 'record of ' || connection || '/' || stream, state, count(*) FROM inbox"
        " WHERE state IN ('due', 'running') GROUP BY 1, 2 UNION ALL"
        " SELECT 'receipt of ' || connection, state, count(*) FROM receipt WHERE state = 'due' GROUP BY 1, 2 ORDER BY 1"
    )
    return [f"{row.n} {row.what} {row.state}" for row in rows]


async def _without_owner(ground: Ground) -> list[str]:
    """Parked without a class and a sentence, or waiting for nothing in particular."""
    rows = await ground.rows(
        "SELECT 'delivery ' || id AS what, state FROM delivery"
        " WHERE (state = 'parked' AND (error_class IS NULL OR error IS NULL OR error_zh IS NULL))"
        " OR (state = 'waiting' AND waiting_for IS NULL AND due_at IS NULL) UNION ALL"
        " SELECT 'record ' || id, state FROM inbox"
        " WHERE (state = 'parked' AND (error_class IS NULL OR error IS NULL OR error_zh IS NULL))"
        " OR (state = 'waiting' AND waiting_for IS NULL)"
    )
    return [f"{row.what} is {row.state} and says neither why nor for what" for row in rows]


async def _disagree(ground: Ground, engine: Engine) -> list[str]:
    """Every record we keep linked, read there now, says what its last known record says."""
    faults = []
    for sync in engine.configuration.syncs.values():
        stream = engine.configuration.connections[sync.connection].streams.get(sync.stream)
        if sync.mapping is None or not hasattr(stream, "fetch") or sync.is_message:
            continue
        links = await ground.rows(
            "SELECT key, known FROM link WHERE connection = :c AND stream = :s AND known IS NOT NULL AND part = ''"
            " AND deleted_at IS NULL ORDER BY key",
            c=sync.connection, s=sync.stream,
        )  # fmt: skip
        known = {row.key: row.known for row in links}
        for record in await _read_there(ground, engine, sync, list(known)):
            difference = _difference(sync.mapping, record, known[sync.mapping.key_of(record)])
            faults += [f"{sync.name} {sync.mapping.key_of(record)}: {difference}"] if difference else []
    return faults


async def _read_there(ground: Ground, engine: Engine, sync: BoundSync, keys: Sequence[str]) -> list[Any]:
    """The records of these keys; a vendor that throttles is asked again, the last time counts."""
    bound, tries = engine.configuration.connections[sync.connection], TRIES
    stream: Any = bound.streams[sync.stream]
    found: list[Any] = []
    start = 0
    while start < len(keys):
        try:
            found += await stream.fetch(engine.outward.context(bound), keys[start : start + PAGE])
            start += PAGE
        except (Throttled, Unavailable):
            tries -= 1
            if not tries:
                raise
            await ground.pause(PAUSE_SECONDS)
    return found


def _difference(mapping: CompiledMapping, record: dict[str, Any], known: dict[str, Any]) -> str:
    """Where nothing is read back the hub knows only what it sent: that must stand there."""
    there = mapping.read(record).entity
    try:
        here = mapping.read(known).entity
    except RecordError:
        lacking = sorted(mapping.differences(known, record))
        return f"{', '.join(lacking)} are not there as they were sent" if lacking else ""
    fields = sorted(name for name in there if there.get(name) != here.get(name) and name in here)
    return f"{', '.join(fields)} differ from what the hub knows" if fields else ""


def _by_the_vendors(ground: Ground, perhaps: Counter[str]) -> list[Verdict]:
    """The demo's checker, which reads both ends through the vendors' own calls and knows nothing of the hub."""
    parts = ground.parts
    state = {part: ground.config(part) for part in ("crm", "erp")}
    found = compare(read_world({**state, **_addresses(ground)}, ground.http(), ground.clock.now().timestamp()))
    answers = [answer for answer in found if NEEDS[answer["name"]] in parts.can]
    asked = sum(perhaps[parts.names.get(part, "")] for part in ("wecom", "dingtalk"))
    for answer in answers:
        if answer["name"] == "messages" and 0 < len(answer["faults"]) <= asked:
            answer |= {"ok": True, "left_to_a_person": answer["faults"], "faults": []}
    return answers


def _addresses(ground: Ground) -> dict[str, str]:
    return {part: ground.url(part) for part in ("bank", "dingtalk", "wecom")}
