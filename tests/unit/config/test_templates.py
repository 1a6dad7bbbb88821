"""Templates: every shipped one is valid in every choice, nothing is overwritten unasked, no secret is written out."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.canon.kinds import Kinds
from hub.cli.choosing import questions
from hub.cli.templates import template as command
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.draft import Draft
from hub.config.problem import Problem
from hub.config.templates import Choice, Part, Role, TemplateError, remaining, render, template, templates
from hub.sync.configuring import directory_of

# A value for every field that templates ask for, in the form its connector wants.
VALUES = {
    "base_url": "https://erp.example.com/k3cloud/",
    "app_id": "200000_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY",
    "agent_id": "1000002",
    "robot_secret": "SEC1",
}


def config_of(part: Part, connection: str) -> dict[str, str]:
    model = connectors()[part.spec.connector].config
    asked = list(questions(part, model, connection))
    return {
        one.name: f"${{secret:{one.name}}}" if one.secret else VALUES.get(one.name, one.default.strip("${}"))
        for one in asked
    }


def choices_of(made: tuple[tuple[str, Part], ...]) -> dict[str, Choice]:
    return {role: Choice(part.spec.connector, f"{role}-own", config_of(part, f"{role}-own")) for role, part in made}


def combinations() -> Iterator[tuple[str, tuple[tuple[str, Part], ...]]]:
    """Every template with every way to fill its roles, optional ones also empty."""
    for name, made in templates().items():
        ways = [[(role.name, part) for part in role.parts.values()] + _empty(role) for role in made.roles.values()]
        for chosen in itertools.product(*ways):
            filled = tuple((role, part) for role, part in chosen if part is not None)
            if filled:
                yield name, filled


def _empty(role: Role) -> list[Any]:
    return [(role.name, None)] if role.spec.optional else []


def checked(texts: dict[str, str]) -> tuple[Draft, list[Problem]]:
    return check(directory_of(texts), Kinds(), connectors(), lambda _, name: VALUES.get(name, "x"))


@pytest.mark.parametrize(
    ("name", "chosen"), [pytest.param(*one, id=f"{one[0]}-{n}") for n, one in enumerate(combinations())]
)
def test_every_choice_of_every_template_is_valid(name: str, chosen: tuple[tuple[str, Part], ...]) -> None:
    texts = render(name, choices_of(chosen))
    draft, problems = checked(texts)
    assert [str(problem) for problem in problems] == []
    assert not re.search(r"<[a-z_]+>", "".join(texts.values()))
    assert {sync.mode for sync in draft.syncs.values()} == {"observing"}
    assert set(draft.connections) == {f"{role}-own" for role, _ in chosen}
    assert all(said.zh and said.en for said in remaining(name, choices_of(chosen)))


def test_shipped_are_the_three() -> None:
    assert set(templates()) == {"order-to-cash", "bank-to-crm", "notices"}
    assert set(template("order-to-cash").roles) == {"crm", "erp", "bank", "rep", "team"}


def test_it_is_deterministic_and_may_be_live() -> None:
    choices = {"rep": Choice("wecom"), "team": Choice("wecom")}
    assert render("notices", choices) == render("notices", dict(reversed(choices.items())))
    live = render("notices", choices, mode="live")
    assert all("mode: live" in text for path, text in live.items() if path.startswith("syncs/"))


def test_two_roles_share_one_connection() -> None:
    texts = render(
        "notices", {"rep": Choice("wecom", "", {"corp_id": "ww1"}), "team": Choice("wecom", "", {"robot_key": "k"})}
    )
    assert [path for path in texts if path.startswith("connections/")] == ["connections/wecom.yaml"]
    assert "corp_id: ww1" in texts["connections/wecom.yaml"] and "robot_key: k" in texts["connections/wecom.yaml"]


def test_a_connection_that_stands_is_used_and_not_written() -> None:
    texts = render("notices", {"team": Choice("dingtalk", "our-ding", None)})
    assert not [path for path in texts if path.startswith("connections/")]
    assert "connection: our-ding" in texts["syncs/team-notice.yaml"]


@pytest.mark.parametrize(
    ("name", "choices", "told"),
    [
        ("order-to-csh", {}, "did you mean order-to-cash"),
        ("order-to-cash", {"crm": Choice("fxiaoke")}, "choose who is erp (kingdee), bank (bank_files)"),
        ("notices", {}, "choose at least one"),
        ("notices", {"teem": Choice("wecom")}, "did you mean team"),
        ("notices", {"team": Choice("kingdee")}, "kingdee cannot be team; there is dingtalk, wecom"),
        ("notices", {"rep": Choice("wecom", "it"), "team": Choice("dingtalk", "it")}, "cannot be dingtalk and wecom"),
    ],
)
def test_a_choice_that_cannot_be_is_told(name: str, choices: dict[str, Choice], told: str) -> None:
    with pytest.raises(TemplateError) as error:
        render(name, choices)
    assert told in error.value.sentence
    assert re.search(r"[\u4e00-\u9fff]", error.value.zh)


def test_what_a_part_sets_may_be_said_otherwise() -> None:
    part = template("order-to-cash").roles["erp"].part("kingdee")
    config = config_of(part, "erp") | {"numbering": "kingdee"}
    choices = {
        "crm": Choice("fxiaoke", "crm", None),
        "erp": Choice("kingdee", "erp", config),
        "bank": Choice("bank_files", "bank", None),
    }
    text = render("order-to-cash", choices)["connections/erp.yaml"]
    assert "numbering: kingdee" in text and text.count("numbering:") == 1


# the command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HUB_LANG", "en")
    monkeypatch.chdir(tmp_path)

    def call(*args: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(command, list(args), input=answers)

    return call


def test_list_and_show(run: Any) -> None:
    rows = json.loads(run("list", "--json").output)
    assert {row["name"]: row["roles"] for row in rows}["bank-to-crm"][:2] == ["crm=fxiaoke", "bank=bank_files"]
    shown = run("show", "order-to-cash").output
    for word in ("From order to cash", "fxiaoke", "syncs/crm-deals.yaml", "(optional)", "hub template use"):
        assert word in shown
    told = json.loads(run("show", "notices", "--json").output)
    assert told["roles"]["rep"]["optional"] is True
    assert told["roles"]["rep"]["choices"]["wecom"]["files"] == ["syncs/rep-notice.yaml", "syncs/rep-shipped.yaml"]


def test_use_without_questions(run: Any, tmp_path: Path) -> None:
    done = run("use", "order-to-cash", "c", "--set", "rep=dingtalk", "--set", "crm.app_id=FSAID_1", "--json")
    told = json.loads(done.output)
    assert (done.exit_code, told["problems"], told["kept"]) == (0, [], [])
    assert "connections/dingtalk.yaml" in told["written"]
    assert {
        "file": "connections/crm.yaml",
        "path": "config.app_secret",
        "source": "secret",
        "name": "crm_app_secret",
    } in told["missing"]
    assert told["next"][-2:] == ["hub plan c", "hub apply c"] and "hub secret set crm_app_secret" in told["next"]
    assert "app_id: FSAID_1 " in (tmp_path / "c/connections/crm.yaml").read_text("utf-8")
    again = json.loads(run("use", "order-to-cash", "c", "--set", "rep=dingtalk", "--json").output)
    assert again["written"] == [] and len(again["same"]) == len(told["written"]) - 4  # connections stand


def test_a_value_from_the_environment_is_not_missing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_FOLDER", "/srv/bank")
    told = json.loads(run("use", "bank-to-crm", "c", "--json").output)
    assert "BANK_FOLDER" not in {one["name"] for one in told["missing"]}


def test_a_file_that_differs_is_kept_unless_a_person_says_so(run: Any, tmp_path: Path) -> None:
    run("use", "notices", "c", "--set", "team=wecom", "--yes")
    file = tmp_path / "c/syncs/team-notice.yaml"
    file.write_text(file.read_text("utf-8").replace("已", "已经") + "# ours\n", "utf-8")
    told = json.loads(run("use", "notices", "c", "--set", "team=wecom", "--json").output)
    assert told["kept"] == ["syncs/team-notice.yaml"] and "# ours" in file.read_text("utf-8")
    asked = run("use", "notices", "c", "--set", "team=wecom", "--set", "rep=none", answers="y\n")
    assert "differs; overwrite it" in asked.output and "# ours" not in file.read_text("utf-8")


def test_use_asks_for_roles_and_fields(run: Any, tmp_path: Path) -> None:
    answers = "wecom\nhall\nww1\nplain text\n${env:WECOM_SECRET}\n\nnone\n"
    done = run("use", "notices", "c", answers=answers)
    assert done.exit_code == 0, done.output
    assert "corp_secret is a secret and is not written into a file" in done.output
    text = (tmp_path / "c/connections/hall.yaml").read_text("utf-8")
    assert "corp_id: ww1" in text and "corp_secret: ${env:WECOM_SECRET}" in text
    assert "agent_id: ${env:HALL_AGENT_ID}" in text and "plain text" not in text
    assert "connection: hall" in (tmp_path / "c/syncs/rep-notice.yaml").read_text("utf-8")
    more = run("use", "notices", "c", answers="hall\nhall\n")
    assert "a connection that stands (wecom)" in more.output
    assert "connection: hall" in (tmp_path / "c/syncs/team-notice.yaml").read_text("utf-8")


def test_chinese_comes_first(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_LANG")
    assert "检查通过  the check finds nothing wrong" in run("use", "bank-to-crm", "c", "--yes").output


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("crm.app_secret=abc", "crm.app_secret is a secret"),
        ("crm.app_idd=1", "did you mean app_id"),
        ("crm", "write ROLE=CONNECTOR"),
        ("crmm=fxiaoke", "did you mean crm"),
        ("crm=kingdee", "kingdee cannot be crm"),
    ],
)
def test_a_wrong_setting_is_told_and_writes_nothing(run: Any, tmp_path: Path, setting: str, told: str) -> None:
    done = run("use", "bank-to-crm", "c", "--yes", "--set", setting)
    assert isinstance(done.exception, TemplateError) and told in done.exception.sentence
    assert not (tmp_path / "c").exists()


def test_a_name_taken_by_another_connector_is_told(run: Any, tmp_path: Path) -> None:
    run("use", "notices", "c", "--yes", "--set", "team=wecom", "--set", "team.connection=crm")
    done = run("use", "bank-to-crm", "c", "--yes")
    assert isinstance(done.exception, TemplateError) and "--set crm.connection=ANOTHER_NAME" in done.exception.sentence


def test_what_is_wrong_in_the_directory_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "c/syncs").mkdir(parents=True)
    (tmp_path / "c/syncs/odd.yaml").write_text("sync: odd\nconnection: nowhere\nstream: x\nmapping: y\n", "utf-8")
    done = run("use", "bank-to-crm", "c", "--json")
    assert done.exit_code == 1
    assert {one["file"] for one in json.loads(done.output)["problems"]} == {"syncs/odd.yaml"}
