"""DingTalk's codes and what each means for the engine; the vendor's own words are kept as the Chinese sentence."""

from dataclasses import dataclass

from hub.sdk import (
    AuthFailed,
    Busy,
    ConfigInvalid,
    ConnectorError,
    NotFound,
    Rejected,
    Throttled,
    Unavailable,
    Uncertain,
)

MINUTE = 60
HOUR = 3_600
DAY = 86_400
DUPLICATE = "143106"  # same content to the same person on the same day: dropped


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: codes, class, what to tell people, and for throttling how many seconds to wait.

    `stream`: it concerns the stream that called, not the whole connection."""

    codes: tuple[str, ...]
    error: type[ConnectorError]
    sentence: str
    wait: int | None = None
    stream: bool = False


ROWS: tuple[Meaning, ...] = (
    Meaning(("40014", "42001", "33001", "40001", "InvalidAuthentication"), AuthFailed, "the access token is not valid"),
    Meaning(
        ("40096", "40089", "invalidClientIdOrSecret"),
        AuthFailed,
        "app key or app secret is wrong: copy both again from the developer console",
    ),
    Meaning(
        ("300005", "400101", "300001"),
        AuthFailed,
        "the robot's token does not exist: copy the webhook address again from the group's robot",
        stream=True,
    ),
    Meaning(
        ("60011", "AccessTokenPermissionDenied", "needAuth", "50003", "52010", "43007"),
        AuthFailed,
        "the app lacks a permission: an administrator must grant it in the developer console",
        stream=True,
    ),
    Meaning(
        ("60020", "IpNotInWhiteList"),
        AuthFailed,
        "this server's address is not on the app's list: add it in the developer console",
    ),
    Meaning(
        ("310000",),
        ConfigInvalid,
        "the robot's security check failed: compare `robot_secret` and this server's clock",
        stream=True,
    ),
    Meaning(("40056",), ConfigInvalid, "`agent_id` does not belong to this app", stream=True),
    Meaning(("400013",), ConfigInvalid, "the robot's group has been dissolved", stream=True),
    Meaning(("400102", "400106"), ConfigInvalid, "the robot is stopped or no longer in its group", stream=True),
    Meaning(("48002", "22"), ConfigInvalid, "this API does not exist or may not be called by the app", stream=True),
    Meaning(("50002", "50004"), Rejected, "the person or department is outside what the app may see"),
    Meaning(("33012", "60121", "60003"), NotFound, "no such person or department"),
    Meaning(("40104",), Rejected, "this is no mobile number DingTalk knows the form of"),
    Meaning(("40035", "41001", "40000", "MissingParameter"), Rejected, "a parameter is missing"),
    Meaning(("400001", "400002", "invalidParameter"), Rejected, "a parameter is wrong"),
    Meaning(("43002", "43004", "400105"), Rejected, "the call has the wrong form"),
    Meaning(("45002", "tooLong"), Rejected, "the message is too long"),
    Meaning(("430101", "430102", "430103", "430104", "1430002"), Rejected, "DingTalk calls the content unsafe"),
    Meaning(("1430000", "1430004"), Rejected, "nobody can receive this notice"),
    Meaning(("41052",), Rejected, "too many recipients in one call"),
    Meaning((DUPLICATE,), Rejected, "the same content was already sent to this person today"),
    # a cap per person and day: the others still get their notices
    Meaning(("143105",), Busy, "this person has had the most notices allowed in a day", wait=HOUR),
    Meaning(("410100", "130101", "660026"), Throttled, "the robot is blocked for 10 minutes", 10 * MINUTE, stream=True),
    Meaning(("143103", "143104"), Throttled, "too many notices in one minute", MINUTE, stream=True),
    Meaning(("143203", "143204", "143205", "143206"), Throttled, "the app's quota of notices", HOUR, stream=True),
    Meaning(("90018", "QpsLimitForAppkeyAndApi", "90002", "QpsLimitForApi"), Throttled, "too many calls a second", 1),
    Meaning(("QpmLimitForAppkeyAndApi", "45009"), Throttled, "too many calls a minute", MINUTE),
    Meaning(
        ("90020", "ApiCountLimitForOrg", "daily.call.limit", "20001"),
        Throttled,
        "the organisation's quota of calls is used up",
        DAY,
    ),
    Meaning(
        (*(str(code) for code in range(90001, 90018) if code != 90002), "system.busy", "request.overlimit", "429"),
        Throttled,
        "calls are refused for a while",
        MINUTE,
    ),
    Meaning(("1111",), Throttled, "this server's address is blocked for 5 minutes", 5 * MINUTE),
    Meaning(("-1", "70001", "systemError", "server.error", "internalError"), Unavailable, "DingTalk is busy"),
)
TABLE: dict[str, Meaning] = {code: row for row in ROWS for code in row.codes}
UNKNOWN = Meaning((), Rejected, "DingTalk refuses this")


# for a code of the new API that no row knows
BY_STATUS = {401: "InvalidAuthentication", 403: "60011", 404: "22", 429: "429", **dict.fromkeys(range(500, 600), "-1")}


def meaning_of(code: str, status: int = 200) -> Meaning:
    """By the whole code, its last or its first dotted part (`Forbidden.AccessDenied.QpsLimitForApi`), the status."""
    for part in (code, code.rsplit(".", 1)[-1], code.split(".", 1)[0], BY_STATUS.get(status, "")):
        if part in TABLE:
            return TABLE[part]
    return UNKNOWN


def error_of(code: str, words: str, stream: str, status: int = 200) -> ConnectorError:
    """The error of a code, with DingTalk's own words."""
    row = meaning_of(code, status)
    sentence, zh = f"{row.sentence} (DingTalk {code}: {words})", f"钉钉：{words}（{code}）"
    scope = stream if row.stream else None
    if issubclass(row.error, Throttled):
        return row.error(sentence, retry_after=row.wait, zh=zh, code=code, scope=scope)
    if issubclass(row.error, Busy):
        return row.error(sentence, retry_after=row.wait, zh=zh, code=code)
    if issubclass(row.error, AuthFailed | ConfigInvalid | Unavailable):
        return row.error(sentence, zh=zh, code=code, scope=scope)
    return row.error(sentence, zh=zh, code=code)


def after_a_write(error: ConnectorError) -> ConnectorError:
    """A platform fault (HTTP 5xx) after a write proves nothing about the write."""
    if isinstance(error, Unavailable):
        return Uncertain(error.sentence, zh=error.zh, code=error.code)
    return error
