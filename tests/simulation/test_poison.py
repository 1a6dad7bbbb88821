"""R9: what kills, what is too large, too deep or no JSON at all, among a thousand good records. Real processes."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from connectors.rest.sandbox_tables import HOOK_SECRET
from hub.sdk import jsontext
from hub.sdk.webhook import standard_signature
from tests.simulation.fire import POISON, Fire, Street, street
from tests.support.database import data_folder
from tests.support.results import size, write_result

MB = 1024 * 1024
GROWTH_MB = 120
"""Room for caches that fill once and for the longest body that is taken (10 MB), many times over; not for 100 MB."""
DEATHS = 3
AT_ONCE = 5
"""So many good ones are posted side by side."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


def body_of(key: str, **more: Any) -> bytes:
    record = {"id": key, "number": key, "name": f"good {key}", "updated_at": "2026-11-22T02:00:00Z", **more}
    return jsontext.dumps({"id": f"evt_{key}", "type": "customer.created", "data": record})


def raw(key: str, name: bytes) -> bytes:
    return body_of(key).replace(f'"good {key}"'.encode(), name)


KINDS: dict[str, bytes] = {
    "kills who reads it": body_of("p1", name="kills who reads it"),
    "kills who sends it": body_of("p2", name="kills who sends it"),
    "100 MB": raw("p3", b'"' + b"x" * (100 * MB) + b'"'),
    "10,000 deep": raw("p4", b"[" * 10_000 + b"]" * 10_000),
    "cyclic by its own words": body_of("p5", name={"$ref": "#"}),
    "half of it": body_of("p6")[:-20],
    "no UTF-8": raw("p7", b'"\xff\xfe"'),
    "a NUL": body_of("p8", name="a\x00b"),
    "2 MB": body_of("p9", name="y" * (2 * MB)),
    "a number without end": raw("p10", b"1e999999999"),
}


async def post(http: httpx.AsyncClient, fire: Fire, number: str, body: bytes) -> int:
    """As the vendor does: again until somebody answers. 0: we were cut off while still sending, which says no."""
    stamp = str(int(time.time()))
    signature = standard_signature(SecretStr(HOOK_SECRET), f"{number}.{stamp}.".encode() + body)
    headers = {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    try:
        return (await http.post(f"{fire.hooks}/left", content=body, headers=headers)).status_code
    except httpx.WriteError:
        return 0


def memory(fire: Fire) -> dict[str, float]:
    """MB held by each process."""
    held = {}
    for name, child in fire.running.items():
        status = Path(f"/proc/{child.pid}/status")
        lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
        held[name] = sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
    return held


async def tend(town: Street, deaths: list[float]) -> None:
    """What `hub serve` does: a process that died is started again."""
    while True:
        engine = town.fire.running.get("engine")
        if engine is not None and not engine.is_alive():
            deaths.append(time.monotonic())
            town.fire.start("engine")
        await asyncio.sleep(0.05)


async def flood(town: Street, good: int, kinds: dict[str, bytes]) -> dict[str, int]:
    """Everything is posted, the poison in between; how each poison was answered."""
    answers: dict[str, int] = {}
    every = max(2, good // max(1, len(kinds)))
    poisons = iter(kinds.items())
    async with httpx.AsyncClient(timeout=60) as http:
        for number in range(0, good, AT_ONCE):
            if number % every < AT_ONCE and (poison := next(poisons, None)):
                answers[poison[0]] = await post(http, town.fire, f"poison_{number}", poison[1])
            some = range(number, min(number + AT_ONCE, good))
            done = await asyncio.gather(*(post(http, town.fire, f"good_{n}", body_of(str(n))) for n in some))
            assert set(done) == {200}
    return answers


async def test_r9_poison_among_good_records(database_url: str, folder: Path) -> None:
    good = size(1000, 10_000)
    deaths: list[float] = []
    async with street(database_url, folder, every="1h", shape="across", hooked=False) as town:
        town.fire.more[POISON] = "1"
        town.fire.start("intake", "engine")
        await town.fire.ready()
        tending = asyncio.create_task(tend(town, deaths))
        await flood(town, 20, {})
        await town.settled()
        before = memory(town.fire)
        answers = await flood(town, good, KINDS)
        await town.settled()
        tending.cancel()
        grown = max(held - before[name] for name, held in memory(town.fire).items())
        parked = await town.rows(
            "SELECT key, error_class FROM inbox WHERE state = 'parked' UNION ALL"
            " SELECT 'receipt', error_class FROM receipt WHERE state = 'parked' UNION ALL"
            " SELECT 'delivery', error_class FROM delivery WHERE state = 'parked'"
        )
        passed = sum(row["name"].startswith("good ") for row in town.right.tables["customers"].values())
    poison = sum(row.error_class == "Poison" for row in parked)
    refused = sum(answer != 200 for answer in answers.values())
    counts = {"good": good, "kinds": len(KINDS), "passed": passed, "deaths": len(deaths), "refused": refused}
    write_result("R9", {**counts, "parked": len(parked), "poison": poison, "grown_mb": round(grown)})
    print(answers, [tuple(row) for row in parked])
    assert passed >= good, "the neighbours of poison pass"
    assert poison == 2 and len(deaths) <= 2 * (DEATHS + 1)
    assert answers["100 MB"] in (413, 0)
    assert all(row.error_class in {"Poison", "MappingError", "Rejected", "Refused"} for row in parked)
    assert grown < GROWTH_MB
