"""A small DingTalk: both API generations, a group's robot, work notices, people, and encrypted callbacks."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.dingtalk import sandbox_rules as rules
from connectors.dingtalk.sandbox_rules import SECRETS, Refusal, Settings, content, reply, shown
from connectors.dingtalk.streams import MOBILE, NOTICE_BYTES, ROBOT_BYTES
from hub.sdk import Clock
from hub.sdk.auth import same
from hub.sdk.jsontext import canonical, dumps
from hub.sdk.sandbox import Entry, Ledger, Sandbox, json_body

Method = Callable[[dict[str, Any]], dict[str, Any]]


class DingtalkSandbox(Sandbox):
    """One organisation, one app, one group with one robot."""

    vendor = "dingtalk"

    def __init__(self, ledger: Ledger, clock: Clock | None, settings: Settings) -> None:
        self.settings = settings
        # a window of one second is no state that a restart must keep
        self.calls: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self.methods: dict[str, Method] = {
            "v2/user/getbymobile": self._user_by_mobile,
            "v2/user/get": self._user,
            "message/corpconversation/asyncsend_v2": self._notice,
            "message/corpconversation/getsendprogress": self._progress,
            "message/corpconversation/getsendresult": self._result,
        }
        super().__init__(ledger, clock)

    def begin(self) -> None:
        self.token, self.token_ends = "", datetime.min.replace(tzinfo=UTC)
        self.users: dict[str, dict[str, Any]] = {}
        self.robot_sent: deque[datetime] = deque()
        self.robot_blocked_until = self.token_ends
        self.robot_uuids: set[str] = set()
        self.notices: defaultdict[tuple[str, str], list[str]] = defaultdict(list)  # (user, day) -> contents
        self.tasks: dict[int, dict[str, Any]] = {}
        self.hook: dict[str, str] = {}

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {
            "token_issued": self._fold_token,
            "user_added": lambda e: self.users.update({e.data["user"]["userid"]: e.data["user"]}),
            "user_changed": lambda e: self.users[e.data["userid"]].update(e.data["fields"]),
            "user_left": lambda e: self.users[e.data["userid"]].update({"_left": True}),
            "hook_set": lambda e: self.hook.update(e.data),
            "robot_blocked": self._fold_block,
            "message_sent": self._fold_message,
            "notice_taken": lambda e: self.tasks.update({e.data["task_id"]: e.data["result"]}),
        }

    def _fold_token(self, entry: Entry) -> None:
        self.token, self.token_ends = entry.data["token"], datetime.fromisoformat(entry.data["ends"])

    def _fold_block(self, entry: Entry) -> None:
        self.robot_blocked_until = datetime.fromisoformat(entry.data["until"])

    def _fold_message(self, entry: Entry) -> None:
        data = entry.data
        if data["channel"] == "robot":
            self.robot_sent.append(entry.at)
            self.robot_uuids.add(data["uuid"])
        else:
            self.notices[data["to"], rules.china_day(entry.at)].append(data["digest"])

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/v1.0/oauth2/accessToken", self._access_token, methods=["POST"]),
            Route("/robot/send", self._robot, methods=["GET", "POST"]),
            Route("/topapi/{method:path}", self._topapi, methods=["POST"]),
            Route("/v1.0/{path:path}", rules.unknown, methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    # tokens and the old API's gateway

    async def _access_token(self, request: Request) -> Response:
        body = json_body(await request.body())
        if not isinstance(body, dict) or not (body.get("appKey") and body.get("appSecret")):
            return rules.modern(400, "MissingParameter", "缺少参数 appKey 或 appSecret")
        given, wanted = (body["appKey"], body["appSecret"]), (SECRETS["app_key"], SECRETS["app_secret"])
        if not all(same(str(a), b) for a, b in zip(given, wanted, strict=True)):
            return rules.modern(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        now, life = self.clock.now(), self.settings.token_life
        token = self.token if now < self.token_ends else f"sandbox-token-{len(self.ledger.of('token_issued')) + 1:04d}"
        self.commit("token_issued", token=token, ends=(now + timedelta(seconds=life)).isoformat())
        return reply({"accessToken": token, "expireIn": life})

    async def _topapi(self, request: Request) -> Response:
        name = request.path_params["method"]
        try:
            self._count(name)
            self._check_token(request.query_params.get("access_token", ""))
            method = self.methods.get(name)
            if method is None:
                raise Refusal(22, "不存在的方法名")
            body = json_body(await request.body())
            if not isinstance(body, dict):
                raise Refusal(400002, "参数错误：请求体应为 JSON 对象")
            answer = method(body)
        except Refusal as refusal:
            return reply(refusal.answer)
        return reply({"errcode": 0, "errmsg": "ok", "request_id": f"sb{len(self.ledger)}", **answer})

    def _count(self, name: str) -> None:
        now, calls = self.clock.now(), self.calls[name]
        while calls and calls[0] <= now - timedelta(seconds=1):
            calls.popleft()
        if len(calls) >= self.settings.calls_per_second:
            raise Refusal(90018, "您的服务器调用钉钉开放平台当前接口的请求过多，请降低请求频率")
        calls.append(now)

    def _check_token(self, token: str) -> None:
        if not token:
            raise Refusal(88, "不合法的token", sub_code="40000")
        if not same(token, self.token):
            raise Refusal(88, "不合法的access_token", sub_code="40014")
        if self.clock.now() >= self.token_ends:
            raise Refusal(42001, "access_token超时")

    # people

    def _user_by_mobile(self, body: dict[str, Any]) -> dict[str, Any]:
        mobile = str(body.get("mobile", ""))
        if not mobile:
            raise Refusal(400002, "参数错误：缺少 mobile")
        if not MOBILE.fullmatch(mobile):
            raise Refusal(40104, "无效的手机号")
        user = next((u for u in self.users.values() if u.get("mobile") == mobile and "_left" not in u), None)
        if user is None:
            raise Refusal(60121, "找不到该用户")
        return {"result": {"userid": user["userid"]}}

    def _user(self, body: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(str(body.get("userid", "")))
        if user is None or "_left" in user:
            raise Refusal(60121, "找不到该用户")
        return {"result": user}

    # the group's robot

    async def _robot(self, request: Request) -> Response:
        if request.method != "POST":
            return reply({"errcode": 43002, "errmsg": "需要POST请求"})
        try:
            self._take_robot(request, await request.body())
        except Refusal as refusal:
            return reply(refusal.answer)
        return reply({"errcode": 0, "errmsg": "ok"})

    def _take_robot(self, request: Request, raw: bytes) -> None:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(43004, "无效的HTTP HEADER Content-Type")
        body = json_body(raw)
        if not isinstance(body, dict) or "access_token" not in request.query_params:
            raise Refusal(40035, "缺少参数 json 或 access_token")
        if not same(request.query_params["access_token"], SECRETS["robot_token"]):
            raise Refusal(300005, "token is not exist")
        rules.check_sign(request.query_params, self.clock.now(), self.settings.clock_tolerance)
        if len(raw) > ROBOT_BYTES:
            raise Refusal(45002, "消息内容超过长度限制")
        message = content(body, rules.ROBOT_TYPES, 400105, "不支持的消息类型")
        self._send_robot(body, message)

    def _send_robot(self, body: dict[str, Any], message: dict[str, Any]) -> None:
        uuid = str(body.get("msgUuid", "")) or f"none-{len(self.ledger)}"
        if uuid in self.robot_uuids:
            return
        now = self.clock.now()
        while self.robot_sent and self.robot_sent[0] <= now - timedelta(minutes=1):
            self.robot_sent.popleft()
        if now >= self.robot_blocked_until and len(self.robot_sent) >= self.settings.robot_per_minute:
            until = now + timedelta(seconds=self.settings.robot_block)
            self.commit("robot_blocked", until=until.isoformat())
        if now < self.robot_blocked_until:
            raise Refusal(410100, "发送速度太快而限流")
        title, text = shown(message)
        at = body.get("at") or {}
        named = [str(who) for key in ("atMobiles", "atUserIds") for who in at.get(key) or () if f"@{who}" in text]
        self.commit("message_sent", channel="robot", to=",".join(named), title=title, text=text, uuid=uuid)

    # work notices

    def _notice(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check_agent(body)
        people = [part for part in str(body.get("userid_list", "")).split(",") if part]
        if not people and not body.get("dept_id_list") and not body.get("to_all_user"):
            raise Refusal(400002, "参数错误：userid_list、dept_id_list、to_all_user 不能同时为空")
        if body.get("to_all_user"):
            people = list(self.users)
        if len(people) > 100:
            raise Refusal(41052, "接收者人数超过限制")
        msg = body.get("msg")
        if not isinstance(msg, dict):
            raise Refusal(400002, "参数错误：msg 应为 JSON 对象")
        message = content(msg, rules.NOTICE_TYPES, 400002, "参数错误：msgtype")
        if len(dumps(msg)) > NOTICE_BYTES:
            raise Refusal(45002, "msg 超过 2048 字节")
        task = len(self.tasks) + 1
        self.commit("notice_taken", task_id=task, result=self._deliver(task, people, message))
        return {"task_id": task}

    def _deliver(self, task: int, people: Sequence[str], message: dict[str, Any]) -> dict[str, Any]:
        """Over a limit the call succeeds and the notice is silently not delivered; only the result tells."""
        result: dict[str, Any] = {"invalid_user_id_list": [], "unread_user_id_list": [], "forbidden_list": []}
        title, text = shown(message)
        digest = hashlib.sha256(canonical(message)).hexdigest()
        for person in people:
            today = self.notices[person, rules.china_day(self.clock.now())]
            if "_left" in self.users.get(person, {"_left": True}):
                result["invalid_user_id_list"].append(person)
            elif digest in today:
                result["forbidden_list"].append({"code": "143106", "count": 1, "userid": person})
            elif len(today) >= self.settings.notices_per_day:
                result["forbidden_list"].append({"code": "143105", "count": 1, "userid": person})
            else:
                sent = {"channel": "work_notice", "to": person, "title": title, "text": text}
                self.commit("message_sent", **sent, task_id=task, digest=digest)
                result["unread_user_id_list"].append(person)
        result["forbidden_user_id_list"] = [row["userid"] for row in result["forbidden_list"]]
        return result

    def _task(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check_agent(body)
        task = self.tasks.get(int(body["task_id"])) if str(body.get("task_id", "")).isdigit() else None
        if task is None:
            raise Refusal(400002, "参数错误：task_id 不存在")
        return task

    def _progress(self, body: dict[str, Any]) -> dict[str, Any]:
        self._task(body)
        return {"progress": {"progress_in_percent": 100, "status": 2}}

    def _result(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"send_result": self._task(body)}

    def _check_agent(self, body: dict[str, Any]) -> None:
        if str(body.get("agent_id", "")) != SECRETS["agent_id"]:
            raise Refusal(40056, "不合法的agentid")

    # what the vendor's users do, and the callbacks that follow

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {
            "add_user": self._add_user,
            "change_user": self._change_user,
            "remove_user": self._remove_user,
            "set_hook": self._set_hook,
            "post_event": self._post_event,
        }

    def _add_user(self, given: dict[str, Any]) -> dict[str, Any]:
        user = rules.new_user(len(self.users) + 1, given)
        self.commit("user_added", user=user)
        self._tell("user_add_org", user["userid"])
        return user

    def _change_user(self, given: dict[str, Any]) -> dict[str, Any]:
        userid = given["userid"]
        self.commit("user_changed", userid=userid, fields=given)
        self._tell("user_modify_org", userid)
        return self.users[userid]

    def _remove_user(self, given: dict[str, Any]) -> dict[str, Any]:
        self.commit("user_left", userid=given["userid"])
        self._tell("user_leave_org", given["userid"])
        return {"userid": given["userid"]}

    def _set_hook(self, given: dict[str, Any]) -> dict[str, Any]:
        """Saving the address makes DingTalk call it with `check_url`."""
        token, key = given.get("token", SECRETS["callback_token"]), given.get("aes_key", SECRETS["callback_aes_key"])
        self.commit("hook_set", url=given["url"], token=token, aes_key=key)
        self._post({"EventType": "check_url"})
        return {"url": given["url"]}

    def _post_event(self, given: dict[str, Any]) -> dict[str, Any]:
        """Any event; an `eventId` given twice is the vendor's repetition."""
        event = {"CorpId": rules.CORP, "eventId": f"event-{len(self.ledger) + 1:06d}", **given}
        self._post(event)
        return event

    def _tell(self, event: str, userid: str) -> None:
        if self.hook:
            stamp = int(self.clock.now().timestamp() * 1000)
            self._post_event({"EventType": event, "TimeStamp": str(stamp), "UserId": [userid]})

    def _post(self, event: dict[str, Any]) -> None:
        url, body = rules.callback(self.hook, event, self.clock.now(), f"n{len(self.ledger):07d}")
        self.owe_post(url, body, {"content-type": "application/json"})


def sandbox(ledger: Ledger, clock: Clock | None = None, **settings: Any) -> DingtalkSandbox:
    return DingtalkSandbox(ledger, clock, Settings(**settings))


def sandbox_config(base_url: str) -> dict[str, Any]:
    return {"base_url": base_url, "legacy_base_url": base_url, **SECRETS}
