"""Writing: a create that is looked up first, re-entry at each step, lines, owners, deletes."""

import pytest

from connectors.fxiaoke.connector import connector
from hub.sdk import NotFound, Push, Rejected, Unavailable, Uncertain
from hub.sdk.sandbox import Fault

CUSTOMERS, DEALS = connector.streams["customers"], connector.streams["deals"]
REFERENCE = "customer:0001"


def wanted(**fields) -> Push:
    record = {"name": "苏州恒远", "hub_ref__c": REFERENCE, "tel": "0512-1", **fields}
    return Push("create", record, REFERENCE, "key-1")


def change(key: str, record: dict, known: dict | None = None, action: str = "update") -> Push:
    return Push(action, record, REFERENCE, "key-2", key=key, known=known)


def deal_push(crm, lines: int = 2, key: str | None = None) -> Push:
    product, account = crm.product(), crm.account()
    rows = [{"product_id": product, "quantity": "2", "sales_price": "12.50"} for _ in range(lines)]
    record = {"name": "订单", "account_id": account, "sales_stage": "won", "hub_ref__c": "order:9", "lines": rows}
    return Push("create", record, "order:9", "key-3", key=key)


async def test_a_create_leaves_our_reference_and_tells_its_id(either, crm):
    pushed = await CUSTOMERS.push(either, wanted())
    assert either.created.seen == [(pushed.key, {})]
    assert crm.box.store.rows["AccountObj"][pushed.key]["hub_ref__c"] == REFERENCE


async def test_the_same_create_twice_makes_one(ctx, crm):
    first = await CUSTOMERS.push(ctx, wanted())
    second = await CUSTOMERS.push(ctx, wanted(tel="0512-2"))
    assert first.key == second.key
    assert [row["tel"] for row in crm.rows("AccountObj")] == ["0512-2"]


@pytest.mark.parametrize("kind", ["drop_after", "half"])
async def test_a_create_without_an_answer_is_uncertain_and_found(ctx, crm, kind):
    crm.box.faults.append(Fault(match="data/create", kind=kind))
    with pytest.raises(Uncertain):
        await CUSTOMERS.push(ctx, wanted())
    assert len(await CUSTOMERS.find(ctx, "hub_ref__c", REFERENCE)) == 1
    await CUSTOMERS.push(ctx, wanted())
    assert len(crm.rows("AccountObj")) == 1
    assert len([e for e in crm.box.ledger.of("created") if e.data["object"] == "AccountObj"]) == 1


async def test_a_page_instead_of_json_after_a_write_is_uncertain(ctx, crm):
    crm.box.faults.append(Fault(match="data/create", kind="body", text="<html>login</html>"))
    with pytest.raises(Uncertain):
        await CUSTOMERS.push(ctx, wanted())


async def test_two_with_our_reference_the_oldest_is_ours(ctx, crm):
    """Copying a record in the CRM copies our reference."""
    oldest = crm.account("原", hub_ref__c=REFERENCE)
    crm.account("复制", hub_ref__c=REFERENCE)
    assert (await CUSTOMERS.push(ctx, wanted())).key == oldest


async def test_an_unanswered_look_up_creates_nothing(ctx, crm):
    crm.box.faults.append(Fault(match="data/query", kind="drop_before"))
    with pytest.raises(Unavailable):
        await CUSTOMERS.push(ctx, wanted())
    assert crm.rows("AccountObj") == []


async def test_an_update_sends_only_what_it_is_given(ctx, crm):
    key = crm.account(tel="1", address="上海")
    await CUSTOMERS.push(ctx, change(key, {"tel": "2"}))
    row = crm.box.store.rows["AccountObj"][key]
    assert (row["tel"], row["address"]) == ("2", "上海")
    assert crm.calls("query") == 0


async def test_an_owner_changes_by_its_own_call(ctx, crm):
    key, person = crm.account(), crm.create("PersonnelObj", name="王芳")
    await CUSTOMERS.push(ctx, change(key, {"tel": "2", "owner": [person]}))
    assert crm.box.store.rows["AccountObj"][key]["owner"] == [person]
    assert crm.calls("changeOwner") == 1


@pytest.mark.parametrize("gone", ["invalidated", "absent"])
async def test_an_update_of_what_is_gone(ctx, crm, gone):
    key = crm.account()
    if gone == "invalidated":
        crm.act("invalidate", object="AccountObj", id=key)
    with pytest.raises(NotFound):
        await CUSTOMERS.push(ctx, change(key if gone == "invalidated" else "nothing", {"tel": "2"}))


async def test_a_refused_field_is_named(ctx, crm):
    key = crm.deal()["id"]
    with pytest.raises(Rejected) as caught:
        await DEALS.push(ctx, change(key, {"payment_status__c": "已收清", "paid_amount__c": "1.00"}))
    assert [field.path for field in caught.value.fields] == ["payment_status__c"]
    assert "收款状态" in caught.value.zh


