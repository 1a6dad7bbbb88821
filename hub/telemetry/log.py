"""Structured logs: one JSON object a line (or coloured text on a terminal), without secrets."""

import logging
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from hub.security.redact import redact

# Libraries that narrate at INFO what our own lines say better.
QUIET = ("httpx", "httpcore", "aiohttp.access", "alembic", "asyncio")


def configure(
    level: str = "info", style: str = "auto", *, secrets: Collection[str] = (), stream: TextIO | None = None
) -> None:
    """Send our log and the libraries' through one chain. `style` is json, console or auto (by terminal)."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    console = style == "console" or (style == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redactor(secrets),
                _renderer(console),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


@contextmanager
def correlated(**ids: str) -> Iterator[None]:
    """Every line written inside carries these ids, also in tasks started inside."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def _renderer(console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def _redactor(secrets: Collection[str]) -> Processor:
    def mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
        masked: EventDict = redact(event, secrets)
        return masked

    return mask
