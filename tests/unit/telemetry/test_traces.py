"""Traces: one per correlation whoever writes it, none without an address, never in anybody's way."""

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from hub.settings import Settings, TraceSettings
from hub.telemetry import traces, trail


@pytest.fixture(autouse=True)
def nobody_traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (traces.ENDPOINT, traces.NAME):
        monkeypatch.delenv(name, raising=False)
    yield
    traces.close()


def written(*, share: float = 1, process: str = "engine") -> tuple[InMemorySpanExporter, Settings]:
    exporter = InMemorySpanExporter()
    settings = Settings(traces=TraceSettings(share=share))
    traces.configure(settings, process, exporter)
    return exporter, settings


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    traces.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_what_follows_from_a_call_is_one_trace_below_the_call() -> None:
    exporter, _ = written()
    began = traces.began()
    traces.done(traces.FIRST, "receipt-7", began, connection="crm", verdict=None)
    trail.follow("applied", [{"sync": "orders", "to": "done", "correlation": "receipt-7"}], began)
    with traces.work("pushed", "receipt-7", sync="erp", delivery=3):
        pass
    found = spans(exporter)
    first = found["hub.received"]
    assert first.parent is None and dict(first.attributes or {}) == {
        "hub.connection": "crm",
        "hub.correlation": "receipt-7",
    }
    for name in ("hub.applied", "hub.pushed"):
        assert found[name].parent is not None and found[name].parent.span_id == first.context.span_id
        assert found[name].context.trace_id == first.context.trace_id
        assert (found[name].attributes or {})["hub.correlation"] == "receipt-7"
        assert found[name].context.span_id != first.context.span_id
    assert first.start_time == began and first.end_time is not None and first.end_time >= began


def test_every_process_finds_the_same_trace_and_other_installations_another() -> None:
    seen = []
    for process in ("intake", "engine"):
        exporter, _ = written(process=process)
        traces.done("applied", "receipt-7", traces.began())
        seen.append(spans(exporter)["hub.applied"].context.trace_id)
    assert seen[0] == seen[1] == traces.numbers(traces.SERVICE, "receipt-7")[0]
    assert traces.numbers("another", "receipt-7")[0] != seen[0]
    assert traces.numbers(traces.SERVICE, "receipt-8")[0] != seen[0]


def test_work_that_fails_says_with_what() -> None:
    exporter, _ = written()
    with pytest.raises(ValueError, match="no"), traces.work("pushed", "receipt-7"):
        raise ValueError("no")
    status = spans(exporter)["hub.pushed"].status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "ValueError")


def test_a_share_is_the_same_correlations_everywhere() -> None:
    chosen = []
    for process in ("intake", "worker"):
        exporter, _ = written(share=0.25, process=process)
        for n in range(400):
            traces.done("applied", f"receipt-{n}", traces.began())
        traces.close()
        chosen.append({(span.attributes or {})["hub.correlation"] for span in exporter.get_finished_spans()})
    assert chosen[0] == chosen[1] and 50 < len(chosen[0]) < 150


def test_without_an_address_nothing_is_written_and_nobody_looks() -> None:
    traces.configure(Settings(), "engine")
    assert traces.began() == 0
    trail.follow("applied", (pytest.fail("looked at") for _ in range(1)), traces.began())  # type: ignore[misc]
    with traces.work("pushed", "receipt-7"):
        traces.done("applied", "receipt-7", 0)


def test_without_an_address_the_sdk_is_not_imported() -> None:
    program = (
        "import sys, hub.api.__main__, hub.jobs.engine\n"
        "from hub.settings import Settings\nfrom hub.telemetry import traces\n"
        "traces.configure(Settings(), 'engine')\n"
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_extra_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    with pytest.raises(traces.TracesError):
        traces.demand(Settings(traces=TraceSettings(endpoint="http://collector:4318")))
    monkeypatch.setenv(traces.ENDPOINT, "http://collector:4318")
    with pytest.raises(traces.TracesError):
        traces.demand(Settings())
    assert "o2c-hub[otel]" in traces.TracesError.sentence and "o2c-hub[otel]" in traces.TracesError.zh
    monkeypatch.delenv(traces.ENDPOINT)
    traces.demand(Settings())


def test_a_collector_that_never_answers_keeps_nobody() -> None:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # its thread complains when this test is long over
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        traces.configure(Settings(traces=TraceSettings(endpoint=endpoint)), "engine")
        started = time.monotonic()
        for n in range(5_000):
            traces.done("applied", f"receipt-{n}", traces.began())
        traces.close()
        assert time.monotonic() - started < 10
