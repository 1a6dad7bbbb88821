"""A small fake of the vendor's server: both token schemes, limits, objects, workflows that call the hub."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.fxiaoke.client import DATA, OBJECTS, SCHEMES, USER
from connectors.fxiaoke.sandbox_gate import (
    APP_ID,
    APP_SECRET,
    CORPS,
    LIVES,
    PERMANENT_CODE,
    Caller,
    Counter,
    Limits,
    caller_of,
    check_login,
    check_token,
    check_trace,
    current_grant,
)
from connectors.fxiaoke.sandbox_objects import DEAL, LINE, WRONG, Refusal, Row, check_row, fields_of
from connectors.fxiaoke.sandbox_objects import OBJECTS as TABLES
from connectors.fxiaoke.sandbox_query import run_query
from connectors.fxiaoke.sandbox_store import FIRST_PERSON, OPEN_USER, Store
from hub.sdk import Clock, jsontext
from hub.sdk.sandbox import Entry, Ledger, Sandbox, json_body

Answer = dict[str, Any]
USER_ID, MOBILE = str(FIRST_PERSON), "13800001000"
HOOK_TOKEN = "sandbox-hook-token"  # noqa: S105 - made up, for the sandbox only
# The workflows this customer has set up: what they react to and the event they report.
WORKFLOWS: Mapping[str, str] = {
    DEAL: "deal_changed",
    "AccountObj": "customer_changed",
    "ProductObj": "product_changed",
    "PersonnelObj": "employee_changed",
}


class FxiaokeSandbox(Sandbox):
    """One tenant with one app."""

    vendor = "fxiaoke"

    def __init__(self, ledger: Ledger, clock: Clock | None, limits: Limits) -> None:
        self.counter = Counter(limits)
        self.verbs: Mapping[str, Callable[[Answer, Caller], Answer]] = {
            DATA + "query": self._query,
            DATA + "get": self._get,
            DATA + "create": self._create,
            DATA + "update": self._update,
            DATA + "invalid": self._invalid,
            DATA + "delete": self._delete,
            DATA + "changeOwner": self._change_owner,
            OBJECTS: self._list_objects,
        }
        super().__init__(ledger, clock)
        if not self.store.rows["PersonnelObj"]:
            self._make("PersonnelObj", {"name": "集成用户", "phone": MOBILE, "employee_number": "IT001"}, USER_ID)

    def begin(self) -> None:
        self.store = Store()

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return self.store.folds()

    def routes(self) -> Sequence[BaseRoute]:
        return [Route(path, self._serve, methods=["POST"]) for path in ("/cgi/{path:path}", SCHEMES["new"].path)]

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {
            "create": self._act_create,
            "edit": self._act_edit,
            "win": self._act_win,
            "invalidate": lambda act: self._act_life(act, "invalid"),
            "recover": lambda act: self._act_life(act, "normal"),
            "set_hook": self._act_set_hook,
        }

    # the API
    async def _serve(self, request: Request) -> Response:
        """Whatever happens is HTTP 200."""
        path = request.url.path
        try:
            body = json_body(await request.body())
            if not isinstance(body, dict):
                raise Refusal(15002, "参数不合法：请求体不是 JSON 对象")
            answer = self._answer(path, request, body)
            said = {"errorCode": 0, "errorMessage": "OK", "errorDescription": "success", **answer}
        except Refusal as refusal:
            said = {"errorCode": refusal.code, "errorMessage": refusal.message, "errorDescription": "失败"}
        said["traceId"] = f"E-O.sandbox.{len(self.ledger)}"
        return Response(jsontext.dumps(said), media_type="application/json")

    def _answer(self, path: str, request: Request, body: Answer) -> Answer:
        now = self.clock.now()
        for name, scheme in SCHEMES.items():
            if path == scheme.path:
                self.counter.count_token(now)
                if name == "new":
                    check_trace(request.query_params)
                return self._token(name, body)
        self.counter.count(path, now)
        if path == USER:
            check_token(self.store, body.get("corpAccessToken"), body.get("corpId"), "old", now)
            return self._user_by_mobile(body)
        caller = caller_of(self.store, request, body, now)
        if path not in self.verbs:
            raise Refusal(WRONG, f"接口[{path}]不存在")
        return self.verbs[path](body, caller)

    def _token(self, name: str, body: Answer) -> Answer:
        check_login(body, name)
        now = self.clock.now()
        grant = current_grant(self.store, name, now)
        if grant is None:
            self.commit("token_issued", value=f"{name}-token-{len(self.store.grants) + 1}", scheme=name)
            grant = self.store.grants[-1]
        left = int((grant.issued + LIVES - now).total_seconds())
        return {SCHEMES[name].token: grant.value, SCHEMES[name].corp: CORPS[name], "expiresIn": left}

    def _user_by_mobile(self, body: Answer) -> Answer:
        people = self.store.rows["PersonnelObj"].values()
        return {
            "empList": [
                {"openUserId": p["user_id"], "name": p["name"]} for p in people if p.get("phone") == body.get("mobile")
            ]
        }

    def _query(self, body: Answer, caller: Caller) -> Answer:
        data = _data(body)
        name = data.get("dataObjectApiName")
        fields_of(name)
        answer = run_query(str(name), self.store.rows[str(name)].values(), data)
        nulls = bool(body.get("includeNull"))
        answer["dataList"] = [
            self.store.shown(str(name), row, open_users=caller.open_users, nulls=nulls) for row in answer["dataList"]
        ]
        return {"data": answer}

    def _get(self, body: Answer, caller: Caller) -> Answer:
        data = _data(body)
        row = self._row(data.get("dataObjectApiName"), data.get("objectDataId"))
        return {"data": self.store.shown(data["dataObjectApiName"], row, open_users=caller.open_users)}

    def _create(self, body: Answer, caller: Caller) -> Answer:
        name, row = _object_data(body)
        key = self._make(name, row, caller.person)
        self._workflow(body, WORKFLOWS.get(name), name, key)
        return {"dataId": key}

    def _update(self, body: Answer, caller: Caller) -> Answer:
        name, row = _object_data(body)
        key = row.pop("_id", None)
        if "owner" in row:
            raise Refusal(WRONG, "字段[owner](负责人)只能通过更换负责人接口修改")
        self._change(name, key, row, caller.person)
        self._workflow(body, WORKFLOWS.get(name), name, key)
        return {}

    def _invalid(self, body: Answer, caller: Caller) -> Answer:
        data = _data(body)
        self._live(data.get("dataObjectApiName"), data.get("object_data_id"), "invalid", caller.person)
        return {}

    def _delete(self, body: Answer, caller: Caller) -> Answer:
        data = _data(body)
        name, keys = data.get("dataObjectApiName"), data.get("idList") or []
        for key in keys:
            if self._row(name, key)["life_status"] != "invalid":
                raise Refusal(WRONG, f"数据[{key}]未作废，不能删除")
        for key in keys:
            self.commit("deleted", object=name, id=key, by=caller.person)
        return {}

    def _change_owner(self, body: Answer, caller: Caller) -> Answer:
        data = _data(body)
        for one in data.get("Data") or []:
            self._change(
                data.get("dataObjectApiName"), one.get("objectDataId"), {"owner": one.get("ownerId")}, caller.person
            )
        return {}

    def _list_objects(self, body: Answer, caller: Caller) -> Answer:
        objects = [{"describeApiName": name, "defineType": "package", "isActive": True} for name in TABLES]
        return {"data": {"objects": objects}}

    # rows
    def _row(self, name: Any, key: Any) -> Row:
        fields_of(name)
        row = self.store.rows[name].get(key)
        if row is None:
            raise Refusal(WRONG, f"数据[{key}]不存在")
        return row

    def _make(self, name: str, row: Row, by: str) -> str:
        check_row(name, row, self.store.living, creating=True)
        key = self.store.new_key(name)
        numbers = self.store.numbers(name, self.clock.now())
        self.commit("created", object=name, id=key, row={**numbers, **row}, by=by)
        return key

    def _change(self, name: Any, key: Any, row: Row, by: str) -> None:
        if self._row(name, key)["life_status"] == "invalid":
            raise Refusal(WRONG, f"数据[{key}]已作废，不能修改")
        check_row(name, row, self.store.living, creating=False)
        self.commit("updated", object=name, id=key, row=row, by=by)

    def _live(self, name: Any, key: Any, life_status: str, by: str) -> None:
        if self._row(name, key)["life_status"] == life_status:
            raise Refusal(WRONG, f"数据[{key}]已是[{life_status}]状态")
        self.commit("life_changed", object=name, id=key, life_status=life_status, by=by)

    def whole(self, name: str, key: str) -> Row:
        """The record as the customer's function puts it together: with the lines inside."""
        record = self.store.shown(name, self.store.rows[name][key], open_users=False)
        if name == DEAL:
            record["lines"] = [self.store.shown(LINE, row, open_users=False) for row in self.store.lines_of(key)]
        return record

    def _workflow(self, body: Answer, event: str | None, name: str, key: str, *, whole: bool = False) -> None:
        hook = self.store.hook
        if event is None or event not in hook.get("events", ()) or body.get("triggerWorkFlow", True) is False:
            return
        said: Answer = {"event": event, "object": name, "id": key}
        if whole:
            said["data"] = self.whole(name, key)
        headers = {"content-type": "application/json; charset=utf-8", "authorization": f"Bearer {hook['token']}"}
        self.owe_post(hook["url"], jsontext.dumps(said), headers)

    # what its users do
    def _act_create(self, act: Answer) -> Answer:
        name, row, by = act["object"], dict(act["data"]), act.get("by", USER_ID)
        lines = row.pop("lines", [])
        key = self._make(name, row, by)
        made = [self._make(LINE, {**line, "new_opportunity_id": key}, by) for line in lines]
        self._workflow({}, WORKFLOWS.get(name), name, key)
        return {"id": key, "lines": made, "record": self.whole(name, key)}

    def _act_edit(self, act: Answer) -> Answer:
        name, key = act["object"], act["id"]
        self._change(name, key, act["data"], act.get("by", USER_ID))
        self._workflow({}, WORKFLOWS.get(name), name, key)
        return {"record": self.whole(name, key)}

    def _act_win(self, act: Answer) -> Answer:
        self._change(DEAL, act["id"], {"sales_stage": "won"}, act.get("by", USER_ID))
        self._workflow({}, "deal_won", DEAL, act["id"], whole=True)
        return {"record": self.whole(DEAL, act["id"])}

    def _act_life(self, act: Answer, life_status: str) -> Answer:
        self._live(act["object"], act["id"], life_status, act.get("by", USER_ID))
        return {"record": self.whole(act["object"], act["id"])}

    def _act_set_hook(self, act: Answer) -> Answer:
        self.commit("hook_set", url=act["url"], token=act["token"], events=act.get("events", ["deal_won"]))
        return {"events": self.store.hook["events"]}


def _data(body: Answer) -> Answer:
    data = body.get("data")
    if not isinstance(data, dict):
        raise Refusal(WRONG, "data 必填")
    return data


def _object_data(body: Answer) -> tuple[str, Row]:
    row = _data(body).get("object_data")
    if not isinstance(row, dict):
        raise Refusal(WRONG, "object_data 必填")
    name = row.get("dataObjectApiName")
    fields_of(name)
    return str(name), {k: v for k, v in row.items() if k != "dataObjectApiName"}


def sandbox(ledger: Ledger, clock: Clock | None = None, **settings: Any) -> FxiaokeSandbox:
    """Settings: `calls`, `per` (each interface), `daily` (all interfaces)."""
    return FxiaokeSandbox(ledger, clock, Limits(**settings))


def sandbox_config(base_url: str, scheme: str = "new") -> dict[str, Any]:
    return {
        "base_url": base_url,
        "scheme": scheme,
        "app_id": APP_ID,
        "app_secret": APP_SECRET,
        "permanent_code": PERMANENT_CODE,
        "user": USER_ID if scheme == "new" else OPEN_USER.format(USER_ID),
        "hook_token": HOOK_TOKEN,
    }
