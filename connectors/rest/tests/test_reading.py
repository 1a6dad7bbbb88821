"""Lists in three ways of paging, cursors, single records."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.rest.connector import connector
from connectors.rest.tests.made import World, changed, config, world
from hub.sdk import ConfigInvalid, Page
from hub.sdk.connector import verbs_of
from tests.support.sdk import make_context

RECORDS: dict[str, dict[str, Any]] = {
    "customers": {"name": "c"},
    "products": {"name": "p"},
    "orders": {"customer_id": "1", "lines": [{"product": "P", "quantity": 1}]},
}
STREAMS = list(RECORDS)


def filled(name: str, count: int, given: dict[str, Any] | None = None) -> World:
    made = world(given)
    for number in range(count):
        made.save(name, number=f"N{number}", **RECORDS[name])
    return made


def numbers(pages: list[Page]) -> list[str]:
    return [record["number"] for page in pages for record in page.records]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
async def test_every_page_is_read_once(name: str, count: int) -> None:
    pages = await filled(name, count).pull(name)
    assert numbers(pages) == [f"N{number}" for number in range(count)]
    assert all(len(page.records) <= 2 for page in pages)


@pytest.mark.parametrize("name", STREAMS)
async def test_a_second_pull_brings_what_changed_and_the_overlap(name: str) -> None:
    made = filled(name, 5)
    cursor = (await made.pull(name))[-1].cursor
    made.clock.advance(minutes=10)
    made.save(name, number="new", **RECORDS[name])
    fresh = numbers(await made.pull(name, cursor))
    assert fresh[-1] == "new" and set(fresh) <= {f"N{number}" for number in range(5)} | {"new"}
    made.clock.advance(minutes=10)
    later = (await made.pull(name, cursor))[-1].cursor
    assert numbers(await made.pull(name, later)) == ["new"]


async def test_an_interrupted_pull_goes_on_where_it_stopped() -> None:
    made = filled("customers", 6)
    stream = made.stream("customers")
    first = await anext(stream.pull(made.ctx, None))
    assert first.cursor == f"\t{first.records[-1]['updated_at']}\t{first.records[-1]['id']}"
    rest = await made.pull("customers", first.cursor)
    assert set(numbers([first])) | set(numbers(rest)) == {f"N{number}" for number in range(6)}


async def test_a_record_that_changes_while_we_read_hides_no_other() -> None:
    """By page number the change of N0 would move N2 from page two to page one, unread."""
    made = filled("customers", 6)
    pages: list[Page] = []
    async for page in made.stream("customers").pull(made.ctx, None):
        if not pages:
            made.clock.advance(seconds=1)
            made.there.act_save({"table": "customers", "id": "1", "record": {"name": "changed"}})
        pages.append(page)
    assert set(numbers(pages)) == {f"N{number}" for number in range(6)}
    assert numbers(pages)[-1] == "N0"


async def test_many_of_one_stamp_are_turned_by_page_number() -> None:
    made = world()
    for number in range(7):
        made.there.act_save({"table": "customers", "record": {"name": "c", "number": f"N{number}"}})
    assert numbers(await made.pull("customers")) == [f"N{number}" for number in range(7)]


async def test_a_server_with_a_smaller_page_than_asked_for() -> None:
    made = filled("customers", 60, changed("customers", paging={"kind": "page", "size": 100}))
    assert len(numbers(await made.pull("customers"))) == 60


async def test_in_no_order_the_cursor_waits_for_the_last_page() -> None:
    given = changed(
        "customers",
        params={"sort": "-updated_at"},
        cursor={"param": "updated_since", "path": "updated_at", "sorted": False},
    )
    made = filled("customers", 5, given)
    made.clock.advance(minutes=3)
    pages = await made.pull("customers")
    assert [bool(page.cursor) for page in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[-1].cursor == pages[0].records[0]["updated_at"]


async def test_a_row_that_leaves_a_run_of_one_stamp_hides_no_other() -> None:
    made = world()
    for number in range(7):
        made.there.act_save({"table": "customers", "record": {"name": "c", "number": f"N{number}"}})
    pages: list[Page] = []
    async for page in made.stream("customers").pull(made.ctx, None):
        if not pages:
            made.clock.advance(seconds=1)
            made.there.act_remove({"table": "customers", "id": "1"})
        pages.append(page)
    assert set(numbers(pages)) == {f"N{number}" for number in range(7)}


async def test_without_a_cursor_everything_is_read() -> None:
    made = filled("customers", 3, changed("customers", cursor=None))
    pages = await made.pull("customers")
    assert numbers(pages) == ["N0", "N1", "N2"] and {page.cursor for page in pages} == {""}
    assert numbers(await made.pull("customers", "")) == ["N0", "N1", "N2"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"list": "nothing"}, "finds no list of records"),
        ({"id": "serial"}, "has no id at `serial`"),
        ({"cursor": {"param": "updated_since", "path": "modified"}}, "does not say when it changed"),
        ({"params": {"sort": "-updated_at"}}, "does not come oldest change first"),
        ({"cursor": None, "paging": {"kind": "page", "size": 2, "page_param": "wrong"}}, "hold the same records"),
    ],
)
async def test_a_wrong_declaration_names_itself(changes: dict[str, Any], words: str) -> None:
    made = filled("customers", 4, changed("customers", **changes))
    with pytest.raises(ConfigInvalid, match=words) as caught:
        await made.pull("customers")
    assert caught.value.scope == "customers" and caught.value.zh != caught.value.sentence


async def test_a_cursor_parameter_that_is_ignored_is_noticed() -> None:
    given = changed("customers", cursor={"param": "wrong", "path": "updated_at"})
    made = filled("customers", 4, given)
    with pytest.raises(ConfigInvalid, match=r"cursor\.param"):
        await made.pull("customers", "2030-01-01T00:00:00.000Z")


async def test_credentials_do_not_follow_a_link_to_another_host() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "rest.test"
        return httpx.Response(200, json={"items": [], "links": {"next": "https://elsewhere.test/x"}})

    ctx = make_context(connector, config(), httpx.MockTransport(answer))
    with pytest.raises(ConfigInvalid, match=r"leads to https://elsewhere\.test"):
        await anext(connector.streams_of(ctx.config)["orders"].pull(ctx, None))  # type: ignore[attr-defined]


async def test_the_link_header_is_followed_where_no_expression_is_given() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("p", "1"))
        link = {"link": f'<?p=9>; rel="last", </api/x?p={page + 1}>; rel="next"'} if page < 3 else {}
        return httpx.Response(200, json=[{"id": page}], headers=link)

    given = {"base_url": "http://rest.test/api", "streams": {"x": {"path": "/x", "paging": {"kind": "next_link"}}}}
    ctx = make_context(connector, given, httpx.MockTransport(answer))
    stream: Any = connector.streams_of(ctx.config)["x"]
    assert [keys async for keys in stream.keys(ctx)] == [["1"], ["2"], ["3"]]


@pytest.mark.parametrize("name", STREAMS)
async def test_keys_fetch_and_find(name: str) -> None:
    made = filled(name, 5)
    made.save(name, number="N1", **RECORDS[name])
    stream = made.stream(name)
    keys = [key async for page in stream.keys(made.ctx) for key in page]
    assert sorted(keys) == ["1", "2", "3", "4", "5", "6"]
    assert [record["id"] for record in await stream.fetch(made.ctx, ["3", "99", "1"])] == ["3", "1"]
    assert [record["id"] for record in await stream.find(made.ctx, "number", "N1")] == ["2", "6"]
    assert await stream.find(made.ctx, "number", "N") == []
    with pytest.raises(ConfigInvalid, match="declares no filter for colour"):
        await stream.find(made.ctx, "colour", "red")


def test_verbs_are_those_that_are_declared() -> None:
    def verbs(**changes: Any) -> set[str]:
        ctx = world(changed("customers", **changes)).ctx
        return set(verbs_of(connector.streams_of(ctx.config)["customers"]))

    assert verbs() == {"pull", "keys", "fetch", "find", "push"}
    assert verbs(get=None, find=None, create=None, update=None, reference=None) == {"pull", "keys"}


def _spoil(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(given: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        target = given
        for name in parents:
            target = target[name]
        target[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("streams.customers.list", "data.[", "no JMESPath expression"),
        ("streams.customers.update.path", "/api/customers", "where the id goes"),
        ("streams.customers.colour", "red", "Extra inputs"),
        ("streams.customers.path", "/api/customers?type=1", "should match pattern"),
        ("token", None, "auth: bearer needs `token`"),
        ("auth", "basic", "auth: basic needs `user` and `password`"),
        ("base_url", "rest.test", "base_url"),
        ("hook", {"events": {"a": {"stream": "nowhere"}}}, "`nowhere`, which is not declared"),
        ("streams", {}, "at least 1 item"),
    ],
)
def test_a_config_that_cannot_work_is_not_taken(path: str, value: Any, words: str) -> None:
    given = config()
    _spoil(path, value)(given)
    with pytest.raises(ValueError, match=words):
        connector.config.model_validate(given)


async def test_a_secret_header_is_sent_and_never_shown() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"items": []})

    given = config(headers={"x-app": "hub"}, secret_headers={"X-Api-Key": "the-made-up-key"})
    ctx = make_context(connector, given, httpx.MockTransport(answer))
    await connector.probe(ctx)
    assert seen[0].headers["x-api-key"] == "the-made-up-key"
    assert seen[0].headers["x-app"] == "hub"
    assert "the-made-up-key" not in repr(ctx.config)
