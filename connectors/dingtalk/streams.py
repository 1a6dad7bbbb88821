"""The streams: messages to a group's robot, work notices to one person, and people by id or mobile number."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.dingtalk.client import NOTICE, call, send_robot
from connectors.dingtalk.config import DingtalkConfig
from connectors.dingtalk.errors import DUPLICATE, error_of
from hub.sdk import ConfigInvalid, Context, FieldError, Message, NotFound, Record, Rejected
from hub.sdk.connector import Grade
from hub.sdk.jsontext import dumps

ROBOT_BYTES = 20_000  # the whole body; from users' reports, the vendor states none
BY_MOBILE = "topapi/v2/user/getbymobile"
NOTICE_BYTES = 2_048  # `msg` as JSON
MOBILE = re.compile(r"(?:\+?86-?)?(1[3-9]\d{9})|(\+\d{1,4}-?\d{5,14})")


def mobile_of(text: str) -> str | None:
    """The mobile number as DingTalk writes it (none for a user id): bare within China, else +852-12345678."""
    match = MOBILE.fullmatch(text.replace(" ", ""))
    return match and (match[1] or match[2])


def fit(make: Callable[[str], dict[str, Any]], text: str, limit: int) -> dict[str, Any]:
    """`make(text)`, the text cut at a character and ended with an ellipsis when the JSON is longer than `limit`."""
    whole = make(text)
    if len(dumps(whole)) <= limit:
        return whole
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if len(dumps(make(text[:middle] + "…"))) <= limit:
            low = middle
        else:
            high = middle - 1
    return make(text[:low] + "…")


def content_of(message: Message) -> str:
    # plain text: in markdown an order number like SO_1_2 would lose its underscores
    return "\n".join(part for part in (message.title, message.text) if part)


class Robot:
    """The group's robot; `to`, where given, is a mobile number or user id to be mentioned."""

    name = "robot"
    grade: Grade = "A"  # msgUuid: the vendor drops a repetition
    schema: Mapping[str, str] = {}

    async def message(self, ctx: Context, message: Message) -> str:
        at, tail = _mention(message.to)

        def body(text: str) -> dict[str, Any]:
            # msgUuid: DingTalk sends a message that comes again with the same one only once
            return {"msgtype": "text", "text": {"content": text + tail}, "at": at, "msgUuid": message.key}

        await send_robot(ctx, fit(body, content_of(message), ROBOT_BYTES))
        return ""


def _mention(to: str) -> tuple[dict[str, Any], str]:
    """Who is mentioned; DingTalk wants the name in the text as well."""
    if not to:
        return {"isAtAll": False}, ""
    mobile = mobile_of(to)
    return {"atMobiles": [mobile]} if mobile else {"atUserIds": [to]}, f"\n@{mobile or to}"


class WorkNotice:
    """A notice from the app to one person. DingTalk drops the same content to the same person on the same day, so a
    repeated call reaches nobody twice."""

    name = "work_notice"
    grade: Grade = "A"  # the same content to the same person counts once a day
    schema: Mapping[str, str] = {}

    async def message(self, ctx: Context, message: Message) -> str:
        config: DingtalkConfig = ctx.config
        agent = agent_of(config)
        user = await _user_id(ctx, message.to)
        text = content_of(message)
        body = {
            "agent_id": agent,
            "userid_list": user,
            "msg": fit(lambda part: {"msgtype": "text", "text": {"content": part}}, text, NOTICE_BYTES),
        }
        try:
            answer = await call(ctx, self.name, NOTICE, body, needs="task_id")
        except Rejected as error:
            if error.code != DUPLICATE:
                raise
            return ""
        task = str(answer["task_id"])
        await self._check(ctx, agent, task)
        return task

    async def _check(self, ctx: Context, agent: str, task: str) -> None:
        """DingTalk answers success for a notice it will not deliver: only the result says so."""
        path = "topapi/message/corpconversation/getsendresult"
        answer = await call(ctx, self.name, path, {"agent_id": agent, "task_id": int(task)})
        result = answer.get("send_result", answer)
        if result.get("invalid_user_id_list"):
            raise Rejected(
                "DingTalk knows no such user: correct the employee's mobile number",
                zh="钉钉中没有该用户：请核对员工的手机号",
                fields=[FieldError("to", "invalid_user_id_list")],
            )
        for refusal in result.get("forbidden_list") or ():
            if str(refusal["code"]) != DUPLICATE:
                raise error_of(str(refusal["code"]), "消息被限制，未送达", self.name)
        if result.get("failed_user_id_list"):
            raise Rejected("DingTalk could not deliver the notice", zh="钉钉未能送达该通知")


def agent_of(config: DingtalkConfig) -> str:
    if not config.agent_id:
        raise ConfigInvalid(
            "`agent_id` is missing: it stands on the app's page in the developer console",
            zh="请填写 agent_id（见开发者后台的应用详情页）",
            scope="work_notice",
        )
    return config.agent_id


async def _user_id(ctx: Context, to: str) -> str:
    if not to:
        raise Rejected("the notice has no recipient", zh="通知没有接收人", fields=[FieldError("to", "接收人为空")])
    mobile = mobile_of(to)
    if mobile is None:
        return to
    try:
        found = await call(ctx, "work_notice", BY_MOBILE, {"mobile": mobile}, needs="userid")
    except NotFound as error:
        raise Rejected(
            f"nobody in DingTalk has the mobile number {mobile}: correct it on the employee",
            zh=f"钉钉中没有手机号为 {mobile} 的成员：请核对员工的手机号",
            fields=[FieldError("to", error.zh)],
            code=error.code,
        ) from None
    return str(found["userid"])


class Users:
    """People of the organisation, each with all that the app may see."""

    name = "users"
    schema: Mapping[str, str] = {
        "userid": "text",
        "unionid": "text",
        "name": "text",
        "mobile": "text",
        "email": "text",
        "org_email": "text",
        "title": "text",
        "job_number": "text",
        "manager_userid": "text",
        "active": "bool",
        "admin": "bool",
        "boss": "bool",
        "hired_date": "integer",
        "dept_id_list[]": "integer",
    }

    async def fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        records = []
        for key in keys:
            try:
                asked = {"userid": key, "language": "zh_CN"}
                records.append(await call(ctx, self.name, "topapi/v2/user/get", asked, needs="userid"))
            except NotFound:
                continue  # left the organisation: absent from the answer
        return records

    async def find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        if path == "userid":
            return await self.fetch(ctx, [text])
        if path != "mobile":
            raise ConfigInvalid(
                f"DingTalk finds people by `userid` or `mobile`, not by `{path}`",
                zh=f"钉钉只能按 userid 或 mobile 查找成员，不支持 {path}",
                scope=self.name,
            )
        mobile = mobile_of(text) or text
        try:
            found = await call(ctx, self.name, BY_MOBILE, {"mobile": mobile}, needs="userid")
        except NotFound:
            return []
        return await self.fetch(ctx, [found["userid"]])
