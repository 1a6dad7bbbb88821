"""Errors as problem+json (RFC 9457), with a sentence in both languages."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hub.db.session import is_passing
from hub.sdk import jsontext
from hub.sync.intake import IntakeDown

log = logging.getLogger("hub.api")

MEDIA_TYPE = "application/problem+json"
COME_AGAIN = "5"  # seconds, Retry-After


class ProblemField(BaseModel):
    """One field of the request that is wrong."""

    path: str
    sentence: str
    sentence_zh: str


class Problem(BaseModel):
    """What went wrong and what to do next."""

    type: str = Field(default="about:blank", description="Kind of problem")
    title: str = Field(description="What went wrong and the next step, in English")
    title_zh: str = Field(description="The same in Chinese")
    status: int
    fields: list[ProblemField] = Field(default_factory=list)


class ApiError(Exception):
    """An answer other than success, on purpose."""

    def __init__(
        self,
        status: int,
        title: str,
        title_zh: str,
        *,
        fields: Sequence[ProblemField] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.problem = Problem(title=title, title_zh=title_zh, status=status, fields=list(fields))
        self.headers = dict(headers or {})


def missing(what: str, what_zh: str, name: object) -> ApiError:
    return ApiError(404, f"there is no {what} {name}", f"没有{what_zh} {name}")


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    body = jsontext.dumps(problem.model_dump(exclude_defaults=False))
    return Response(body, problem.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


_STATUS_ZH = {
    401: "未通过身份校验",
    403: "权限不足",
    404: "地址不存在",
    405: "此地址不支持该方法",
    413: "请求过大",
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "model": Problem,
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        400: "The request cannot be read",
        401: "No token, or one that is not valid",
        403: "The token lacks the scope",
        404: "There is no such thing",
        409: "It is being worked on, or its state does not allow this",
        422: "A value is wrong; `fields` says which",
        503: "The database does not answer; come again after Retry-After",
    }.items()
}


def answer(error: ApiError) -> Response:
    return problem_response(error.problem, error.headers)


def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer(error)


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = error.detail or HTTPStatus(error.status_code).phrase
    zh = _STATUS_ZH.get(error.status_code, title)
    return problem_response(Problem(title=title, title_zh=zh, status=error.status_code), error.headers)


def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        ProblemField(path=_path(found["loc"]), sentence=found["msg"], sentence_zh=f"值不可用：{found['msg']}")
        for found in error.errors()
    ]
    names = ", ".join(field.path for field in fields)
    problem = Problem(
        title=f"the request has wrong values: {names}", title_zh=f"请求中有错误的值：{names}", status=422, fields=fields
    )
    return problem_response(problem)


def _path(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _database_error(request: Request, error: Exception) -> Response:
    if not is_passing(error):
        return _unexpected(request, error)
    problem = Problem(
        title="the database does not answer; try again in a moment", title_zh="数据库暂无响应，请稍后再试", status=503
    )
    return problem_response(problem, {"Retry-After": COME_AGAIN})


def _intake_down(_request: Request, error: Exception) -> Response:
    assert isinstance(error, IntakeDown)
    problem = Problem(title=error.sentence, title_zh=error.zh, status=503)
    return problem_response(problem, {"Retry-After": COME_AGAIN})


def _unexpected(_request: Request, error: Exception) -> Response:
    log.error("unexpected error in a request", exc_info=error)
    problem = Problem(
        title="something unexpected happened here; the log of the hub has the details under this request's id",
        title_zh="发生意外错误，详情见日志中该请求编号的记录",
        status=500,
    )
    return problem_response(problem)


def install(app: FastAPI) -> None:
    for kind, handler in (
        (ApiError, _api_error),
        (HTTPException, _http_error),
        (RequestValidationError, _validation_error),
        (IntakeDown, _intake_down),
        (DBAPIError, _database_error),
        (asyncpg.PostgresError, _database_error),
        (asyncpg.InterfaceError, _database_error),
        (OSError, _database_error),
        (Exception, _unexpected),
    ):
        app.add_exception_handler(kind, handler)
