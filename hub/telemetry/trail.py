"""What the log says of records: one line per batch where some failed, one per record only for who follows one (debug).

Every line about a record carries its correlation: the same from the call that brought it to the push it led to."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

_NAME = "hub.trail"
_log = structlog.get_logger(_NAME)


def follow(event: str, steps: Iterable[Mapping[str, Any]]) -> None:
    """A line per step at level debug. `steps` is not even looked at when nobody listens."""
    if logging.getLogger(_NAME).isEnabledFor(logging.DEBUG):
        for step in steps:
            _log.debug(event, **step)


def failed(event: str, sync: str, failures: Iterable[tuple[str, str]]) -> None:
    """One line for a batch: how many by class, and the first one's correlation. `failures`: class, correlation."""
    found = list(failures)
    if found:
        classes = Counter(error_class for error_class, _ in found)
        _log.warning(event, sync=sync, classes=dict(classes), correlation=found[0][1])
