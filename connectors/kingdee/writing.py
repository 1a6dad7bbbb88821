"""Writing a document: read where it stands, then do what is missing of save, submit and audit."""

from collections.abc import Mapping
from typing import Any

from connectors.kingdee.client import operate
from connectors.kingdee.documents import Layout, differs, layout, line_ids, lowered, model, value_at, with_line_ids
from connectors.kingdee.forms import LINE_ID, Form
from connectors.kingdee.reading import fetch, find
from hub.sdk import Context, NotFound, Push, Pushed, Record, Rejected
from hub.sdk.http import no_answer

CREATED, IN_APPROVAL, APPROVED = "A", "B", "C"
EDITABLE = frozenset({"Z", CREATED, "D"})

# Where a document stands -> what opens it for a change. A withdrawn or un-audited one is audited again at the end.
REOPEN: Mapping[str, str] = {IN_APPROVAL: "CancelAssign", APPROVED: "UnAudit"}
# Where a saved document stands -> what leads to "approved".
FINISH: Mapping[str, tuple[str, ...]] = {"A": ("Submit", "Audit"), "D": ("Submit", "Audit"), "B": ("Audit",)}


async def put(ctx: Context, form: Form, push: Push) -> Pushed:
    """Create or update, entered again at any step. A create looks for our reference first."""
    record = _pushed(ctx, form, push)
    new = lowered(form, record, None)
    plan = layout(form, (ctx.config.reference_field,), new)
    standing = await _stands(ctx, plan, push)
    if standing is None:
        new = _with_number(ctx, form, push, _with_organization(ctx, form, new))
        try:
            result = await _save(ctx, form, new, None)
        except Rejected as refusal:
            standing = await _ours_under(ctx, plan, push, new.get(form.number), refusal)
        else:
            return await _created(ctx, form, new, result)
    wanted = with_line_ids(form, lowered(form, record, standing), standing, ours=push.action == "create")
    return await _update(ctx, plan, push, wanted, standing)


def _pushed(ctx: Context, form: Form, push: Push) -> Record:
    """What a push wants of a document wherever it stands. Our reference stands in every document we make, whether or
    not the mapping names a place for it; a bill is numbered by its first Save and never again."""
    if push.action != "create":
        return push.record
    numbered = form.number if form.is_bill else None
    kept = {name: value for name, value in push.record.items() if name != numbered}
    return {ctx.config.reference_field: push.reference} | kept


def _with_number(ctx: Context, form: Form, push: Push, record: Record) -> Record:
    """A new document with its number: the mapping's, else our reference; or as Kingdee will number it."""
    if ctx.config.numbering == "kingdee":
        return record
    return {**record, form.number: push.record.get(form.number) or push.reference}


async def _ours_under(ctx: Context, plan: Layout, push: Push, number: Any, refusal: Rejected) -> Record:
    """The document for whose sake our number was refused, when it is the one we made; else the refusal is raised.
    FieldName may be empty, so a refusal that names no field may be about the number too."""
    form = plan.form
    if not number or not any(error.path in {"", form.number} for error in refusal.fields):
        raise refusal
    found = await find(ctx, plan, form.number, str(number))
    ours = [one for one in found if value_at(one, ctx.config.reference_field) == push.reference]
    if ours:
        return ours[0]
    if found:
        raise _taken(form, number, found[0], refusal)
    raise refusal


def _taken(form: Form, number: Any, other: Record, refusal: Rejected) -> Rejected:
    key, zh = other[form.key], refusal.zh
    return Rejected(
        f"{refusal.sentence}; {form.number} {number} belongs to {form.form_id} {key}, which is not ours: "
        "give one of the two another number",
        fields=refusal.fields,
        zh=f"{zh}；编号 {number}（{form.number}）已被金蝶中的另一条记录（内码 {key}）使用，请更改其中一个编号",
        code=refusal.code,
    )


async def _update(ctx: Context, plan: Layout, push: Push, wanted: Record, standing: Record) -> Pushed:
    form, key, status = plan.form, str(standing[plan.form.key]), str(standing["FDocumentStatus"])
    lines = _named_lines(form, wanted)
    if push.key is None:
        await ctx.created(key, lines)
    if status == "Z" or differs(form, wanted, standing):
        await _reopen(ctx, form, key, status)
        saved = _lines_of(form, await _save(ctx, form, wanted, key), wanted)
        if saved and saved != lines:
            lines = saved
            await ctx.created(key, lines)
        status = CREATED
    await _finish(ctx, form, key, status)
    return Pushed(key, lines=lines or await _read_lines(ctx, plan, wanted, key))


