"""Mapping drafts tried before they are published: on one record or entity, and beside what is in force."""

from hub.api.draft_answers import diffed, previewed
from hub.api.drafts import DiffAsked, Diffed, PreviewAsked, Previewed
from hub.api.problems import ApiError
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.sdk import jsontext
from hub.sync import previewing, shadowing

LARGEST = 1024 * 1024
routes = router("mappings")


@routes.post("/preview", summary="Try a draft on one record or entity")
async def preview_draft(work: Asked, asked: PreviewAsked) -> Previewed:
    """Everything wrong with the text, and what each line of it makes of the record or entity. Writes nothing."""
    if asked.record is not None and len(jsontext.dumps(asked.record)) > LARGEST:
        raise ApiError(413, "a record is at most 1 MB; send a smaller one", "一条记录最大 1 MB，请换一条较小的")
    link = asked.link
    wanted = previewing.Asked(
        draft=asked.draft,
        connection=link.connection if link else asked.connection,
        stream=link.stream if link else asked.stream,
        way=asked.way,
        record=asked.record,
        inbox=asked.inbox,
        key=link.key if link else None,
        entity=asked.entity,
        creating=asked.creating,
    )
    return previewed(await previewing.preview(work.conn, work.configuration, wanted))


@routes.post("/diff", summary="Compare a draft with what is in force")
async def compare_draft(work: Asked, asked: DiffAsked) -> Diffed:
    """Both mappings over the last known records and the entities behind them: what would change, by field, with
    examples; what would fail and what no longer would; what cannot be known yet. Writes nothing."""
    wanted = shadowing.Wanted(asked.draft, asked.last, asked.connection, asked.sync)
    return diffed(await shadowing.compare_draft(work.conn, work.configuration, wanted, work.now))
