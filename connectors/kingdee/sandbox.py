"""A small fake of one Kingdee server: its authentication, queries and operations, and what its users do."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.kingdee import sandbox_query
from connectors.kingdee.sandbox_acts import user_acts
from connectors.kingdee.sandbox_books import (
    COMPUTED,
    EDITABLE,
    OPERATIONS,
    STEPS,
    Doc,
    Refusal,
    check,
    first_organization,
    laid_over,
)
from connectors.kingdee.sandbox_forms import VENDOR_FORMS, VendorForm
from connectors.kingdee.sandbox_wire import (
    ACCT_ID,
    APP_ID,
    APP_SECRET,
    SESSION_LOST,
    USER,
    answer,
    envelope,
    failure,
    form_of,
    proven,
    signed,
    success,
    view,
)
from hub.sdk import jsontext
from hub.sdk.context import Clock
from hub.sdk.sandbox import Entry, Ledger, Sandbox, json_body


class KingdeeSandbox(Sandbox):
    """One data centre. `max_limit` rows a query, `session_minutes`, `calls_per_minute` may be made smaller."""

    vendor = "kingdee"

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock | None = None,
        *,
        zone: str = "Asia/Shanghai",
        max_limit: int = 2000,
        session_minutes: int = 20,
        calls_per_minute: int | None = None,
        organization_name: str = "星海智能装备有限公司",
    ) -> None:
        self.zone = ZoneInfo(zone)
        self.max_limit = max_limit
        self.session_life = timedelta(minutes=session_minutes)
        self.calls_per_minute = calls_per_minute
        self.organization_name = organization_name
        self._recent: deque[datetime] = deque()
        super().__init__(ledger, clock)

    # state, folded from the ledger
    def begin(self) -> None:
        self.books: dict[str, dict[int, Doc]] = {form_id: {} for form_id in VENDOR_FORMS}
        self.books["ORG_Organizations"][1] = first_organization(self.organization_name)
        self.serials: dict[str, int] = dict.fromkeys(VENDOR_FORMS, 0)
        self.sessions: dict[str, datetime] = {}
        self.locks: set[tuple[str, int]] = set()
        self.last_id = 100000
        self.last_row = 200000

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {
            "saved": self._fold_saved,
            "moved": lambda e: self._touch(e, {"FDocumentStatus": e.data["status"]}),
            "marked": lambda e: self._touch(e, {e.data["field"]: e.data["value"]}),
            "deleted": lambda e: self.books[e.data["form"]].__delitem__(e.data["id"]),
            "locked": lambda e: self.locks.add((e.data["form"], e.data["id"])),
            "unlocked": lambda e: self.locks.discard((e.data["form"], e.data["id"])),
            "login": lambda e: self.sessions.__setitem__(e.data["session"], e.at + self.session_life),
            "sessions_expired": self._fold_expired,
        }

    def _fold_saved(self, entry: Entry) -> None:
        said, form_id = entry.data["doc"], entry.data["form"]
        doc = {"id": said["id"], "fields": dict(said["fields"]), "lines": [dict(line) for line in said["lines"]]}
        self.books[form_id][doc["id"]] = doc
        self.last_id = max(self.last_id, doc["id"])
        self.last_row = max([self.last_row, *(line["FEntryID"] for line in doc["lines"])])
        self.serials[form_id] += 1 if entry.data["numbered"] else 0

    def _fold_expired(self, entry: Entry) -> None:
        self.sessions.clear()

    def _touch(self, entry: Entry, fields: Mapping[str, Any]) -> None:
        doc = self.books[entry.data["form"]][entry.data["id"]]
        doc["fields"] |= {**fields, "FModifyDate": entry.data["stamp"]}

    def stamp(self) -> str:
        """The server's local time, without a zone, as every field shows it."""
        at = self.clock.now().astimezone(self.zone).replace(tzinfo=None)
        return at.isoformat(timespec="milliseconds" if at.microsecond >= 1000 else "seconds")

    # the vendor's API
    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/k3cloud/{service}", self._call, methods=["POST"])]

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return user_acts(self)

    async def _call(self, request: Request) -> Response:
        service = request.path_params["service"].removesuffix(".common.kdsvc")
        body = json_body(await request.body())
        method = service.rpartition(".")[2]
        if service.startswith("Kingdee.BOS.WebApi.ServicesStub.AuthService."):
            return answer(self._login(method, body))
        if not service.startswith("Kingdee.BOS.WebApi.ServicesStub.DynamicFormService."):
            return Response("", 404)
        try:
            form_id, data, number = envelope(method, body)
            self._authenticate(request)
            self._count()
            return answer(self._operate(form_of(form_id), method, number, data))
        except (Refusal, sandbox_query.BadQuery) as refusal:
            words = failure(refusal.code, refusal.message, getattr(refusal, "field", None))
            return answer([[words]] if method == "ExecuteBillQuery" else words)

    def _count(self) -> None:
        now = self.clock.now()
        while self._recent and self._recent[0] <= now - timedelta(minutes=1):
            self._recent.popleft()
        if self.calls_per_minute is not None and len(self._recent) >= self.calls_per_minute:
            raise Refusal(14, "调用次数超过限制")
        self._recent.append(now)

    def _authenticate(self, request: Request) -> None:
        if "x-api-signature" in request.headers:
            if not signed(request, int(self.clock.now().timestamp())):
                raise Refusal(1, SESSION_LOST)
            return
        session = request.headers.get("kdservice-sessionid") or request.cookies.get("kdservice-sessionid", "")
        if self.sessions.get(session, self.clock.now()) <= self.clock.now():
            raise Refusal(1, SESSION_LOST)

    def _login(self, method: str, body: Any) -> dict[str, Any]:
        given = body.get("parameters") if isinstance(body, dict) else None
        given = jsontext.loads(given) if isinstance(given, str) else given or []
        now = int(self.clock.now().timestamp())
        if given[:1] != [ACCT_ID]:
            return {"LoginResultType": -1, "Message": SESSION_LOST, "KDSVCSessionId": ""}
        if not proven(method, given, now):
            return {"LoginResultType": 0, "Message": "用户名或密码错误", "KDSVCSessionId": ""}
        session = f"session-{len(self.ledger) + 1}"
        self.commit("login", session=session)
        context = {"SessionId": session, "UserLocale": "zh-CN", "DataCenterName": "演示账套"}
        return {"LoginResultType": 1, "Message": "", "KDSVCSessionId": session, "Context": context}

    def _operate(self, form: VendorForm, method: str, number: str, data: Mapping[str, Any]) -> Any:
        if method == "ExecuteBillQuery":
            return sandbox_query.run(form, data, self.books, self.max_limit)
        if method == "View":
            return view(form, self._chosen(form, {"Numbers": [data.get("Number")], "Ids": data.get("Id")})[0])
        if method == "Save":
            return self._save(form, data)
        docs = self._chosen(form, data)
        for doc in docs:
            self._unlocked(form, doc)
        for doc in docs:
            self.apply(form, doc, number if method == "ExcuteOperation" else method, by="api")
        return success(form, docs)

    def _chosen(self, form: VendorForm, data: Mapping[str, Any]) -> list[Doc]:
        ids = {part.strip() for part in str(data.get("Ids") or "").split(",") if part.strip()}
        numbers = {str(n) for n in data.get("Numbers") or () if n}
        docs = [
            d for d in self.books[form.form_id].values() if str(d["id"]) in ids or d["fields"][form.number] in numbers
        ]
        if not docs or len(docs) < len(ids) + len(numbers):
            raise Refusal(10, f"{form.label}数据不存在")
        return docs

    def _unlocked(self, form: VendorForm, doc: Doc) -> None:
        if (form.form_id, doc["id"]) in self.locks:
            raise Refusal(13, f"{form.label}“{doc['fields'][form.number]}”正被他人编辑，网络控制冲突")

    def apply(self, form: VendorForm, doc: Doc, operation: str, *, by: str) -> None:
        """One operation on one document, with the rules of its status."""
        status, where = doc["fields"]["FDocumentStatus"], {"form": form.form_id, "id": doc["id"], "by": by}
        number = doc["fields"][form.number]
        if operation in STEPS:
            step = STEPS[operation]
            if status not in step.before or doc["fields"].get("FCancelStatus") == "B":
                raise Refusal(12, f"{form.label}“{number}”的状态为 {status}，不能{step.word}")
            if operation == "UnAudit":
                self._unused(form, doc)
            self.commit("moved", **where, operation=operation, status=step.after, stamp=self.stamp())
        elif operation in OPERATIONS:
            field, value, needed = OPERATIONS[operation]
            if status not in needed or field not in form.fields:
                raise Refusal(12, f"{form.label}“{number}”的状态为 {status}，不能执行 {operation}")
            self.commit("marked", **where, operation=operation, field=field, value=value, stamp=self.stamp())
        elif operation == "Delete":
            if status not in EDITABLE:
                raise Refusal(12, f"{form.label}“{number}”已提交或审核，不能删除")
            self.commit("deleted", **where)
        else:
            raise Refusal(3, f"操作 {operation} 不存在")

    def _unused(self, form: VendorForm, doc: Doc) -> None:
        """An order that others were made from cannot be un-audited."""
        if form.form_id != "SAL_SaleOrder":
            return
        rows = {line["FEntryID"] for line in doc["lines"]}
        for below, field in (("SAL_OUTSTOCK", "FSOEntryId"), ("AR_receivable", "FORDERENTRYID")):
            lines = [line for other in self.books[below].values() for line in other["lines"]]
            if any(int(line.get(field) or 0) in rows for line in lines):
                raise Refusal(12, f"{form.label}“{doc['fields'][form.number]}”存在下游单据，不能反审核")

    def _save(self, form: VendorForm, data: Mapping[str, Any]) -> dict[str, Any]:
        model = data.get("Model")
        if not isinstance(model, dict) or not model:
            raise Refusal(8, "Model 不能为空")
        drop = str(data.get("IsDeleteEntry", True)).lower() != "false"
        doc = self.save(form, model, by="api", drop_lines=drop)
        asked = [str(name).partition(".")[2] for name in data.get("NeedReturnFields") or () if "." in str(name)]
        returned: dict[str, Any] = {form.key: doc["id"]}
        if form.entry is not None and asked:
            returned[form.entry.name] = [{name: line.get(name) for name in asked} for line in doc["lines"]]
        done = success(form, [doc])
        done["Result"] |= {"Id": doc["id"], "Number": doc["fields"][form.number], "NeedReturnData": [returned]}
        return done

    def save(
        self, form: VendorForm, model: Mapping[str, Any], *, by: str, drop_lines: bool = True, status: str = "A"
    ) -> Doc:
        """Save a Model as a new document or over an old one."""
        ident = int(model.get(form.key) or 0)
        old = self._editable(form, ident) if ident else self._blank(form)
        rows = iter(range(self.last_row + 1, self.last_row + 10_000))
        doc = laid_over(form, old, model, drop_lines=drop_lines, new_id=lambda: next(rows))
        check(form, doc, self.books)
        if form.form_id in COMPUTED:
            COMPUTED[form.form_id](doc, self.books)
        numbered = not doc["fields"].get(form.number)
        if numbered:
            doc["fields"][form.number] = self._next_number(form)
        doc["fields"] |= {"FModifyDate": self.stamp()} | ({} if ident else {"FDocumentStatus": status})
        self.commit("saved", form=form.form_id, id=doc["id"], by=by, created=not ident, numbered=numbered, doc=doc)
        return doc

    def _editable(self, form: VendorForm, ident: int) -> Doc:
        doc = self.books[form.form_id].get(ident)
        if doc is None:
            raise Refusal(10, f"{form.label}内码 {ident} 不存在")
        self._unlocked(form, doc)
        if doc["fields"]["FDocumentStatus"] not in EDITABLE:
            raise Refusal(12, f"{form.label}“{doc['fields'][form.number]}”已提交或审核，不能修改")
        return {"id": ident, "fields": dict(doc["fields"]), "lines": [dict(line) for line in doc["lines"]]}

    def _blank(self, form: VendorForm) -> Doc:
        return {"id": self.last_id + 1, "fields": {**form.born, "FCreateDate": self.stamp()}, "lines": []}

    def _next_number(self, form: VendorForm) -> str:
        taken = {doc["fields"][form.number] for doc in self.books[form.form_id].values()}
        serial = self.serials[form.form_id] + 1
        while f"{form.prefix}{serial:06d}" in taken:
            serial += 1
        return f"{form.prefix}{serial:06d}"


def sandbox(ledger: Ledger, clock: Clock | None = None, **settings: Any) -> Sandbox:
    """A Kingdee server over this ledger."""
    return KingdeeSandbox(ledger, clock, **settings)


def sandbox_config(base_url: str, **more: Any) -> dict[str, Any]:
    """The config of a connection to a sandbox that listens at `base_url`, with `more` of its fields set."""
    return {
        "base_url": base_url.rstrip("/") + "/k3cloud/",
        "acct_id": ACCT_ID,
        "user": USER,
        "app_id": APP_ID,
        "app_secret": APP_SECRET,
        "organization": "100",
        **more,
    }
