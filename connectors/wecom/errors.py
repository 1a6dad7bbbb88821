"""WeCom's codes and what each means for the engine; the vendor's own words are kept."""

from dataclasses import dataclass

from hub.sdk import AuthFailed, ConfigInvalid, ConnectorError, NotFound, Rejected, Throttled, Unavailable, Uncertain

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: codes, class, what to tell people in both languages (WeCom's own words are English), seconds to wait.

    `stream`: it concerns the stream that called, not the whole connection."""

    codes: tuple[int, ...]
    error: type[ConnectorError]
    sentence: str
    zh: str
    wait: int | None = None
    stream: bool = False


ROWS: tuple[Meaning, ...] = (
    Meaning((42001, 40014), AuthFailed, "the access token is not valid", "access_token 无效或已过期"),
    Meaning(
        (40001, 40013, 40091),
        AuthFailed,
        "corp id or app secret is wrong: copy both again from the admin console",
        "企业 ID 或应用 Secret 不正确，请从管理后台重新复制",
    ),
    Meaning(
        (93000,),
        AuthFailed,
        "the webhook's key is wrong or the robot was removed: copy the address again from the group",
        "Webhook 的 key 无效或机器人已被移除，请从群里重新复制地址",
        stream=True,
    ),
    Meaning(
        (60020,),
        AuthFailed,
        "this server's address is not trusted: add it to the app's trusted IPs",
        "本机 IP 不在应用的可信 IP 中，请在管理后台添加",
    ),
    Meaning(
        (60011, 48002, 301002, 84074, 301055, 50001, 50003),
        AuthFailed,
        "the app lacks a permission or is disabled: an administrator must allow it",
        "应用没有权限或已被停用，请联系管理员开通",
        stream=True,
    ),
    Meaning((40056,), ConfigInvalid, "`agent_id` does not belong to this app", "agent_id 与应用不符", stream=True),
    Meaning((50002,), Rejected, "the person is outside what the app may see", "成员不在应用的可见范围内"),
    Meaning((40003, 46004, 60111, 40031), NotFound, "no such person", "成员不存在"),
    Meaning((40066, 60003), NotFound, "no such department", "部门不存在"),
    Meaning((41001, 40008, 40035, 40058, 40063, 44004), Rejected, "the call has the wrong form", "参数不合法"),
    Meaning((45002,), Rejected, "the message is too long", "消息内容过长"),
    Meaning((81013, 82001), Rejected, "nobody can receive this message", "接收人全部无效"),
    Meaning((82002, 82003), Rejected, "too many departments or tags", "部门或标签数量超过限制"),
    Meaning((701008,), Rejected, "the person has no paid licence", "成员缺少接口许可"),
    Meaning((45009,), Throttled, "too many calls a minute", "调用超过频率限制", MINUTE, stream=True),
    Meaning((45033,), Throttled, "too many calls at once", "并发调用超过限制", 5, stream=True),
    Meaning((-1, 6000, 301026, 301057), Unavailable, "WeCom is busy", "系统繁忙"),
)
TABLE: dict[int, Meaning] = {code: row for row in ROWS for code in row.codes}
UNKNOWN = Meaning((), Rejected, "WeCom refuses this", "企业微信拒绝了请求")


def error_of(code: int, words: str, stream: str) -> ConnectorError:
    """The error of a code, with WeCom's own words (they end in a hint its support asks for)."""
    row = TABLE.get(code, UNKNOWN)
    sentence, zh = f"{row.sentence} (WeCom {code}: {words})", f"{row.zh}（企业微信 {code}：{words}）"
    scope, text = (stream if row.stream else None), str(code)
    if issubclass(row.error, Throttled):
        return row.error(sentence, retry_after=row.wait, zh=zh, code=text, scope=scope)
    if issubclass(row.error, AuthFailed | ConfigInvalid | Unavailable):
        return row.error(sentence, zh=zh, code=text, scope=scope)
    return row.error(sentence, zh=zh, code=text)


def status_error(status: int, *, wrote: bool) -> ConnectorError:
    """An HTTP status other than 200: WeCom answers 200 even for errors, so this comes from something in between."""
    sentence, zh = f"HTTP {status} instead of an answer", f"收到 HTTP {status}，没有得到答复"
    if wrote and status >= 500:
        return Uncertain(sentence, zh=zh, code=str(status))
    return Unavailable(sentence, zh=zh, code=str(status))
