"""Failed work over HTTP: by cause, and one act for a whole group as a run."""

from typing import Any

import httpx

from hub.api.services import Services
from tests.integration.api.test_api import arrive, items, turn

GROUP = "/api/v1/failed/groups"


async def post(client: httpx.AsyncClient, path: str, /, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def parked(client: httpx.AsyncClient, services: Services, count: int = 3) -> dict[str, Any]:
    """Records without a key."""
    for number in range(count):
        await arrive(client, f"e{number}", {"number": f"P-{number}", "name": "no key"})
    await turn(services)
    (group,) = await items(client, "failed/groups")
    return group


async def test_failed_work_is_grouped_listed_and_assigned(client: httpx.AsyncClient, services: Services) -> None:
    group = await parked(client, services)
    assert (group["count"], group["what"], group["connection"], group["stream"]) == (3, "inbox", "crm", "products")
    assert (group["error_class"], group["owner"], group["assigned"]) == ("MappingError", None, False)
    first = (await client.get("/api/v1/failed", params={"group": group["id"], "limit": 2})).json()
    second = (await client.get("/api/v1/failed", params={"group": group["id"], "cursor": first["next"]})).json()
    assert [row["id"] for row in (*first["items"], *second["items"])] == [3, 2, 1]
    assert first["items"][0]["cause"] == group["id"]
    assert await items(client, "failed", group="i000000000") == []
    assert (await client.get("/api/v1/failed", params={"cursor": "x"})).status_code == 400
    await post(client, f"failed/groups/{group['id']}/assign", owner="bob", note="asked")
    (group,) = await items(client, "failed/groups")
    assert (group["owner"], group["note"]) == ("bob", "asked")
    (told,) = await items(client, f"failed/groups/{group['id']}/history")
    assert (told["who"], told["act"]) == ("root", "failed.assign")
    assert (await client.post(f"{GROUP}/i000000000/assign", json={"owner": "x"})).status_code == 422


async def test_single_rows_are_assigned_and_told(client: httpx.AsyncClient, services: Services) -> None:
    group = await parked(client, services)
    done = await post(client, "failed/assign", what="inbox", ids=[1, 2, 99], owner="bob@example.com", note="asked")
    assert done == {"done": [1, 2], "told": ["bob@example.com"]}
    rows = await items(client, "failed", owner="bob@example.com")
    assert [(row["id"], row["assigned"]) for row in rows] == [(2, True), (1, True)]
    assert await items(client, "failed/groups", owner="bob@example.com") == []
    (told,) = await items(client, "failed/inbox/1/history")
    assert (told["who"], told["act"], told["detail"]["group"]) == ("root", "failed.assign", group["id"])
    assert len(await items(client, f"failed/groups/{group['id']}/history")) == 2
    for wrong in (
        {"what": "inbox", "ids": []},
        {"what": "inbox", "ids": [1]},
        {"what": "run", "ids": [1], "owner": "x"},
    ):
        assert (await client.post("/api/v1/failed/assign", json=wrong)).status_code == 422


async def test_a_group_is_corrected_as_one_run(client: httpx.AsyncClient, services: Services) -> None:
    group = await parked(client, services)
    assert (await client.post("/api/v1/failed/correct", json={"group": group["id"]})).status_code == 422
    begun = await post(client, "failed/correct", group=group["id"], old="P-1", new="P-9", path="number")
    assert (begun["what"], begun["state"], begun["total"]) == ("correct", "running", 3)
    await turn(services)
    answer = (await client.get(f"/api/v1/runs/{begun['id']}")).json()
    # Two hold another number; the third has still no key and cannot go on.
    assert (answer["state"], answer["done"], answer["changed"], answer["detail"]["skipped"]) == ("done", 3, 0, 3)
    done = await post(client, "failed/dismiss", group=group["id"], reason="test data")
    await turn(services)
    assert (await client.get(f"/api/v1/runs/{done['id']}")).json()["changed"] == 3
    assert await items(client, "failed") == []
    acts = [row["act"] for row in await items(client, f"failed/groups/{group['id']}/history")]
    assert acts == ["failed.dismiss.done", "failed.dismiss", "failed.correct.done", "failed.correct"]


async def test_a_selection_is_retried_and_a_run_stopped(client: httpx.AsyncClient, services: Services) -> None:
    await parked(client, services)
    assert (await client.post("/api/v1/failed/retry", json={"what": "inbox"})).status_code == 422
    retried = await post(client, "failed/retry", what="inbox", ids=[1, 2])
    assert retried["total"] == 2
    assert (await post(client, f"runs/{retried['id']}/stop"))["done"] == [retried["id"]]
    assert (await client.post(f"/api/v1/runs/{retried['id']}/stop")).status_code == 422
    assert (await client.post("/api/v1/runs/999/stop")).status_code == 404


async def test_a_window_is_applied_again(client: httpx.AsyncClient, services: Services) -> None:
    await arrive(client, "e1", {"id": "77", "number": "P-1", "name": "pump"})
    await turn(services)
    window = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    begun = await post(client, "reapply/products", **window)
    await turn(services)
    answer = (await client.get(f"/api/v1/runs/{begun['id']}")).json()
    assert (answer["state"], answer["done"], answer["changed"]) == ("done", 1, 1)
    assert len(await items(client, "entities/product", q="P-1")) == 1
    assert (await client.post("/api/v1/reapply/nope", json=window)).status_code == 404
    naive = {"since": "2020-01-01T00:00:00", "until": "2100-01-01T00:00:00"}
    assert (await client.post("/api/v1/reapply/products", json=naive)).status_code == 422
