"""`hub question`: is this record that one? List, show, answer one or all by a rule."""

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, write
from hub.cli.render import json_option, limit_option, listing, print_json, with_reason
from hub.cli.words import say
from hub.sync import questions
from hub.sync.desk import Person

connection_option = click.option("--connection", help=say("只看该连接", "of this connection only"))
stream_option = click.option("--stream", help=say("只看该接口对象", "of this stream only"))


@click.group(help=say("疑问：是不是同一个", "records of which a person must say what they are"))
def question() -> None:
    """See the help."""


@question.command("list", help=say("待回答的疑问", "what waits for an answer"))
@connection_option
@stream_option
@limit_option
@json_option
def list_questions(connection: str | None, stream: str | None, limit: int, as_json: bool) -> None:
    async def work(house: House, conn: AsyncConnection) -> list[dict[str, object]]:
        return await questions.listed(conn, questions.Which(connection, stream), limit=limit)

    rows = write(work)
    shown = with_reason({**row, "reason": row["error"], "reason_zh": row["error_zh"]} for row in rows)
    listing(rows if as_json else list(shown), ("id", "connection", "stream", "key", "asks", "reason"), as_json)


@question.command(help=say("源记录与候选对照", "the record beside its candidates"))
@click.argument("number", type=int)
@json_option
def show(number: int, as_json: bool) -> None:
    async def work(house: House, conn: AsyncConnection) -> dict[str, object]:
        return await questions.shown(conn, await house.configuration(conn), number)

    found = write(work)
    if as_json:
        print_json(found)
        return
    fields: dict[str, object] = found["fields"]  # type: ignore[assignment]
    candidates: list[dict[str, dict[str, object]]] = found["candidates"]  # type: ignore[assignment]
    click.echo(f"{found['connection']}/{found['stream']} {found['key']}")
    names = sorted({*fields, *(name for each in candidates for name in each["fields"])})
    rows = [
        {
            "field": name,
            "record": fields.get(name),
            **{str(each["id"]): each["fields"].get(name) for each in candidates},
        }
        for name in names
    ]
    listing(rows, ("field", "record", *(str(each["id"]) for each in candidates)), False)


@question.command(help=say("回答：同一个，或新建", "say what it is: one that we have, or a new one"))
@click.argument("number", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help=say("按规则回答全部", "all of them, by a rule"))
@click.option("--same", type=int, help=say("就是这个业务对象", "it is this entity"))
@click.option(
    "--same-when", help=say("这些字段都相等即为同一个，如 name,phone", "the same where these are equal: name,phone")
)
@click.option("--new", is_flag=True, help=say("是新的", "it is a new one"))
@click.option("--preview", is_flag=True, help=say("只看会回答多少，不写入", "only say how many it would answer"))
@connection_option
@stream_option
def answer(
    number: int | None,
    everything: bool,
    same: int | None,
    same_when: str | None,
    new: bool,
    preview: bool,
    connection: str | None,
    stream: str | None,
) -> None:
    _check(number, everything, same, new)
    rule = questions.Rule(tuple(name.strip() for name in (same_when or "").split(",") if name.strip()), new)

    async def work(house: House, conn: AsyncConnection) -> dict[str, int]:
        by = Person(house.who, house.now())
        if number is not None:
            await questions.answer_one(conn, number, same, by)
            return {"same": int(same is not None), "new": int(same is None), "left": 0}
        which = questions.Which(connection, stream)
        found = await questions.by_rule(conn, await house.configuration(conn), which, rule)
        if not preview:
            await questions.answer(conn, found.said, by, {"same_when": list(rule.same_when), "new": rule.new})
        return found.told()

    told = write(work)
    head = say("将回答", "it would answer") if preview else say("已回答", "answered")
    zh = f"{head}：相同 {told['same']}，新建 {told['new']}，剩余 {told['left']}"
    click.echo(say(zh, f"{head}: {told['same']} the same, {told['new']} new, {told['left']} left"))


def _check(number: int | None, everything: bool, same: int | None, new: bool) -> None:
    if (number is None) != everything:
        raise click.UsageError(say("请给出一个编号，或 --all", "name one question, or --all"))
    if number is not None and (same is None) != new:
        raise click.UsageError(say("请用 --same ID 或 --new 回答", "answer with --same ID or --new"))
