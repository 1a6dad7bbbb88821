"""`hub failed` and `hub reapply` on a real database."""

from typing import Any

import pytest
from click.testing import Result

from hub.db.session import Database
from tests.integration.test_cli import hub, rows
from tests.integration.test_desk import put_inbox

__all__ = ["hub"]


@pytest.fixture
async def group(database_url: str) -> str:
    """Two parked records of one cause; its name."""
    from hub.sync import groups

    db = Database(database_url)
    for number in range(2):
        await put_inbox(db, error=f"record {number} is wrong")
    async with db.read() as conn:
        (found,) = await groups.groups(conn)
    await db.close()
    return str(found["id"])


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return str(result.output)


async def test_groups_come_first_then_their_members(hub: Any, group: str) -> None:
    import asyncio

    def use() -> None:
        (row,) = rows(hub("failed", "--json"))
        assert (row["id"], row["count"], row["shape"]) == (group, 2, "record # is wrong")
        assert group in said(hub("failed"))
        assert [row["id"] for row in rows(hub("failed", group, "--json"))] == [2, 1]
        assert [row["id"] for row in rows(hub("failed", group, "--limit", "1", "--json"))] == [2]
        assert len(rows(hub("failed", "list", "--json"))) == 2
        said(hub("failed", "assign", group, "bob", "--note", "asked"))
        assert rows(hub("failed", "--json"))[0]["owner"] == "bob"
        assert [row["act"] for row in rows(hub("failed", "history", group, "--json"))] == ["failed.assign"]
        assert hub("failed", "assign", "i000000000", "bob").exit_code == 1

    await asyncio.to_thread(use)


async def test_single_rows_are_assigned(hub: Any, group: str) -> None:
    import asyncio

    def use() -> None:
        told = said(hub("failed", "assign", "inbox", "1", "bob", "--note", "asked"))
        assert "updated: 1" in told and "bob is not told" in told
        (row,) = rows(hub("failed", "list", "--owner", "bob", "--json"))
        assert (row["id"], row["owner"], row["assigned"]) == (1, "bob", True)
        assert rows(hub("failed", "--owner", "bob", "--json")) == []
        assert [row["id"] for row in rows(hub("failed", group, "--owner", "bob", "--json"))] == [1]
        assert [row["what"] for row in rows(hub("failed", "history", "inbox", "1", "--json"))] == ["inbox 1"]
        assert [row["what"] for row in rows(hub("failed", "history", group, "--json"))] == ["inbox 1"]
        partly = hub("failed", "assign", "inbox", "2", "9", "bob")
        assert partly.exit_code == 1 and "left alone, not there or not open: 9" in partly.output
        said(hub("failed", "assign", "inbox", "1", "2", ""))
        assert rows(hub("failed", "list", "--owner", "bob", "--json")) == []
        for wrong in (["inbox", "bob"], ["inbox", "1"], [group, "bob", "carl"], ["inbox", "1", "bob", "carl"]):
            assert hub("failed", "assign", *wrong).exit_code != 0

    await asyncio.to_thread(use)


async def test_acts_on_a_group_are_runs(hub: Any, group: str) -> None:
    import asyncio

    def use() -> None:
        assert "run 1 has begun" in said(hub("failed", "retry", group))
        assert "run 1 has begun" in said(hub("failed", "retry", group))
        assert "run 2 has begun" in said(hub("failed", "dismiss", group, "--reason", "old"))
        assert "run 3 has begun" in said(hub("failed", "correct", group, "--from", "1", "--to", "2", "--at", "total"))
        assert "run 4 has begun" in said(hub("failed", "correct", "--what", "inbox", "--class", "MappingError", "a=1"))
        assert "run 1 is stopped after 0 rows" in said(hub("run", "stop", "1"))
        assert hub("run", "stop", "1").exit_code == 1
        for wrong in (
            ["failed", "correct", group],
            ["failed", "retry"],
            ["reapply", "nope", "--from", "2026-01-01", "--to", "2026-01-02"],
        ):
            assert hub(*wrong).exit_code == 1

    await asyncio.to_thread(use)
