"""Spans as OpenTelemetry's SDK writes them; imported only where traces are configured (extra `otel`)."""

import time
from collections.abc import Mapping
from contextvars import ContextVar
from threading import Thread
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from hub import __version__
from hub.telemetry.traces import FIRST, PREFIX, numbers

CLOSE_SECONDS: Final = 2.0
KINDS: Final = {FIRST: SpanKind.SERVER, "pushed": SpanKind.CLIENT}

_given: ContextVar[tuple[int, int] | None] = ContextVar("given", default=None)


class _Numbers(IdGenerator):
    """Random numbers, but for the first span of a correlation."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        given = _given.get()
        return given[0] if given else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        given = _given.get()
        return given[1] if given else self._random.generate_span_id()


class Spans:
    """What `hub.telemetry.traces` writes with."""

    def __init__(self, service: str, process: str, share: float, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": service, "service.version": __version__, "hub.process": process})
        self._service = service
        # Chosen by the trace's number, so by the correlation: all processes trace the same ones.
        self._sampler = TraceIdRatioBased(share)
        self._provider = TracerProvider(
            sampler=self._sampler, resource=resource, id_generator=_Numbers(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hub", __version__)

    def step(self, name: str, correlation: str, began: int, about: Mapping[str, Any], failed: str | None) -> None:
        given = numbers(self._service, correlation)
        first = name == FIRST
        token = _given.set(given if first else None)
        try:
            span = self._tracer.start_span(
                PREFIX + name,
                context=trace.set_span_in_context(trace.INVALID_SPAN if first else _above(given)),
                kind=KINDS.get(name, SpanKind.INTERNAL),
                attributes={PREFIX + key: value for key, value in about.items() if value is not None}
                | {PREFIX + "correlation": correlation},
                start_time=began or None,
            )
        finally:
            _given.reset(token)
        if failed is not None:
            span.set_status(Status(StatusCode.ERROR, failed))
        span.end(time.time_ns())

    def close(self) -> None:
        """A collector that does not answer must not keep a process from ending: the SDK alone would try for 30 s."""
        ending = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)


def over_http(endpoint: str) -> SpanExporter:
    """To a collector, as OTLP over HTTP; the variables OTEL_EXPORTER_OTLP_… count as everywhere."""
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces") if endpoint else OTLPSpanExporter()


def _above(given: tuple[int, int]) -> NonRecordingSpan:
    return NonRecordingSpan(SpanContext(*given, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
