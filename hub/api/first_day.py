"""What the API says and takes of a first day: forecasts and questions."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hub.api.models import Answered


class Toward(Answered):
    """What one target would be owed."""

    sync: str
    connection: str
    stream: str
    creates: int
    changes: int
    ends: int = Field(description="Deleted at their source, and standing there still")
    equal: int
    waiting: int = Field(description="Whose parent must be known there first")
    asked: int = Field(description="Not created until a question is answered")
    unreadable: int = Field(description="The mapping cannot write them")
    fields: dict[str, int] = Field(description="Changes by field of the target")
    examples: list[dict[str, Any]]


class Forecast(Answered):
    """What would happen if a sync went live."""

    sync: str
    mode: str
    complete: bool = Field(description="Read to its end: the numbers grow no more")
    linked: int = Field(description="Found to be what another system has, too")
    fresh: int = Field(description="Known to this stream alone")
    waiting: int
    questions: int
    parked: int
    asked: list[dict[str, Any]]
    toward: list[Toward]


class Question(Answered):
    """Is this record one of these entities?"""

    id: int
    connection: str
    stream: str
    key: str | None
    asks: list[int]
    received_at: datetime
    error: str | None
    error_zh: str | None


class QuestionShown(Question):
    """With what the record says, and what each candidate says."""

    fields: dict[str, Any]
    candidates: list[dict[str, Any]]


class Same(BaseModel):
    """`same`: the entity it is; none: it is a new one."""

    model_config = ConfigDict(extra="forbid")

    same: int | None = None


class ByRule(BaseModel):
    """Same where all these fields are equal with one candidate only; `new`: whatever is left is new."""

    model_config = ConfigDict(extra="forbid")

    same_when: list[str] = Field(default_factory=list, max_length=20)
    new: bool = False
    connection: str | None = None
    stream: str | None = None
    preview: bool = False


class Counted(Answered):
    """How many questions got, or would get, which answer."""

    same: int
    new: int
    left: int
