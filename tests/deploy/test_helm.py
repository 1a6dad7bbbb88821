"""The chart, by Helm's own engine: linted, rendered with what may be switched on, and held against Kubernetes' schemas."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.tools import DEPLOY, module

CHART = str(DEPLOY / "helm/o2c-hub")
LEAST: dict[str, Any] = {"existingSecret": "hub"}
ALL: dict[str, Any] = {
    "existingSecret": "hub",
    "imagePullSecrets": [{"name": "pull"}],
    "env": {"HUB_PUBLIC_URL": "https://hub.example.com", "HUB_NOTICES__WAIT_SECONDS": 30},
    "envFrom": [{"secretRef": {"name": "erp"}}],
    "files": {"existingClaim": "files"},
    "podAnnotations": {"a": "b"},
    "serve": {"nodeSelector": {"zone": "a"}, "tolerations": [{"key": "hub", "operator": "Exists"}]},
    "worker": {"autoscaling": {"enabled": True, "selector": {"namespace": "hub"}}, "affinity": {"nodeAffinity": {}}},
    "ingress": {"enabled": True, "host": "hub.example.com", "tlsSecret": "tls"},
    "serviceMonitor": {"enabled": True, "labels": {"release": "x"}, "tokenSecret": {"name": "prometheus"}},
}
BARE: dict[str, Any] = {
    "existingSecret": "hub",
    "migrate": {"enabled": False},
    "serviceAccount": {"create": False},
    "serve": {"podDisruptionBudget": {"enabled": False}},
    "worker": {"podDisruptionBudget": {"enabled": False}},
}
VERSIONS = ("1.25", "1.30", "1.33")
OURS_TO_CHECK = ("apps/v1", "autoscaling/v2", "batch/v1", "networking.k8s.io/v1", "policy/v1", "v1")


def rendered(values: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    helm = module("helm_python")
    with helm.Chart.load(CHART) as chart:
        return {(each["kind"], each["metadata"]["name"]): each for each in documents(chart.render(values, name="shop"))}


def documents(files: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, text in files.items():
        if name.endswith(".yaml"):
            yield from (document for document in yaml.safe_load_all(text) if document)


@pytest.mark.parametrize("values", [LEAST, ALL, BARE], ids=["least", "all", "bare"])
def test_lint(values: dict[str, Any]) -> None:
    helm = module("helm_python")
    told = helm.lint(CHART, values, strict=True)
    assert told["total_charts_linted"] == 1 and told["errors"] == []
    assert [message for message in told["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", [LEAST, ALL, BARE], ids=["least", "all", "bare"])
def test_kubernetes_takes_every_object(values: dict[str, Any], version: str) -> None:
    kubernetes = module("kubernetes_validate")
    checked = 0
    for document in rendered(values).values():
        if document["apiVersion"] in OURS_TO_CHECK:
            kubernetes.validate(document, version, strict=True)
            checked += 1
        else:
            assert document["kind"] == "ServiceMonitor"
    assert checked >= 3
    deployment = rendered(values)["Deployment", "shop-o2c-hub-worker"]
    deployment["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(deployment, version, strict=True)


def test_a_secret_must_be_named() -> None:
    helm = module("helm_python")
    with pytest.raises(helm.HelmError, match="name a Secret with hub_database_url"):
        rendered({})


def test_values_are_checked() -> None:
    helm = module("helm_python")
    with pytest.raises(helm.HelmError, match="replicas"), helm.Chart.load(CHART) as chart:
        chart.validate_schema({**LEAST, "worker": {"replicas": "many"}})


def test_what_is_switched_on_is_there_and_what_is_off_is_not() -> None:
    every = {kind for kind, _ in rendered(ALL)}
    assert every >= {"HorizontalPodAutoscaler", "Ingress", "ServiceMonitor", "PodDisruptionBudget", "Job", "Deployment"}
    least = {kind for kind, _ in rendered(LEAST)}
    assert least == {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Job"}
    assert {kind for kind, _ in rendered(BARE)} == {"Deployment", "Service"}


def test_a_scaled_deployment_says_no_number_of_its_own() -> None:
    worker = ("Deployment", "shop-o2c-hub-worker")
    assert rendered(LEAST)[worker]["spec"]["replicas"] == 2
    assert "replicas" not in rendered(ALL)[worker]["spec"]
    metric = rendered(ALL)["HorizontalPodAutoscaler", "shop-o2c-hub-worker"]["spec"]["metrics"][0]["external"]["metric"]
    assert metric == {"name": "hub_queue_age_seconds", "selector": {"matchLabels": {"namespace": "hub"}}}


def test_the_migration_goes_first() -> None:
    job = rendered(LEAST)["Job", "shop-o2c-hub-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["db", "upgrade"]


@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_pods_run_as_nobody_with_secrets_as_files(values: dict[str, Any]) -> None:
    pods = [
        each["spec"]["template"]["spec"] for each in rendered(values).values() if "template" in each.get("spec", {})
    ]
    assert len(pods) == 3
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        environment = {each["name"]: each["value"] for each in container["env"]}
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert environment["HUB_SECRETS_DIR"] == mounts["secrets"]
        assert not [name for name in environment if "URL" in name and name != "HUB_PUBLIC_URL"]
