"""How a noun's router is made: whole prefix, one transaction a request, the error answers."""

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from hub.api.problems import RESPONSES
from hub.api.work import WorkRoute

_bearer = HTTPBearer(auto_error=False, description="API token: `hub_…`")


def router(noun: str) -> APIRouter:
    return APIRouter(
        prefix=f"/api/v1/{noun}",
        tags=[noun],
        route_class=WorkRoute,
        responses=RESPONSES,
        dependencies=[Depends(_bearer)],
    )
