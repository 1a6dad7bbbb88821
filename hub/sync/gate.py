"""The gate of one batch: once the target turned one push away, the rest of the batch is not sent against a closed door."""

from typing import Final

from hub.sdk.errors import Throttled, Unavailable, Uncertain
from hub.sync.outgoing import Outcome, Plan
from hub.sync.policy import rule_for

DOUBTS: Final = 5
"""Writes of unknown outcome in a row, with no answer between them: the target is down, whatever it calls that."""


class Gate:
    """Told of every outcome, asked before every push."""

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._doubts = 0

    def is_closed(self, plan: Plan) -> bool:
        return bool({"", plan.sync.stream} & self._closed)

    def passed(self, outcome: Outcome) -> Outcome:
        """Note what came of a push; the outcome, marked where it is one doubt too many."""
        error = outcome.error
        if isinstance(error, Uncertain):
            self._doubts += 1
            on_trial = outcome.plan is not None and outcome.plan.trial is not None
            outcome.breaks = on_trial or self._doubts >= DOUBTS
        elif not isinstance(error, Unavailable | Throttled):
            self._doubts = 0
        if outcome.breaks:
            self._closed.add("")
        elif error is not None and rule_for(error).pauses:
            self._closed.add(getattr(error, "scope", None) or "")
        return outcome