async def end(ctx: Context, form: Form, push: Push) -> Pushed:
    """Cancel (a bill is voided, base data disabled) or delete; a document already so is left alone."""
    plan = layout(form, (ctx.config.reference_field,))
    standing = await _stands(ctx, plan, push)
    if standing is None:
        if push.action == "delete":
            return Pushed(push.key or "")
        raise _gone(form, push.key)
    key: str = standing[form.key]
    if push.action == "delete":
        await _reopen(ctx, form, key, standing["FDocumentStatus"])
        await operate(ctx, form, "Delete", {"Ids": key})
    elif not form.is_bill:
        if standing["FForbidStatus"] != "B":
            await operate(ctx, form, "ExcuteOperation", {"Ids": key}, number="Forbid")
    elif standing["FCancelStatus"] != "B":
        await _reopen(ctx, form, key, standing["FDocumentStatus"])
        await operate(ctx, form, "ExcuteOperation", {"Ids": key}, number="Cancel")
    return Pushed(key)


async def _stands(ctx: Context, plan: Layout, push: Push) -> Record | None:
    if push.key is not None:
        found = await fetch(ctx, plan, [push.key])
        if not found and push.action != "delete":
            raise _gone(plan.form, push.key)
    else:
        found = await find(ctx, plan, ctx.config.reference_field, push.reference)
    return found[0] if found else None


def _gone(form: Form, key: str | None) -> NotFound:
    return NotFound(f"{form.form_id} {key} is not there any more", zh=f"{form.form_id} {key} 已不存在")


async def _created(ctx: Context, form: Form, record: Record, result: Mapping[str, Any]) -> Pushed:
    key = _id_of(result)
    lines = _lines_of(form, result, record)
    await ctx.created(key, lines)
    await _finish(ctx, form, key, CREATED)
    return Pushed(key, lines=lines or await _read_lines(ctx, layout(form, ()), record, key))


def _with_organization(ctx: Context, form: Form, record: Record) -> Record:
    """A new document needs its organisations; the connection's own stands in where the mapping names none."""
    number = ctx.config.organization
    missing = [name for name in form.organizations if not record.get(name)]
    if number == "0" or not missing:
        return record
    return {**record, **{name: {"FNumber": number} for name in missing}}


async def _save(ctx: Context, form: Form, record: Record, key: str | None) -> dict[str, Any]:
    entry = form.lines.key if form.lines is not None else ""
    data = {
        "Model": model(form, record, key),
        "NeedReturnFields": [f"{entry}.{LINE_ID}"] if entry in record else [],
        # True deletes the rows that are not sent; a list that is sent is whole.
        "IsDeleteEntry": entry in record,
    }
    return await operate(ctx, form, "Save", data)


async def _reopen(ctx: Context, form: Form, key: str, status: str) -> None:
    operation = REOPEN.get(status)
    if operation is not None and ctx.config.reopen:
        await operate(ctx, form, operation, {"Ids": key})


async def _finish(ctx: Context, form: Form, key: str, status: str) -> None:
    for operation in FINISH.get(status, ()):
        await operate(ctx, form, operation, {"Ids": key})


def _id_of(result: Mapping[str, Any]) -> str:
    done = result["ResponseStatus"].get("SuccessEntitys")
    ident = result.get("Id") or (done[0].get("Id") if isinstance(done, list) and done else None)
    if not ident:
        raise no_answer(True, "Save succeeded and named no id")
    return str(ident)


def _lines_of(form: Form, result: Mapping[str, Any], record: Record) -> dict[str, list[str]]:
    """Row ids in the order of the Model, when the answer to Save returns all of them."""
    if form.lines is None or not record.get(form.lines.key):
        return {}
    returned = result.get("NeedReturnData")
    rows = returned[0].get(form.lines.key) if isinstance(returned, list) and returned else None
    complete = isinstance(rows, list) and len(rows) == len(record[form.lines.key])
    return {form.lines.key: [str(row[LINE_ID]) for row in rows]} if rows and complete else {}


def _named_lines(form: Form, wanted: Record) -> dict[str, list[str]]:
    """Row ids of the pushed lines when all of them are known."""
    ids = [line.get(LINE_ID) for line in wanted.get(form.lines.key) or ()] if form.lines is not None else []
    return {form.lines.key: ids} if form.lines is not None and ids and all(ids) else {}


async def _read_lines(ctx: Context, plan: Layout, wanted: Record, key: str) -> dict[str, list[str]]:
    """Row ids by a reading, for servers that do not return them with Save."""
    if plan.form.lines is None or not wanted.get(plan.form.lines.key):
        return {}
    entry = plan.form.lines.key
    found = await fetch(ctx, plan, [key])
    return {entry: line_ids(wanted[entry], found[0][entry])} if found else {}
