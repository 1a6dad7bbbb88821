"""Rows as one page of a list."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from hub.api.asked import Listing
from hub.api.models import Page
from hub.api.work import Work
from hub.sync import views
from hub.sync.views import Row

M = TypeVar("M", bound=BaseModel)


async def listed(work: Work, noun: str, model: type[M], asked: Listing) -> Page[M]:
    """A page of one of the listings of hub.sync.views."""
    rows = await views.listed(work.conn, noun, asked.filters(), before=asked.before(), limit=asked.limit)
    return page(model, rows, asked.limit)


def page(
    model: type[M], rows: Sequence[Row], limit: int, cursor: Callable[[Row], Any] = lambda row: row["id"]
) -> Page[M]:
    following = str(cursor(rows[-1])) if len(rows) == limit else None
    return Page[M](items=[model.model_validate(row) for row in rows], next=following)
