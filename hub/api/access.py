"""Who may call what: one table from route to scope; a route that is not in it cannot be served."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from hub.api.problems import ApiError
from hub.db.session import Database
from hub.security import tokens
from hub.security.tokens import Principal, Scope

SCOPES: Final[Mapping[tuple[str, str], Scope]] = {
    ("GET", "/api/v1/connections"): "read",
    ("POST", "/api/v1/connections/{name}/test"): "write",
    ("POST", "/api/v1/connections/{name}/pause"): "write",
    ("POST", "/api/v1/connections/{name}/resume"): "write",
    ("GET", "/api/v1/syncs"): "read",
    ("POST", "/api/v1/syncs/{name}/run"): "write",
    ("POST", "/api/v1/syncs/{name}/backfill"): "write",
    ("POST", "/api/v1/syncs/{name}/observe"): "write",
    ("POST", "/api/v1/syncs/{name}/live"): "write",
    ("POST", "/api/v1/syncs/{name}/pause"): "write",
    ("GET", "/api/v1/syncs/{name}/forecast"): "read",
    ("GET", "/api/v1/questions"): "read",
    ("GET", "/api/v1/questions/{number}"): "read",
    ("POST", "/api/v1/questions/{number}/answer"): "write",
    ("POST", "/api/v1/questions/answer"): "write",
    ("POST", "/api/v1/syncs/{name}/accept"): "write",
    ("POST", "/api/v1/syncs/{name}/reconcile"): "write",
    ("GET", "/api/v1/drifts"): "read",
    ("GET", "/api/v1/drifts/{number}"): "read",
    ("POST", "/api/v1/drifts/repair"): "write",
    ("POST", "/api/v1/drifts/dismiss"): "write",
    ("GET", "/api/v1/entities/{kind}"): "read",
    ("GET", "/api/v1/entities/{kind}/{entity_id}"): "read",
    ("GET", "/api/v1/entities/{kind}/{entity_id}/changes"): "read",
    ("POST", "/api/v1/entities/{kind}/{entity_id}/correct"): "write",
    ("POST", "/api/v1/entities/{kind}/{entity_id}/join"): "write",
    ("POST", "/api/v1/entities/{kind}/{entity_id}/part"): "write",
    ("GET", "/api/v1/explain/{kind}/{name}/{field}"): "read",
    ("GET", "/api/v1/receipts"): "read",
    ("GET", "/api/v1/receipts/{number}"): "read",
    ("POST", "/api/v1/receipts/retry"): "write",
    ("POST", "/api/v1/receipts/dismiss"): "write",
    ("GET", "/api/v1/inbox"): "read",
    ("GET", "/api/v1/inbox/{number}"): "read",
    ("POST", "/api/v1/inbox/retry"): "write",
    ("POST", "/api/v1/inbox/dismiss"): "write",
    ("POST", "/api/v1/inbox/{number}/correct"): "write",
    ("POST", "/api/v1/inbox/{number}/keep"): "write",
    ("GET", "/api/v1/deliveries"): "read",
    ("GET", "/api/v1/deliveries/{number}"): "read",
    ("POST", "/api/v1/deliveries/retry"): "write",
    ("POST", "/api/v1/deliveries/absent"): "write",
    ("POST", "/api/v1/deliveries/dismiss"): "write",
    ("POST", "/api/v1/deliveries/{number}/correct"): "write",
    ("GET", "/api/v1/bells"): "read",
    ("POST", "/api/v1/bells/retry"): "write",
    ("POST", "/api/v1/bells/dismiss"): "write",
    ("GET", "/api/v1/failed"): "read",
    ("GET", "/api/v1/failed/groups"): "read",
    ("GET", "/api/v1/failed/groups/{group}/history"): "read",
    ("POST", "/api/v1/failed/groups/{group}/assign"): "write",
    ("POST", "/api/v1/failed/assign"): "write",
    ("GET", "/api/v1/failed/{what}/{number}/history"): "read",
    ("POST", "/api/v1/failed/retry"): "write",
    ("POST", "/api/v1/failed/dismiss"): "write",
    ("POST", "/api/v1/failed/correct"): "write",
    ("POST", "/api/v1/reapply/{sync}"): "write",
    ("POST", "/api/v1/runs/{number}/stop"): "write",
    ("POST", "/api/v1/runs/{number}/undo"): "write",
    ("GET", "/api/v1/runs"): "read",
    ("GET", "/api/v1/runs/{number}"): "read",
    ("POST", "/api/v1/runs/{number}/confirm"): "write",
    ("POST", "/api/v1/runs/{number}/dismiss"): "write",
    ("GET", "/api/v1/mappings"): "read",
    ("GET", "/api/v1/mappings/{name}"): "read",
    ("GET", "/api/v1/mappings/{name}/versions"): "read",
    ("PUT", "/api/v1/mappings/{name}/draft"): "write",
    ("DELETE", "/api/v1/mappings/{name}/draft"): "write",
    ("POST", "/api/v1/mappings/{name}/publish"): "admin",
    ("POST", "/api/v1/mappings/{name}/rollback"): "admin",
    ("POST", "/api/v1/config/plan"): "admin",
    ("POST", "/api/v1/config/apply"): "admin",
    ("POST", "/api/v1/mappings/preview"): "read",
    ("POST", "/api/v1/mappings/diff"): "read",
    ("GET", "/api/v1/tokens"): "admin",
    ("POST", "/api/v1/tokens"): "admin",
    ("POST", "/api/v1/tokens/{token_id}/revoke"): "admin",
    ("GET", "/api/v1/status"): "read",
}

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="o2c-hub"'}


async def authorise(db: Database, request: Request, method: str, path: str) -> Principal:
    """The caller, when its token is live and has the route's scope; raises ApiError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError(
            401,
            "send an API token: `Authorization: Bearer hub_…` (make one with `hub token create`)",
            "请携带 API 令牌：Authorization: Bearer hub_…（可用 hub token create 创建）",
            headers=_CHALLENGE,
        )
    async with db.begin("token") as connection:
        principal = await tokens.verify(connection, token.strip())
    if principal is None:
        raise ApiError(
            401, "this token is unknown, revoked or expired", "令牌不存在、已吊销或已过期", headers=_CHALLENGE
        )
    scope = SCOPES[method, path]
    if not principal.may(scope):
        raise ApiError(
            403, f"this token lacks the scope `{scope}`", f"权限不足：该令牌没有 {scope} 权限", headers=_CHALLENGE
        )
    return principal
