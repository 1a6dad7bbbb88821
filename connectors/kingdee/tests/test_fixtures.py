"""Answers in the shapes a server gives them, one file per condition."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kingdee.connector import connector, probe
from connectors.kingdee.sandbox import sandbox_config
from hub.sdk import AuthFailed, Context, Push, Rejected
from tests.support.sdk import make_context

FOLDER = Path(__file__).parents[1] / "fixtures"
CUSTOMERS: Any = connector.streams["customers"]


@pytest.fixture
def answers() -> Callable[..., Context]:
    """A context whose calls are answered by these fixtures, one after the other."""

    def build(*names: str) -> Context:
        rest = iter(names)

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=(FOLDER / f"{next(rest)}.json").read_bytes())

        return make_context(connector, sandbox_config("http://erp.test"), httpx.MockTransport(answer))

    return build


async def test_session_lost_in_a_query(answers: Callable[..., Context]) -> None:
    with pytest.raises(AuthFailed) as caught:
        await probe(answers("query__session_lost"))
    assert (caught.value.code, caught.value.zh) == ("1", "会话信息已丢失，请重新登录")


async def test_rejected_with_texts_for_booleans(answers: Callable[..., Context], create: Callable[..., Push]) -> None:
    context = answers("customers__none", "save__rejected")
    with pytest.raises(Rejected) as caught:
        await CUSTOMERS.push(context, create({"FName": "云帆"}))
    assert [f.path for f in caught.value.fields] == ["FSOCIALCRECODE", ""]
    assert caught.value.zh == "统一社会信用代码不正确；保存失败"


async def test_saved_submitted_audited(answers: Callable[..., Context], create: Callable[..., Push]) -> None:
    context = answers("customers__none", "save__saved", "save__saved", "save__saved")
    pushed = await CUSTOMERS.push(context, create({"FName": "云帆"}))
    assert (pushed.key, pushed.lines) == ("100512", {})


async def test_blanks_are_empty_and_fractions_stay(answers: Callable[..., Context]) -> None:
    (page,) = [page async for page in CUSTOMERS.pull(answers("customers__padded"), None)]
    (record,) = page.records
    assert (record["FShortName"], record["FADDRESS"], record["FINVOICETITLE"]) == ("", "", None)
    assert (record["FCUSTID"], page.cursor) == ("100512", "2026-11-22T09:15:30.147")
