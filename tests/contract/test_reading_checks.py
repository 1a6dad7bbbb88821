"""The checks of reading find what they are there for."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.rest.streams import RestStream
from hub.sdk import (
    Context,
    Page,
    Record,
    Unavailable,
)
from tests.contract.spoilt import WHOLE, Blind, found, streamed

Spoil = Callable[[Page], Page]


def spoilt(spoil: Spoil) -> type[RestStream]:
    class Spoilt(RestStream):
        async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
            async for page in super().pull(ctx, cursor):
                yield spoil(page)

    return Spoilt


def with_records(change: Callable[[Record], Record]) -> type[RestStream]:
    return spoilt(lambda page: replace(page, records=[change(record) for record in page.records]))


class Declared(RestStream):
    def __init__(self, name: str, spec: Any) -> None:
        super().__init__(name, spec)
        self.schema = {"number": "decimal", "lines[].quantity": "text"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (with_records(lambda r: {**r, "id": ""}), "have no id at id"),
        (with_records(lambda r: {**r, "id": "1"}), "ids that come twice in one pull: 1"),
        (with_records(lambda r: {**r, "lines": [{"price": 1.5}]}), "lines[].price is a float"),
        (Declared, "number is declared decimal and is str 'N1'"),
        (Declared, "lines[].quantity is declared text and is int 1"),
    ],
)
async def test_records(kind: type[RestStream], words: str) -> None:
    assert words in await found("records", streamed(kind, WHOLE))


class Hasty(RestStream):
    """Sets its cursor past what it has not read."""

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        async for page in super().pull(ctx, cursor):
            yield replace(page, cursor="2030-01-01T00:00:00.000Z")


class Forgiving(RestStream):
    """Takes the end of the line for the end of the list."""

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        try:
            async for page in super().pull(ctx, cursor):
                yield page
        except Unavailable:
            return


class Wavering(RestStream):
    """Says something else each time it is asked."""

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        async for page in super().pull(ctx, cursor):
            yield replace(page, records=[{**record, "asked": cursor} for record in page.records])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Hasty, "an interrupted pull loses"),
        (Hasty, "made after the last pull is missing"),
        (Forgiving, "ended as if it were whole"),
        (Wavering, "brings records that the first did not"),
    ],
)
async def test_cursor(kind: type[RestStream], words: str) -> None:
    assert words in await found("cursor", streamed(kind))


async def test_lookups() -> None:
    said = await found("lookups", streamed(Blind))
    assert all(f"customers: {verb}" in said for verb in ("fetch of", "find by number = N1 brings []", "keys lists 0"))
