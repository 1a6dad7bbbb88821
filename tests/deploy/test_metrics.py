"""Dashboard and alerts ask for metrics and labels that /metrics tells, and every metric has a place on the dashboard."""

import json
import re
from collections.abc import Iterator

import yaml
from prometheus_client.parser import text_string_to_metric_families

from hub.telemetry import metrics
from tests.deploy.tools import DEPLOY

RECORDED = {"hub:queue_age_seconds", "hub:queue_length"}
OF_PROMETHEUS = {"instance", "pod", "le"}
NAME = re.compile(r"\bhub[_:][a-z_]+")
LABELS = re.compile(
    r"(?:by|on|without) \(([a-z_, ]+)\)|[{,]([a-z_]+)=~?!?\"|\{\{ ?(?:\$labels\.)?([a-z_]+) ?\}\}|([a-z_]+)!=\""
)
SUFFIXES = ("_bucket", "_sum", "_count", "_total")


def told() -> dict[str, str]:
    """Family -> type, as a hub without any work tells them."""
    families = text_string_to_metric_families(metrics.exposition([], [], 1).decode())
    return {family.name: family.type for family in families}


def asked() -> Iterator[tuple[str, str]]:
    """Where, and the expression or legend that stands there."""
    dashboard = json.loads((DEPLOY / "grafana/o2c-hub.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard: {panel['title']}", target["expr"]
            yield f"dashboard: {panel['title']}", target["legendFormat"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"dashboard: {variable['name']}", variable["query"]["query"]
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            where = rule.get("alert") or rule["record"]
            yield where, rule["expr"]
            yield from ((where, text) for text in rule.get("annotations", {}).values())


def exposed() -> set[str]:
    """The names that samples have."""
    endings = {"counter": ("_total",), "histogram": SUFFIXES[:3], "gauge": ("",)}
    return {family + ending for family, kind in told().items() for ending in endings[kind]}


def names(text: str) -> set[str]:
    return {name for name in NAME.findall(text) if name not in RECORDED}


def test_every_name_that_is_asked_for_is_told() -> None:
    wrong = {(where, name) for where, text in asked() for name in names(text) - exposed()}
    assert wrong == set()
    assert "hub_pushes_total" in names("rate(hub_pushes_total[5m])") - exposed()


def test_every_metric_has_a_place_on_the_dashboard() -> None:
    shown = {name for where, text in asked() if where.startswith("dashboard") for name in names(text)}
    families = {family for family in told() if any(name.startswith(family) for name in shown)}
    assert set(told()) - families == set()


def test_every_label_is_one_of_ours() -> None:
    known = {label for _, labels in metrics._GAUGES.values() for label in labels} | {"outcome", "loop"} | OF_PROMETHEUS
    found = {
        (where, label.strip())
        for where, text in asked()
        for groups in LABELS.findall(text)
        for group in groups
        for label in group.split(",")
        if label.strip()
    }
    assert len(found) > 50 and {each for each in found if each[1] not in known} == set()


def test_recorded_names_are_recorded() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text(encoding="utf-8"))["groups"]
    assert {rule["record"] for group in groups for rule in group["rules"] if "record" in rule} == RECORDED


def test_alerts_speak_both_languages() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert alerts and all(set(alert["annotations"]) == {"summary", "summary_zh"} for alert in alerts)