async def test_cancel_and_delete_can_be_entered_again(ctx, crm):
    key = crm.account()
    for _ in range(2):
        await CUSTOMERS.push(ctx, change(key, {}, action="cancel"))
    assert crm.box.store.rows["AccountObj"][key]["life_status"] == "invalid"
    for _ in range(2):
        await CUSTOMERS.push(ctx, change(key, {}, action="delete"))
    assert crm.rows("AccountObj") == []
    with pytest.raises(NotFound):
        await CUSTOMERS.push(ctx, change(key, {}, action="cancel"))


async def test_a_delete_cut_short_is_finished(ctx, crm):
    key = crm.account()
    crm.box.faults.append(Fault(match="data/delete", kind="drop_before"))
    with pytest.raises(Uncertain):
        await CUSTOMERS.push(ctx, change(key, {}, action="delete"))
    await CUSTOMERS.push(ctx, change(key, {}, action="delete"))
    assert crm.rows("AccountObj") == []


async def test_a_deal_is_made_with_its_lines(ctx, crm):
    pushed = await DEALS.push(ctx, deal_push(crm))
    ids = [row["_id"] for row in crm.rows("NewOpportunityLinesObj")]
    assert pushed.lines == {"lines": ids}
    assert ctx.created.seen == [(pushed.key, {}), (pushed.key, {"lines": ids[:1]}), (pushed.key, {"lines": ids})]


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_deal_cut_short_at_any_write_is_completed_without_a_double(ctx, crm, step, kind):
    """Write 1 makes the deal, 2 to 4 its three lines, two of which are alike."""
    push = deal_push(crm, lines=3)
    push.record["lines"][2]["quantity"] = "5"
    await cut_short(ctx, crm, push, step, kind)
    await DEALS.push(ctx, push)
    assert len(crm.rows("NewOpportunityObj")) == 1
    assert [row["quantity"] for row in crm.rows("NewOpportunityLinesObj")] == ["2", "2", "5"]


async def cut_short(ctx, crm, push: Push, step: int, kind: str) -> None:
    """Lets `step` - 1 creates pass and breaks the next."""
    seen = 0
    planned = crm.box.counter.count

    def count(path: str, now) -> None:
        nonlocal seen
        planned(path, now)
        seen += path.endswith("/create")
        if seen == step - 1:
            crm.box.faults[:] = [Fault(match="data/create", kind=kind)]

    crm.box.counter.count = count
    if step == 1:
        crm.box.faults.append(Fault(match="data/create", kind=kind))
    with pytest.raises(Uncertain):
        await DEALS.push(ctx, push)
    crm.box.counter.count = planned


async def test_lines_are_changed_added_and_dropped(ctx, crm):
    made = crm.deal(lines=3)
    known = (await DEALS.fetch(ctx, [made["id"]]))[0]
    first, second, third = known["lines"]
    lines = [
        {"_id": third["_id"], "quantity": "7"},
        {"_id": first["_id"], "quantity": "2.00"},
        {"product_id": first["product_id"], "quantity": "1", "sales_price": "3"},
    ]
    pushed = await DEALS.push(ctx, change(made["id"], {"lines": lines}, known))
    now = (await DEALS.fetch(ctx, [made["id"]]))[0]["lines"]
    assert {line["_id"]: line["quantity"] for line in now} == dict(
        zip(pushed.lines["lines"], ["7", "2", "1"], strict=True)
    )
    assert crm.box.store.rows["NewOpportunityLinesObj"][second["_id"]]["life_status"] == "invalid"


async def test_a_line_somebody_added_meanwhile_stays(ctx, crm):
    made = crm.deal(lines=1)
    known = (await DEALS.fetch(ctx, [made["id"]]))[0]
    line = {"product_id": known["lines"][0]["product_id"], "quantity": "9", "sales_price": "1"}
    added = crm.create("NewOpportunityLinesObj", new_opportunity_id=made["id"], **line)
    await DEALS.push(ctx, change(made["id"], {"lines": [{"_id": made["lines"][0], "quantity": "3"}]}, known))
    assert crm.box.store.living("NewOpportunityLinesObj", added)


async def test_our_writes_start_no_workflow_unless_asked(crm):
    crm.act("set_hook", url="http://hub/hooks/crm", token="t", events=["deal_changed"])
    key = crm.deal()["id"]
    before = len(crm.box.posts)
    await DEALS.push(crm.context(), change(key, {"remark": "一"}))
    assert len(crm.box.posts) == before
    await DEALS.push(crm.context(trigger_workflow=True), change(key, {"remark": "二"}))
    assert len(crm.box.posts) == before + 1
