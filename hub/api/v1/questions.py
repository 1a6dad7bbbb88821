"""Questions: is it the same? List, read, answer one or many."""

from typing import Annotated

from fastapi import Query

from hub.api.first_day import ByRule, Counted, Question, QuestionShown, Same
from hub.api.models import Done, Page
from hub.api.paging import page
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sync import questions
from hub.sync.desk import Person

routes = router("questions")


@routes.get("", summary="List questions")
async def list_questions(
    work: Asked,
    connection: Annotated[str | None, Query(max_length=200)] = None,
    stream: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[Question]:
    """Records of which a person must say what they are, the oldest first."""
    rows = await questions.listed(work.conn, questions.Which(connection, stream), after=cursor, limit=limit)
    return page(Question, rows, limit)


@routes.get("/{number}", summary="Read one question")
async def read_question(work: Asked, number: int) -> QuestionShown:
    """The record beside its candidates."""
    return QuestionShown.model_validate(await questions.shown(work.conn, work.configuration, number))


@routes.post("/answer", summary="Answer questions by a rule")
async def answer_questions(work: Asked, wanted: ByRule) -> Counted:
    """With `preview` nothing is written."""
    which = questions.Which(wanted.connection, wanted.stream)
    rule = questions.Rule(wanted.same_when, wanted.new)
    found = await questions.by_rule(work.conn, work.configuration, which, rule)
    if not wanted.preview:
        how = {"same_when": list(wanted.same_when), "new": wanted.new}
        await questions.answer(work.conn, found.said, Person(work.who, work.now), how)
    return Counted(**found.told())


@routes.post("/{number}/answer", summary="Answer one question")
async def answer_question(work: Asked, number: int, wanted: Same) -> Done:
    """It is that entity, or a new one; the same question does not come back."""
    await questions.answer_one(work.conn, number, wanted.same, Person(work.who, work.now))
    return Done(done=[number])
