"""Traces by OpenTelemetry, where an address for them is configured: from the call to the push, one trace per correlation.

A trace's number is made from the correlation, so every process finds it by itself: nothing travels through the database.
Without an address the SDK is not even imported, and a place that could tell of a step asks one flag."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

from hub.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE: Final = "o2c-hub"
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
NAME: Final = "OTEL_SERVICE_NAME"
EXTRA: Final = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter")
PREFIX: Final = "hub."
FIRST: Final = "received"
"""The step that opens a correlation: the others hang below it."""


class TracesError(Exception):
    """Traces are asked for and cannot be written; what to do, in both languages."""

    sentence = "traces are configured, but the package's extra is not there: pip install 'o2c-hub[otel]'"
    zh = "已配置链路追踪，但缺少组件，请执行 pip install 'o2c-hub[otel]'"


class _Writer(Protocol):
    def step(self, name: str, correlation: str, began: int, about: Mapping[str, Any], failed: str | None) -> None: ...

    def close(self) -> None: ...


_writer: _Writer | None = None


def configure(settings: Settings, process: str, exporter: "SpanExporter | None" = None) -> None:
    """Begin to write traces, if there is somewhere to send them. `process`: intake, engine or worker."""
    global _writer  # noqa: PLW0603  one per process, as the log is
    if exporter is None and not wanted(settings):
        return
    demand(settings)
    from hub.telemetry.spans import Spans, over_http  # the extra's packages: half a second and 20 MB

    service = os.environ.get(NAME) or SERVICE
    _writer = Spans(service, process, settings.traces.share, exporter or over_http(settings.traces.endpoint))


def wanted(settings: Settings) -> bool:
    return bool(settings.traces.endpoint or os.environ.get(ENDPOINT))


def demand(settings: Settings) -> None:
    """Where traces are wanted, what writes them must be installed."""
    if wanted(settings) and any(find_spec(name) is None for name in EXTRA):
        raise TracesError


def close() -> None:
    """Send what is still here, and write no more."""
    global _writer  # noqa: PLW0603
    if _writer is not None:
        _writer.close()
        _writer = None


def began() -> int:
    """The moment a piece of work begins, for `done`; nothing where nobody traces."""
    return time.time_ns() if _writer is not None else 0


def done(name: str, correlation: str, began: int, **about: Any) -> None:
    """One piece of work for one record, ended now."""
    if _writer is not None:
        _writer.step(name, correlation, began, about, None)


@contextmanager
def work(name: str, correlation: str, **about: Any) -> Iterator[None]:
    """One piece of work for one record, also one that fails."""
    writer = _writer
    if writer is None:
        yield
        return
    started, failed = time.time_ns(), None
    try:
        yield
    except BaseException as error:
        failed = type(error).__name__
        raise
    finally:
        writer.step(name, correlation, started, about, failed)


def numbers(service: str, correlation: str) -> tuple[int, int]:
    """Trace and first span of a correlation. With the service's name, for `receipt-7` there is in every installation."""
    digest = hashlib.sha256(f"{service}\0{correlation}".encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
