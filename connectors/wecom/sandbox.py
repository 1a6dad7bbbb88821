"""A small WeCom: an app's token, app messages, a group's webhook, people, and encrypted callbacks."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.wecom.sandbox_rules import (
    APP_TYPES,
    ECHO,
    ROBOT_TYPES,
    SECRETS,
    Refusal,
    Settings,
    address_check,
    callback,
    content,
    cut_text,
    reply,
    shown,
)
from hub.sdk import Clock
from hub.sdk.auth import same
from hub.sdk.jsontext import canonical
from hub.sdk.sandbox import Entry, Ledger, Sandbox, json_body

Method = Callable[[Mapping[str, str], dict[str, Any]], dict[str, Any]]
MINUTE = timedelta(minutes=1)
HIDDEN = frozenset({"mobile", "email", "biz_mail"})  # from apps made since June 2022


class WecomSandbox(Sandbox):
    """One corporation, one app, one group with one webhook."""

    vendor = "wecom"

    def __init__(self, ledger: Ledger, clock: Clock | None, settings: Settings) -> None:
        self.settings = settings
        # a window of one minute against floods is no state that a restart must keep
        self.calls: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self.methods: dict[tuple[str, str], Method] = {
            ("GET", "user/get"): self._user,
            ("POST", "user/getuserid"): lambda _, body: self._lookup("mobile", body),
            ("POST", "user/get_userid_by_email"): lambda _, body: self._lookup("email", body),
            ("POST", "message/send"): lambda _, body: self._app_message(body),
        }
        super().__init__(ledger, clock)

    def begin(self) -> None:
        self.token, self.token_ends = "", datetime.min.replace(tzinfo=UTC)
        self.users: dict[str, dict[str, Any]] = {}
        self.robot_sent: deque[datetime] = deque()
        self.robot_blocked_until = self.token_ends
        self.member_sent: defaultdict[str, list[datetime]] = defaultdict(list)
        self.app_sent: dict[str, tuple[datetime, str]] = {}  # digest -> when, msgid
        self.hook: dict[str, str] = {}

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {
            "token_issued": self._fold_token,
            "user_added": lambda e: self.users.update({e.data["user"]["userid"]: e.data["user"]}),
            "user_changed": self._fold_change,
            "user_left": self._fold_left,
            "hook_set": lambda e: self.hook.update(e.data),
            "robot_blocked": self._fold_block,
            "message_sent": self._fold_sent,
            "message_dropped": self._fold_app,
        }

    def _fold_token(self, entry: Entry) -> None:
        self.token, self.token_ends = entry.data["token"], datetime.fromisoformat(entry.data["ends"])

    def _fold_change(self, entry: Entry) -> None:
        user = self.users.pop(entry.data["userid"]) | entry.data["fields"]
        self.users[user["userid"]] = user

    def _fold_block(self, entry: Entry) -> None:
        self.robot_blocked_until = datetime.fromisoformat(entry.data["until"])

    def _fold_sent(self, entry: Entry) -> None:
        if entry.data["channel"] == "robot":
            self.robot_sent.append(entry.at)
        else:
            self.member_sent[entry.data["to"]].append(entry.at)
            self._fold_app(entry)

    def _fold_app(self, entry: Entry) -> None:
        self.app_sent[entry.data["digest"]] = (entry.at, entry.data["msgid"])

    def _fold_left(self, entry: Entry) -> None:
        del self.users[entry.data["userid"]]

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/cgi-bin/gettoken", self._gettoken, methods=["GET"]),
            Route("/cgi-bin/webhook/send", self._webhook, methods=["POST"]),
            Route("/cgi-bin/{method:path}", self._call, methods=["GET", "POST"]),
        ]

    # tokens and the gateway

    async def _gettoken(self, request: Request) -> Response:
        corp_id, secret = (request.query_params.get(name, "") for name in ("corpid", "corpsecret"))
        if not corp_id or not secret:
            return reply(Refusal(41002 if not corp_id else 41004, "corpid or corpsecret missing").answer)
        if corp_id != SECRETS["corp_id"]:
            return reply(Refusal(40013, "invalid corpid").answer)
        if not same(secret, SECRETS["corp_secret"]):
            return reply(Refusal(40001, "invalid credential").answer)
        now = self.clock.now()
        if now >= self.token_ends:
            ends = now + timedelta(seconds=self.settings.token_life)
            number = len(self.ledger.of("token_issued")) + 1
            self.commit("token_issued", token=f"sandbox-token-{number:04d}", ends=ends.isoformat())
        left = int((self.token_ends - now).total_seconds())
        return reply({"errcode": 0, "errmsg": "ok", "access_token": self.token, "expires_in": left})

    async def _call(self, request: Request) -> Response:
        name = request.path_params["method"]
        try:
            self._count(name)
            self._check_token(request.query_params.get("access_token", ""))
            method = self.methods.get((request.method, name))
            if method is None:
                raise Refusal(48002, "api forbidden")
            body = json_body(await request.body()) if request.method == "POST" else {}
            if not isinstance(body, dict):
                raise Refusal(40035, "Warning: wrong json format. invalid parameter")
            answer = method(request.query_params, body)
        except Refusal as refusal:
            return reply(refusal.answer)
        return reply({"errcode": 0, "errmsg": "ok", **answer})

    def _count(self, name: str) -> None:
        now, calls = self.clock.now(), self.calls[name]
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        if len(calls) >= self.settings.calls_per_minute:
            raise Refusal(45009, "api freq out of limit")
        calls.append(now)

    def _check_token(self, token: str) -> None:
        if not token:
            raise Refusal(41001, "access_token missing")
        if not same(token, self.token):
            raise Refusal(40014, "invalid access_token")
        if self.clock.now() >= self.token_ends:
            raise Refusal(42001, "access_token expired")

    # people

    def _user(self, query: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(query.get("userid", ""))
        if user is None:
            raise Refusal(60111, "userid not found")
        return {name: value for name, value in user.items() if name not in HIDDEN}

    def _lookup(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get(name)
        if not wanted:
            raise Refusal(40035, f"invalid parameter {name}")
        user = next((user for user in self.users.values() if user.get(name) == wanted), None)
        if user is None:
            raise Refusal(46004, "user not exist")
        return {"userid": user["userid"]}

    # the group's webhook

    async def _webhook(self, request: Request) -> Response:
        body = json_body(await request.body())
        try:
            if not same(request.query_params.get("key", ""), SECRETS["robot_key"]):
                raise Refusal(93000, "invalid webhook url")
            if not isinstance(body, dict):
                raise Refusal(40058, "invalid Request Parameter")
            self._send_robot(body, content(body, ROBOT_TYPES, 40058))
        except Refusal as refusal:
            return reply(refusal.answer)
        return reply({"errcode": 0, "errmsg": "ok"})

    def _send_robot(self, body: dict[str, Any], part: dict[str, Any]) -> None:
        now = self.clock.now()
        while self.robot_sent and self.robot_sent[0] <= now - MINUTE:
            self.robot_sent.popleft()
        if now >= self.robot_blocked_until and len(self.robot_sent) >= self.settings.robot_per_minute:
            until = now + timedelta(seconds=self.settings.robot_block)
            self.commit("robot_blocked", until=until.isoformat())
        if now < self.robot_blocked_until:
            raise Refusal(45009, "api freq out of limit")
        title, text = shown(part)
        named = [str(who) for key in ("mentioned_mobile_list", "mentioned_list") for who in part.get(key) or ()]
        self.commit("message_sent", channel="robot", to=",".join(named), title=title, text=text)

    # app messages

    def _app_message(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("agentid") != SECRETS["agent_id"]:
            raise Refusal(40056, "invalid agentid")
        wanted = [name for name in str(body.get("touser", "")).split("|") if name]
        if wanted == ["@all"]:
            wanted = list(self.users)
        if len(wanted) > 1000:
            raise Refusal(40035, "touser over limit")
        known = {name.lower(): name for name in self.users}
        people = [known[name.lower()] for name in wanted if name.lower() in known]
        part = content(body, APP_TYPES, 45002)
        if not people:
            raise Refusal(81013, "user & party & tag all invalid")
        unknown = "|".join(name.lower() for name in wanted if name.lower() not in known)
        return {"invaliduser": unknown, "msgid": self._deliver(body, people, part)}

    def _deliver(self, body: dict[str, Any], people: Sequence[str], part: dict[str, Any]) -> str:
        interval = min(int(body.get("duplicate_check_interval", 1800)), 14_400)
        digest = hashlib.sha256(canonical([people, part])).hexdigest()
        now, before = self.clock.now(), self.app_sent.get(digest)
        if body.get("enable_duplicate_check") == 1 and before and now - before[0] < timedelta(seconds=interval):
            return before[1]
        msgid = f"sandbox-msg-{len(self.ledger) + 1:05d}"
        title, text = shown(cut_text(body["msgtype"], part))
        for person in people:
            # above the limit of one member the surplus is dropped without a word
            recent = sum(at > now - MINUTE for at in self.member_sent[person])
            event = "message_sent" if recent < self.settings.member_per_minute else "message_dropped"
            sent = {"channel": "app_message", "to": person, "title": title, "text": text}
            self.commit(event, **sent, msgid=msgid, digest=digest)
        return msgid

    # what the vendor's users do, and the callbacks that follow

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {
            "add_user": self._add_user,
            "change_user": self._change_user,
            "remove_user": self._remove_user,
            "set_hook": self._set_hook,
            "check_hook": lambda _: self._address_check(),
            "post_event": self._post_event,
        }

    def _add_user(self, given: dict[str, Any]) -> dict[str, Any]:
        number = len(self.ledger.of("user_added")) + 1
        fresh = {"userid": f"member{number:04d}", "name": "", "department": [1], "main_department": 1, "status": 1}
        user: dict[str, Any] = fresh | given
        self.commit("user_added", user=user)
        self._tell("create_user", user["userid"])
        return user

    def _change_user(self, given: dict[str, Any]) -> dict[str, Any]:
        """`new_userid` gives the person another id."""
        userid, new = given["userid"], given.get("new_userid", given["userid"])
        fields = {name: value for name, value in given.items() if name != "new_userid"} | {"userid": new}
        self.commit("user_changed", userid=userid, fields=fields)
        self._tell("update_user", userid, **({"NewUserID": new} if new != userid else {}))
        return self.users[new]

    def _remove_user(self, given: dict[str, Any]) -> dict[str, Any]:
        self.commit("user_left", userid=given["userid"])
        self._tell("delete_user", given["userid"])
        return {"userid": given["userid"]}

    def _set_hook(self, given: dict[str, Any]) -> dict[str, Any]:
        token, key = given.get("token", SECRETS["callback_token"]), given.get("aes_key", SECRETS["callback_aes_key"])
        self.commit("hook_set", url=given["url"], token=token, aes_key=key)
        return self._address_check()

    def _address_check(self) -> dict[str, Any]:
        """What WeCom would GET on saving the address, and the bare text it expects within a second."""
        return {"get": address_check(self.hook, self.clock.now(), self._nonce()), "expects": ECHO}

    def _post_event(self, given: dict[str, Any]) -> dict[str, Any]:
        stamp = int(self.clock.now().timestamp())
        head = {"ToUserName": SECRETS["corp_id"], "FromUserName": "sys", "CreateTime": stamp, "MsgType": "event"}
        event = head | given
        url, body = callback(self.hook, event, self.clock.now(), self._nonce())
        self.owe_post(url, body, {"content-type": "text/xml"})
        return event

    def _tell(self, change: str, userid: str, **more: Any) -> None:
        if self.hook:
            self._post_event({"Event": "change_contact", "ChangeType": change, "UserID": userid, **more})

    def _nonce(self) -> str:
        return f"nonce{len(self.ledger):07d}"


def sandbox(ledger: Ledger, clock: Clock | None = None, **settings: Any) -> WecomSandbox:
    return WecomSandbox(ledger, clock, Settings(**settings))


def sandbox_config(base_url: str) -> dict[str, Any]:
    return {"base_url": base_url, **SECRETS}
