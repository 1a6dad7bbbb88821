"""What log and traces say of records: one line per batch where some failed, one per record only for who follows one.

Every line about a record carries its correlation: the same from the call that brought it to the push it led to."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from hub.telemetry import traces

_NAME = "hub.trail"
_log = structlog.get_logger(_NAME)


def follow(event: str, steps: Iterable[Mapping[str, Any]], began: int = 0) -> None:
    """A line per step at level debug, a span where it `began` traced. `steps` is not looked at when nobody listens."""
    told = logging.getLogger(_NAME).isEnabledFor(logging.DEBUG)
    if told or began:
        for step in steps:
            if told:
                _log.debug(event, **step)
            if began:
                traces.done(event, began=began, **step)


def failed(event: str, sync: str, failures: Iterable[tuple[str, str]]) -> None:
    """One line for a batch: how many by class, and the first one's correlation. `failures`: class, correlation."""
    found = list(failures)
    if found:
        classes = Counter(error_class for error_class, _ in found)
        _log.warning(event, sync=sync, classes=dict(classes), correlation=found[0][1])
