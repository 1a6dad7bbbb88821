"""The streams: messages to a group's webhook, app messages to one person, and people by id, mobile or mail."""

import re
from collections.abc import Mapping, Sequence

from connectors.wecom.client import APP, get, post, send_robot
from connectors.wecom.config import WecomConfig
from hub.sdk import ConfigInvalid, Context, FieldError, Message, NotFound, Record, Rejected
from hub.sdk.connector import Grade

TEXT_BYTES = 2_048  # of `content`, webhook and app alike
SAME_FOR = 14_400  # seconds in which the same content reaches the same person once; the vendor's most
MOBILE = re.compile(r"(?:\+?86-?)?(1[3-9]\d{9})|(\+\d{1,4}-?\d{5,14})")


def mobile_of(text: str) -> str | None:
    """The mobile number as WeCom writes it, none for a user id."""
    match = MOBILE.fullmatch(text.replace(" ", ""))
    return match and (match[1] or match[2])


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes, cut at a character and ended with an ellipsis."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - len("…".encode())].decode("utf-8", "ignore") + "…"


def content_of(message: Message) -> str:
    # plain text: in markdown an order number like SO_1_2 would lose its underscores
    return cut("\n".join(part for part in (message.title, message.text) if part), TEXT_BYTES)


class Robot:
    """The group's webhook; `to`, where given, is a mobile number or user id to be mentioned. WeCom offers no
    idempotency here: a call repeated after a lost answer may show twice."""

    name = "robot"
    grade: Grade = "C"  # no idempotency key: a repetition is read twice
    schema: Mapping[str, str] = {}

    async def message(self, ctx: Context, message: Message) -> str:
        text: dict[str, object] = {"content": content_of(message)}
        if message.to:
            mobile = mobile_of(message.to)
            text["mentioned_mobile_list" if mobile else "mentioned_list"] = [mobile or message.to]
        await send_robot(ctx, {"msgtype": "text", "text": text})
        return ""


class AppMessage:
    """A message from the app to one person; WeCom's own check keeps a repeated call from reaching them twice."""

    name = "app_message"
    grade: Grade = "A"  # enable_duplicate_check, 4 hours
    schema: Mapping[str, str] = {}

    async def message(self, ctx: Context, message: Message) -> str:
        agent = agent_of(ctx.config)
        user = await _user_id(ctx, message.to)
        body = {
            "touser": user,
            "agentid": agent,
            "msgtype": "text",
            "text": {"content": content_of(message)},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": SAME_FOR,
        }
        answer = await post(ctx, self.name, APP, body, needs="errcode|msgid")
        # success is answered even when nobody received it
        for name, sentence, zh in _LISTS:
            if answer.get(name):
                raise Rejected(sentence, zh=zh, fields=[FieldError("to", f"{name}: {answer[name]}")])
        return str(answer.get("msgid", ""))


_LISTS = (
    (
        "invaliduser",
        "WeCom does not reach this person: check the employee's mobile number and the app's visible range",
        "企业微信无法送达该成员：请核对员工的手机号及应用的可见范围",
    ),
    ("unlicenseduser", "the person has no licence for messages of the app", "该成员没有接口许可，无法接收应用消息"),
)


def agent_of(config: WecomConfig) -> int:
    if config.agent_id is None:
        raise ConfigInvalid(
            "`agent_id` is missing: it stands on the app's page in the admin console",
            zh="请填写 agent_id（见管理后台的应用详情页）",
            scope="app_message",
        )
    return config.agent_id


async def _user_id(ctx: Context, to: str) -> str:
    # these two would reach everybody, or several
    if not to or to == "@all" or "|" in to:
        raise Rejected(
            f"an app message goes to one person, not to {to!r}",
            zh=f"应用消息只发给一个人，接收人不能是 {to!r}",
            fields=[FieldError("to", "接收人应为手机号或成员账号")],
        )
    mobile = mobile_of(to)
    if mobile is None:
        return to
    try:
        found = await post(ctx, "app_message", "user/getuserid", {"mobile": mobile}, needs="userid")
    except NotFound as error:
        raise Rejected(
            f"nobody in WeCom has the mobile number {mobile}: correct it on the employee",
            zh=f"企业微信中没有手机号为 {mobile} 的成员：请核对员工的手机号",
            fields=[FieldError("to", error.zh)],
            code=error.code,
        ) from None
    return str(found["userid"])


LOOKUPS: Mapping[str, str] = {"mobile": "user/getuserid", "email": "user/get_userid_by_email"}


class Users:
    """People of the organisation. Apps made since June 2022 are not shown their mobile numbers and mail addresses."""

    name = "users"
    schema: Mapping[str, str] = {
        "userid": "text",
        "name": "text",
        "alias": "text",
        "position": "text",
        "mobile": "text",
        "email": "text",
        "biz_mail": "text",
        "status": "integer",
        "main_department": "integer",
        "department[]": "integer",
        "direct_leader[]": "text",
    }

    async def fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        records = []
        for key in keys:
            try:
                records.append(await get(ctx, self.name, "user/get", {"userid": key}, needs="userid"))
            except NotFound:
                continue  # left the organisation: absent from the answer
        return records

    async def find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        if path == "userid":
            return await self.fetch(ctx, [text])
        if path not in LOOKUPS:
            raise ConfigInvalid(
                f"WeCom finds people by `userid`, `mobile` or `email`, not by `{path}`",
                zh=f"企业微信只能按 userid、mobile 或 email 查找成员，不支持 {path}",
                scope=self.name,
            )
        wanted = (mobile_of(text) or text) if path == "mobile" else text
        try:
            found = await post(ctx, self.name, LOOKUPS[path], {path: wanted}, needs="userid")
        except NotFound:
            return []
        return await self.fetch(ctx, [found["userid"]])
