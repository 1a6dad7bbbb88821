"""API tokens: list, create, revoke."""

from hub.api.asked import TokenRequest
from hub.api.models import Done, NewToken, Page, Token
from hub.api.paging import page
from hub.api.problems import ApiError, missing
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.security import audit, tokens
from hub.sync import views

routes = router("tokens")


@routes.get("", summary="List tokens")
async def list_tokens(work: Asked) -> Page[Token]:
    """All of them, revoked ones too; never their text."""
    rows = await views.tokens(work.conn)
    return page(Token, rows, len(rows) + 1)


@routes.post("", summary="Create a token")
async def create_token(work: Asked, wanted: TokenRequest) -> NewToken:
    """The text is shown this once."""
    if wanted.expires_at is not None and wanted.expires_at.tzinfo is None:
        raise ApiError(422, "expires_at needs its zone: 2027-01-31T00:00:00Z", "expires_at 需带时区")
    token = await tokens.create(work.conn, wanted.name, wanted.scopes, wanted.expires_at)
    await audit.record(work.conn, work.who, "token.create", wanted.name, {"scopes": wanted.scopes})
    return NewToken(token=token)


@routes.post("/{token_id}/revoke", summary="Revoke a token")
async def revoke_token(work: Asked, token_id: str) -> Done:
    """At once."""
    if not await tokens.revoke(work.conn, token_id):
        raise missing("live token", "有效令牌", token_id)
    await audit.record(work.conn, work.who, "token.revoke", token_id)
    return Done(done=[token_id])
