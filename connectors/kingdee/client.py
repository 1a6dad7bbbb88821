"""The only file that calls Kingdee: addresses, authentication, the envelope of queries and operations."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.errors import http_error, is_session_lost, login_error, result_error, uncertain_session
from connectors.kingdee.forms import Form
from connectors.kingdee.signing import header_signature, login_sign
from hub.sdk import AuthFailed, ConnectorError, Context, Reply, Token
from hub.sdk.auth import with_token
from hub.sdk.http import no_answer

FORM_SERVICE = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService."
AUTH_SERVICE = "Kingdee.BOS.WebApi.ServicesStub.AuthService."
INTERFACE = "webapi"
QUERY = "ExecuteBillQuery"  # the one call that only reads
# How long the vendor keeps an idle session is not documented; a lost one is noticed and renewed.
SESSION_LIFE = timedelta(hours=8)

# These wrap everything, FormId included, in `data`.


def address(config: KingdeeConfig, service: str) -> str:
    return f"{config.base_url}{service}.common.kdsvc"


async def query(
    ctx: Context,
    form: Form,
    columns: Sequence[str],
    *,
    where: str,
    order: str,
    start: int = 0,
    limit: int | None = None,
) -> list[list[Any]]:
    """One ExecuteBillQuery: rows of cells in the order of `columns`; at most `limit` rows (the page size)."""
    config: KingdeeConfig = ctx.config
    data = {
        "FormId": form.form_id,
        "FieldKeys": ",".join(columns),
        "FilterString": _joined(where, config.filters.get(form.stream, "")),
        "OrderString": order,
        "TopRowCount": 0,
        "StartRow": start,
        "Limit": limit or config.page_size,
    }
    rows = await _call(ctx, form, QUERY, {"data": data})
    if not (isinstance(rows, list) and all(isinstance(row, list) and len(row) == len(columns) for row in rows)):
        raise no_answer(False, f"{QUERY} of {form.stream} answered with no table of {len(columns)} columns")
    return rows


async def operate(
    ctx: Context, form: Form, operation: str, data: Mapping[str, Any], *, number: str | None = None
) -> dict[str, Any]:
    """One writing call (Save, Submit, Audit …); returns its `Result`. `number` is the opNumber of ExcuteOperation."""
    named = {} if number is None else {"opNumber": number}
    answer = await _call(ctx, form, operation, {"formid": form.form_id, **named, "data": data})
    result: dict[str, Any] = answer["Result"]
    return result


async def _call(ctx: Context, form: Form, operation: str, body: Mapping[str, Any]) -> Any:
    send = _signed if ctx.config.auth == "signature" else _in_session
    return await send(ctx, form, operation, body)


async def _signed(ctx: Context, form: Form, operation: str, body: Mapping[str, Any]) -> Any:
    config: KingdeeConfig = ctx.config
    url = address(config, FORM_SERVICE + operation)
    headers = header_signature(
        url,
        acct_id=config.acct_id,
        user=config.user,
        app_id=config.app_id,
        app_secret=config.app_secret.get_secret_value(),
        lcid=config.lcid,
        organization=config.organization,
        now=int(ctx.clock.now().timestamp()),
    )
    try:
        return _answer(await _post(ctx, operation, url, headers, body), form, operation)
    except AuthFailed as error:
        if operation != QUERY and is_session_lost(error):
            raise uncertain_session(operation) from error
        raise


async def _in_session(ctx: Context, form: Form, operation: str, body: Mapping[str, Any]) -> Any:
    url = address(ctx.config, FORM_SERVICE + operation)
    name = f"{ctx.connection}/session"

    async def fetch() -> Token:
        return await _login(ctx)

    async def call(token: Token) -> Any:
        cookie = f"kdservice-sessionid={token.value}; ASP.NET_SessionId={token.value}"
        headers = {"kdservice-sessionid": token.value, "Cookie": cookie}
        try:
            return _answer(await _post(ctx, operation, url, headers, body), form, operation)
        except AuthFailed as error:
            if not is_session_lost(error):
                return error  # a fresh login would not give the right that is missing
            if operation == QUERY:
                raise
            await ctx.tokens.forget(name, token)
            raise uncertain_session(operation) from error

    answer = await with_token(ctx, name, fetch, call)
    if isinstance(answer, AuthFailed):
        raise answer
    return answer


async def _post(ctx: Context, operation: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Reply:
    return await ctx.http.request(
        "POST", url, interface=INTERFACE, writes=operation != QUERY, headers=headers, json=body
    )


async def _login(ctx: Context) -> Token:
    config: KingdeeConfig = ctx.config
    secret = config.app_secret.get_secret_value()
    if config.auth == "sign":
        stamp = str(int(ctx.clock.now().timestamp()))
        sign = login_sign(config.acct_id, config.user, config.app_id, secret, stamp)
        method, proof = "LoginBySign", [config.app_id, stamp, sign]
    else:
        method, proof = "LoginByAppSecret", [config.app_id, secret]
    url = address(config, AUTH_SERVICE + method)
    body = {"parameters": [config.acct_id, config.user, *proof, config.lcid]}
    reply = await ctx.http.request("POST", url, interface=INTERFACE, writes=False, json=body)
    failure = http_error(reply, method, "login")
    if failure is not None:
        raise failure
    answer = reply.json()
    refused = login_error(answer if isinstance(answer, dict) else {})
    if refused is not None:
        raise refused
    if not answer.get("KDSVCSessionId"):
        raise no_answer(False, f"{method} succeeded and named no session")
    return Token(str(answer["KDSVCSessionId"]), ctx.clock.now() + SESSION_LIFE)


def _answer(reply: Reply, form: Form, operation: str) -> Any:
    failure = http_error(reply, operation, form.stream)
    if failure is not None:
        raise failure
    body = reply.json()
    if operation == QUERY:
        failure = _query_error(body, form)
    else:
        failure = result_error(body, operation=operation, stream=form.stream, writes=True)
    if failure is not None:
        raise failure
    return body


def _query_error(body: Any, form: Form) -> ConnectorError | None:
    """A failed query looks like `[[{"Result": …}]]`, sometimes like the bare object."""
    first = body
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(body, list) and not isinstance(first, dict):
        return None
    return result_error(first, operation=QUERY, stream=form.stream, writes=False)


def quoted(text: str) -> str:
    """A text literal of FilterString."""
    return "'" + text.replace("'", "''") + "'"


def _joined(*conditions: str) -> str:
    return " and ".join(f"({c})" for c in conditions if c)
