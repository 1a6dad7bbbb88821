"""What the drill came to: from the vendors' ledgers and books, nothing lost, nothing twice, nothing without an owner."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hub.cli.demo.checker import compare, read_world
from hub.cli.drill.world import World, is_template
from hub.sdk.connector import Stream
from hub.sync.engine import Engine

Verdict = dict[str, Any]
MADE = ("created", "saved")
"""Events by which a ledger says that a record came to be."""


async def judge(world: World, engine: Engine) -> list[Verdict]:
    """`{name, zh, ok, faults}` each."""
    perhaps = await _perhaps(world)
    answers = [
        _verdict("nothing twice", "没有重复创建", list(_twice(world, engine))),
        _verdict("nothing in the air", "没有停在半路的工作", await _in_the_air(world)),
        _verdict("everything unfinished has an owner", "未完成的都有责任人与原因", await _without_owner(world)),
        _verdict("both sides agree", "两侧字段一致（按归属）", await _disagree(world, engine)),
    ]
    if is_template(world):
        answers += _by_the_vendors(world, perhaps)
    return answers


def _verdict(name: str, zh: str, faults: Sequence[str]) -> Verdict:
    return {"name": name, "zh": zh, "ok": not faults, "faults": list(faults)}


async def _perhaps(world: World) -> Counter[str]:
    """Connection -> messages and records of which a person was told that they are perhaps there."""
    rows = await world.rows("SELECT connection FROM delivery WHERE state = 'parked' AND error_class = 'PerhapsCreated'")
    return Counter(row.connection for row in rows)


def _twice(world: World, engine: Engine) -> Iterator[str]:
    """Our own reference stands on each record we created; on two it stands on one too many."""
    paths = {
        sync.mapping.reference_path
        for sync in engine.configuration.syncs.values()
        if sync.mapping is not None and sync.mapping.reference_path
    }
    for name, vendor in world.vendors.items():
        marks: dict[tuple[str, str], set[str]] = {}
        for entry in vendor.ledger:
            if entry.event in MADE:
                for path, mark in _marks(entry.data, paths):
                    marks.setdefault((path, mark), set()).add(str(entry.data.get("id") or _inner_id(entry.data)))
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


async def _in_the_air(world: World) -> list[str]:
    rows = await world.rows(
        "SELECT 'delivery of ' || sync AS what, state, count(*) AS n FROM delivery"
        " WHERE state IN ('due', 'running') GROUP BY 1, 2 UNION ALL"
        " SELECT 'record of ' || connection || '/' || stream, state, count(*) FROM inbox"
        " WHERE state IN ('due', 'running') GROUP BY 1, 2 ORDER BY 1"
    )
    return [f"{row.n} {row.what} {row.state}" for row in rows]


async def _without_owner(world: World) -> list[str]:
    """Parked without a class and a sentence, or waiting for nothing in particular."""
    rows = await world.rows(
        "SELECT 'delivery ' || id AS what, state FROM delivery"
        " WHERE (state = 'parked' AND (error_class IS NULL OR error IS NULL OR error_zh IS NULL))"
        " OR (state = 'waiting' AND waiting_for IS NULL AND due_at IS NULL) UNION ALL"
        " SELECT 'record ' || id, state FROM inbox"
        " WHERE (state = 'parked' AND (error_class IS NULL OR error IS NULL OR error_zh IS NULL))"
        " OR (state = 'waiting' AND waiting_for IS NULL)"
    )
    return [f"{row.what} is {row.state} and says neither why nor for what" for row in rows]


async def _disagree(world: World, engine: Engine) -> list[str]:
    """Every record we keep linked, read there now, says what its last known record says."""
    faults = []
    for sync in engine.configuration.syncs.values():
        bound = engine.configuration.connections[sync.connection]
        stream: Stream | None = bound.streams.get(sync.stream)
        fetch = getattr(stream, "fetch", None)
        if sync.mapping is None or fetch is None or sync.is_message:
            continue
        links = await world.rows(
            "SELECT key, known FROM link WHERE connection = :c AND stream = :s AND known IS NOT NULL AND part = ''"
            " AND deleted_at IS NULL ORDER BY key",
            c=sync.connection, s=sync.stream,
        )  # fmt: skip
        known = {row.key: row.known for row in links}
        for start in range(0, len(known), 20):
            for record in await fetch(engine.outward.context(bound), list(known)[start : start + 20]):
                key = sync.mapping.key_of(record)
                there, here = sync.mapping.read(record).entity, sync.mapping.read(known[key]).entity
                fields = sorted(name for name in there if there.get(name) != here.get(name) and name in here)
                faults += [f"{sync.name} {key}: {', '.join(fields)} differ from what the hub knows"] if fields else []
    return faults


def _by_the_vendors(world: World, perhaps: Counter[str]) -> list[Verdict]:
    """The demo's checker, which reads both ends through the vendors' own calls and knows nothing of the hub."""
    configs = {name: world.config(name) for name in ("crm", "erp")}
    state = configs | {name: world.url(name) for name in ("bank", "dingtalk", "wecom")}
    answers = compare(read_world(state, world.http(), world.clock.now().timestamp()))
    for answer in answers:
        if answer["name"] == "messages" and 0 < len(answer["faults"]) <= perhaps["wecom"] + perhaps["dingtalk"]:
            answer |= {"ok": True, "left_to_a_person": answer["faults"], "faults": []}
    return answers
