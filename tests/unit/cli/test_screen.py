"""`hub status` fits one screen, and the worst comes first."""

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from hub.cli.screen import WIDTH, age, screen, size
from hub.sync.overlook import Overlook
from hub.telemetry.pulse import Rates
from tests.support.sdk import START

RATES = Rates(
    {"received accepted": 31, "read stored": 30, "applied done": 29, "applied MappingError": 1, "pushed done": 12},
    {"received accepted": 1840, "read stored": 1822, "applied done": 1800, "pushed done": 700, "pushed Unavailable": 9},
    START - timedelta(seconds=4),
)


def connection(number: int, **more: Any) -> dict[str, Any]:
    plain = {"state": "ok", "paused_since": None, "pause_error": None, "pause_error_zh": None}
    return {"name": f"connection-{number}", "connector": "kingdee", **plain, **more}


def sync(number: int, **more: Any) -> dict[str, Any]:
    counts = {"inbox_waiting": 0, "deliveries_waiting": 0, "inbox_parked": 0, "deliveries_parked": 0, "lag_seconds": 0}
    read = {"last_pull_at": START - timedelta(seconds=40 + number), "last_read": number}
    return {
        "name": f"sync-{number:02}",
        "connection": "erp",
        "health": "unverified",
        "mode": "live",
        **counts,
        **read,
        **more,
    }


def overlook(many: int = 30, **more: Any) -> Overlook:
    pause = {
        "state": "needs_new_secret",
        "paused_since": START - timedelta(minutes=17),
        "pause_error": "the app secret was refused: enter the new one with `hub secret set`",
        "pause_error_zh": "应用密钥被拒绝：请用 hub secret set 录入新的密钥，录入后自动恢复",
    }
    parked = {"what": "inbox", "connection": "crm", "error_class": "MappingError", "since": START - timedelta(days=3)}
    run = {"what": "backfill", "state": "running", "started_at": START - timedelta(minutes=5), "read": 41_200}
    given: dict[str, Any] = {
        "at": START,
        "connections": [connection(0, **pause), *(connection(n) for n in range(1, many))],
        "syncs": [
            sync(1, health="failing", inbox_parked=1204, inbox_waiting=31, lag_seconds=4000),
            *(sync(n) for n in range(2, many)),
        ],
        "work": [],
        "people": [{"owner": owner, "count": 1204, **parked} for owner in ("anna", None, *["小王"] * many)],
        "runs": [{"sync": f"sync-{n:02}", "total": 120_000, "done": 0, **run} for n in range(many)],
        "rates": RATES,
        "database_bytes": 1_234_567_890,
    }
    return Overlook(**{**given, **more})


def shown(seen: Overlook, disk: int | None = 10**11) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(screen(seen, disk))
    return out.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("many", [1, 5, 30])
def test_it_fits_one_screen(monkeypatch: pytest.MonkeyPatch, language: str, many: int) -> None:
    monkeypatch.setenv("HUB_LANG", language)
    lines = shown(overlook(many))
    print("\n" + "\n".join(lines))
    assert len(lines) <= 40 and max(map(cell_len, lines)) <= WIDTH


def test_the_worst_comes_first_and_nothing_is_left_out_silently() -> None:
    lines = shown(overlook())
    told = "\n".join(lines)
    assert "需更新凭据" in told and "17 分" in told and "应用密钥被拒绝" in told
    assert "1,204" in told and "未指定" in told and "3 天" in told and "41,200 / 120,000" in told
    assert told.count("… 另有") == 4
    names = [line.split()[0] for line in lines if line.startswith("sync-")]
    assert names[0] == "sync-01"
    assert "失败 1" in lines[1] and "失败 9" in lines[2]


def test_a_quiet_hub_says_so() -> None:
    told = "\n".join(shown(overlook(1, people=[], runs=[])))
    assert "没有需要人工处理的事项" in told and "引擎运行中" in told


@pytest.mark.parametrize(("beat", "said"), [(None, "引擎从未启动"), (START - timedelta(minutes=30), "引擎已停 30 分")])
def test_an_engine_that_is_not_at_work_is_noticed(beat: Any, said: str) -> None:
    assert said in shown(overlook(rates=Rates({}, {}, beat)))[0]


def test_lengths_and_sizes() -> None:
    assert [age(n) for n in (0, 119, 120, 7199, 7200, 172_799, 172_800)] == [
        "0 秒", "119 秒", "2 分", "119 分", "2 小时", "47 小时", "2 天",
    ]  # fmt: skip
    assert [size(n) for n in (5, 2048, 3 * 1024**2, 5 * 1024**3, 5 * 1024**4)] == [
        "5 B", "2 KB", "3 MB", "5.0 GB", "5.0 TB",
    ]  # fmt: skip
