"""The drill: every kept seed ends with nothing lost and nothing twice; the same seed has the same history; any configuration."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hub.cli.drill.faults import FAULTS, Plan
from hub.cli.drill.hold import hold
from hub.cli.drill.judge import judge
from hub.cli.drill.people import People
from hub.cli.drill.world import World
from hub.cli.drilling import drill
from tests.simulation.drill_configs import crm_and_erp, renamed, several, two_shops
from tests.support.database import fresh_database
from tests.support.results import FULL, write_result

SEEDS = [line.split() for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines() if line[:1].isdigit()]
MORE = [[str(seed), "30", "all"] for seed in range(100, 130)] if FULL else []
OF_THE_STORY = {"won deals and ERP orders", "payment status, amount, date", "ERP receipts", "messages"}


def held(template_url: str, folder: Path, plan: Plan, minutes: int, directory: Path | None = None) -> dict[str, Any]:
    folder.mkdir()
    with fresh_database(template_url) as url:
        return asyncio.run(hold(url, folder, plan, minutes, directory))


def wrong(report: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(answer["name"], answer["faults"]) for answer in report["checks"] if not answer["ok"]]


@pytest.mark.parametrize(("seed", "minutes", "faults"), SEEDS + MORE)
def test_a_seed_loses_nothing_and_doubles_nothing(
    template_url: str, tmp_path: Path, seed: str, minutes: str, faults: str
) -> None:
    kinds = list(FAULTS) if faults == "all" else faults.split(",")
    report = held(template_url, tmp_path / "drill", Plan(int(seed), kinds), int(minutes))
    counts = {name: report[name] for name in ("seed", "deaths", "intake_deaths", "restarts")}
    counts |= {"faults": sum(report["faults"].values())}
    write_result(f"drill-{seed}", {**counts, "ok": report["ok"], "seconds": report["seconds"]})
    assert wrong(report) == []
    assert {answer["name"] for answer in report["checks"]} >= OF_THE_STORY
    assert report["deaths"] > 0 and report["restarts"] > 0 and sum(report["faults"].values()) > 20


def test_the_same_seed_has_the_same_history(template_url: str, tmp_path: Path) -> None:
    one, two = [held(template_url, tmp_path / name, Plan(2, list(FAULTS), quiet_hours=0), 8) for name in ("one", "two")]
    assert one["digest"] == two["digest"]
    history = [Path(report["history"]).read_text(encoding="utf-8").partition('"happened"')[2] for report in (one, two)]
    assert history[0] == history[1] and len(history[0]) > 100
    assert one["restarts"] > 0 and one["intake_deaths"] > 0


def test_a_renamed_copy_of_the_template_is_played_and_judged_whole(template_url: str, tmp_path: Path) -> None:
    report = held(template_url, tmp_path / "drill", Plan(1, []), 6, renamed(tmp_path / "configuration"))
    assert wrong(report) == [] and report["idle"] == []
    assert {answer["name"] for answer in report["checks"]} >= OF_THE_STORY


def test_a_single_pair_of_customers(template_url: str, tmp_path: Path) -> None:
    directory = crm_and_erp(tmp_path / "configuration")
    report = held(template_url, tmp_path / "drill", Plan(3, list(FAULTS)), 8, directory)
    assert wrong(report) == [] and report["idle"] == []
    checks = {answer["name"] for answer in report["checks"]}
    assert {"customers", "every customer everywhere, once"} <= checks and not checks & OF_THE_STORY
    assert report["restarts"] > 0 and report["states"]["inbox done"] >= 6


async def test_of_several_the_most_telling_plays_and_nobody_makes_what_would_wait_for_ever(
    database_url: str, tmp_path: Path
) -> None:
    world = World(database_url, tmp_path / "drill", Plan(1, []))
    try:
        await world.build(several(tmp_path / "configuration"))
        parts = world.ground.parts
        assert dict(parts.names) == {"crm": "west", "erp": "books"}
        assert parts.can == frozenset() and parts.idle == ("east", "west")
    finally:
        await world.close()


async def test_the_judge_misses_what_did_not_come_and_sees_what_came_twice(database_url: str, tmp_path: Path) -> None:
    world = World(database_url, tmp_path / "drill", Plan(1, []))
    await world.build(two_shops(tmp_path / "configuration"))
    engine = await world.engine()
    people = People(world.ground, engine)
    try:
        people.hang_the_hooks()
        assert people.act() == "tables"  # and no hub that does anything
        for _ in range(2):
            world.sandboxes["left"].acts()["save"](
                {"table": "customers", "record": {"name": "twice", "hub_ref": "one"}}
            )
        found = dict(wrong({"checks": await judge(world.ground, engine, people)}))
    finally:
        people.close()
        await world.close()
    assert found["everything that users do could be done"] == ["the scene 'second thoughts' never had its turn"]
    assert len(found["every customer everywhere, once"]) == len(people.tables.saved)
    assert len(found["no call of a vendor was lost"]) == len(people.tables.saved) + 2
    assert found["nothing twice"] == ["left: our reference one stands on 2 records"]


def test_an_intake_that_dies_over_a_call_is_called_again_and_knows_it(template_url: str, tmp_path: Path) -> None:
    report = held(template_url, tmp_path / "drill", Plan(3, ["intake"]), 5, two_shops(tmp_path / "configuration"))
    happened = Path(report["history"]).read_text(encoding="utf-8")
    assert wrong(report) == []
    assert "before the commit" in happened and "before the answer" in happened
    assert report["repeated_calls"] == happened.count("before the answer")
    assert set(report["states"]) == {"delivery done", "inbox done"}


def test_a_fault_nobody_knows_is_told() -> None:
    answer = CliRunner().invoke(drill, ["--faults", "earthquake"])
    assert answer.exit_code == 2 and "earthquake" in answer.output and "timeout-after" in answer.output
