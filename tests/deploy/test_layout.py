"""What compose.yaml starts, started: migrated, healthy, a webhook goes through to its target, everything ends in time."""

import base64
import gzip
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hub.telemetry.traces import SERVICE, numbers
from tests.deploy.layout import Layout, image, until
from tests.deploy.test_metrics import asked, names
from tests.deploy.tools import DEPLOY, program

HOOK_SECRET = "hook-token-0123456789"
CONFIGURATION = {
    "connections/shop.yaml": {
        "connection": "shop",
        "connector": "rest",
        "config": {
            "base_url": "http://shop.invalid",
            "hook_secret": "${env:SHOP_HOOK_SECRET}",
            "hook": {"events": {"product.saved": {"stream": "products", "record": "data"}}},
            "streams": {"products": {"path": "/products"}},
        },
    },
    "connections/erp.yaml": {
        "connection": "erp",
        "connector": "rest",
        "hook": False,
        "config": {
            "base_url": "${env:ERP_URL}",
            "streams": {
                "products": {
                    "path": "/products",
                    "reference": "hub_ref",
                    "idempotency_header": "Idempotency-Key",
                    "create": {"method": "POST", "path": "/products"},
                }
            },
        },
    },
    "mappings/shop.products.yaml": {
        "mapping": "shop.products",
        "kind": "product",
        "key": "id",
        "names": {"number": "number"},
        "match": [["number"]],
        "fields": {"number": "number", "name": "name"},
    },
    "mappings/erp.products.yaml": {
        "mapping": "erp.products",
        "kind": "product",
        "key": "id",
        "names": {"number": "number"},
        "reference": "hub_ref",
        "fields": {"number": "number", "name": "name"},
    },
    "syncs/shop-products.yaml": {
        "sync": "shop-products",
        "connection": "shop",
        "stream": "products",
        "mapping": "shop.products",
        "mode": "live",
        "every": "1d",
    },
    "syncs/erp-products.yaml": {
        "sync": "erp-products",
        "connection": "erp",
        "stream": "products",
        "mapping": "erp.products",
        "direction": "out",
        "mode": "live",
    },
}


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


@dataclass
class World:
    """What was sent out: to the ERP that takes every product, and to the collector of traces."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    spans: list[tuple[str, str, str]] = field(default_factory=list)
    """Which process wrote it, its name, its trace."""


@contextmanager
def others(world: World) -> Iterator[str]:
    """Everybody else there is, at one address."""

    class Others(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, [])

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                packed = self.headers.get("content-encoding") == "gzip"
                world.spans.extend(unpacked(gzip.decompress(body) if packed else body))
                self._answer(200, {})
            else:
                world.taken.append({**json.loads(body), "id": f"P{len(world.taken) + 1}"})
                self._answer(201, world.taken[-1])

        def _answer(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Others)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def unpacked(body: bytes) -> Iterator[tuple[str, str, str]]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            yield from ((about["hub.process"], span.name, span.trace_id.hex()) for span in scope.spans)


@contextmanager
def redis(folder: Path, wanted: bool) -> Iterator[str]:
    """By the command of compose.yaml; not wanted: an address where nobody is."""
    port = free_port()
    if not wanted:
        yield f"127.0.0.1:{port}"
        return
    server = program("redis-server", "apt install redis-server")
    command = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["redis"]["command"]
    here = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with subprocess.Popen([server, *command[1:], *here], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["with redis", "redis away"])
def layout(
    request: pytest.FixtureRequest, tmp_path: Path, empty_database_url: str
) -> Iterator[tuple[Layout, list[Any]]]:
    secrets = {
        "hub_database_url": empty_database_url,
        "hub_secret_key": base64.b64encode(os.urandom(32)).decode(),
    }
    world = World()
    with redis(tmp_path, request.param) as at, others(world) as there:
        extra = {
            "SHOP_HOOK_SECRET": HOOK_SECRET,
            "ERP_URL": there,
            "OTEL_EXPORTER_OTLP_ENDPOINT": there,
            "OTEL_BSP_SCHEDULE_DELAY": "300",
        }
        layout = Layout(tmp_path, free_port(), secrets, {"redis:6379": at}, extra)
        try:
            yield layout, world
        finally:
            layout.kill()


def configure(layout: Layout) -> None:
    directory = layout.folder / "configuration"
    for name, content in CONFIGURATION.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    applied = layout.exec("serve", "hub", "apply", str(directory))
    assert applied.returncode == 0, applied.stdout + applied.stderr


def send(layout: Layout, number: int) -> httpx.Response:
    event = {"type": "product.saved", "data": {"id": f"S{number}", "number": f"N{number}", "name": f"Sensor {number}"}}
    address = f"http://127.0.0.1:{layout.port}/hooks/shop"
    return httpx.post(address, json=event, headers={"Authorization": f"Bearer {HOOK_SECRET}"}, timeout=10)


def test_the_layout_works(layout: tuple[Layout, World]) -> None:
    services, world = layout
    taken = world.taken
    migrated = services.exec("migrate", "hub", *services.services["migrate"]["command"])
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    configure(services)
    assert not services.healthy("serve")
    services.start("serve")
    until(lambda: services.healthy("serve"), services)

    # What arrives while no worker is there is kept.
    assert send(services, 1).status_code == 200
    assert taken == []
    assert not services.healthy("worker")
    services.start("worker")
    assert len(services.running) == 3
    until(lambda: services.healthy("worker"), services)
    until(lambda: len(taken) == 1, services)
    answers = [send(services, number) for number in range(2, 12)]
    assert {answer.status_code for answer in answers} == {200}
    until(lambda: len(taken) == 11, services)
    assert sorted(record["number"] for record in taken) == sorted(f"N{number}" for number in range(1, 12))

    trace = f"{numbers(SERVICE, 'receipt-1')[0]:032x}"
    way = {("intake", "hub.received", trace), ("engine", "hub.applied", trace), ("engine", "hub.pushed", trace)}
    until(lambda: way <= set(world.spans), services)

    token = (services.folder / "serve/data/token").read_text().strip()
    told = httpx.get(f"http://127.0.0.1:{services.port}/metrics", headers={"Authorization": f"Bearer {token}"}).text
    samples = {line.split("{")[0].split(" ")[0] for line in told.splitlines() if line and not line.startswith("#")}
    assert samples & {name for _, text in asked() for name in names(text)} >= {"hub_pushed_total", "hub_received_total"}

    assert services.stop() == {"serve-1": 0, "worker-1": 0, "worker-2": 0}, services.told()


def test_the_image_says_where_things_are() -> None:
    environment = image()
    assert environment["HUB_DATA_DIR"] == "/var/lib/o2c-hub" and environment["HUB_HTTP__HOST"] == "0.0.0.0"


def test_services_hold_no_secret_in_the_open() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    for service in services.values():
        given = service.get("environment", {})
        assert not [name for name in given if name.endswith(("PASSWORD", "DATABASE_URL", "SECRET_KEY"))]
        assert service.get("restart") in {"unless-stopped", "no"}
    assert {"migrate", "serve", "worker"} < services.keys()
