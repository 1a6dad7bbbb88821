"""The values of a delivery on its way: what is to be done, and what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row

from hub.canon.entity import Entity
from hub.canon.identity import Link
from hub.config.runtime import BoundSync
from hub.sdk.records import Message, Push, Pushed
from hub.sync.policy import Failure


@dataclass(slots=True)
class Plan:
    """One claimed delivery. A record's: `push` (and `wanted`, the whole record the target should have); a message's:
    `message`. `look_up`: an earlier create has an unknown outcome."""

    delivery: Row[Any]
    sync: BoundSync
    entity: Entity
    link: Link | None = None
    push: Push | None = None
    wanted: dict[str, Any] = field(default_factory=dict)
    message: Message | None = None
    look_up: bool = False
    begun: bool = False  # an id was obtained, the push is not through
    trial: str | None = None  # the paused scope whose end this push tries


@dataclass(slots=True)
class Outcome:
    """What one try came to.

    done: it is there now (`pushed`; None when there was nothing to send) · failed: `error` · waiting: for a parent or
    until a moment · parked: `failure`, without a try · unsent: what was sent before it met a closed door.
    `breaks`: one doubt too many in a row, so the whole target counts as not answering."""

    delivery: Row[Any]
    sync: BoundSync
    state: Literal["done", "failed", "waiting", "parked", "unsent"]
    version: int = 0
    plan: Plan | None = None
    pushed: Pushed | None = None
    error: BaseException | None = None
    failure: Failure | None = None
    waiting_for: str | None = None
    due_at: datetime | None = None
    looked_up: bool = False
    breaks: bool = False
    paused: str | None = None  # the scope that this error paused
    note: str | None = None
    seconds: float = 0.0
    exchanges: Sequence[dict[str, Any]] = ()
