"""Versions of mappings: list, read, draft, publish, roll back."""

from hub.api.asked import DraftText, Publishing, RollingBack
from hub.api.models import ConfigProblem, Done, DraftKept, MappingDetail, MappingListed, MappingVersion, Page, Published
from hub.api.paging import page
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.config import versions
from hub.config.force import By
from hub.sync.configuring import checker

routes = router("mappings")


@routes.get("", summary="List mappings")
async def list_mappings(work: Asked) -> Page[MappingListed]:
    """Every mapping in use or in draft, with the version in force."""
    rows = await versions.listed(work.conn)
    return page(MappingListed, rows, len(rows) + 1)


@routes.get("/{name}", summary="Read a mapping")
async def read_mapping(work: Asked, name: str, version: int | None = None) -> MappingDetail:
    """Its text in the version in force (or the one asked for), and the draft where there is one."""
    row = await versions.version(work.conn, name, version)
    return MappingDetail(**row, draft=await versions.draft(work.conn, name))


@routes.get("/{name}/versions", summary="History of a mapping")
async def list_versions(work: Asked, name: str) -> Page[MappingVersion]:
    """All versions, newest first, with the runs of re-mapping they led to."""
    rows = await versions.history(work.conn, name)
    return page(MappingVersion, rows, len(rows) + 1)


@routes.put("/{name}/draft", summary="Keep a draft")
async def save_draft(work: Asked, name: str, draft: DraftText) -> DraftKept:
    """It is checked, and kept whatever is wrong; `problems` keep it from being published."""
    found = await checker(work.conn, work.services.settings)
    problems = await versions.save_draft(work.conn, found, name, draft.text, By(work.who, work.now))
    return DraftKept(name=name, problems=[ConfigProblem.model_validate(each) for each in problems])


@routes.delete("/{name}/draft", summary="Throw a draft away")
async def discard_draft(work: Asked, name: str) -> Done:
    """The version in force is not touched."""
    await versions.discard_draft(work.conn, name, By(work.who, work.now))
    return Done(done=[name])


@routes.post("/{name}/publish", summary="Publish a mapping")
async def publish_mapping(work: Asked, name: str, wanted: Publishing) -> Published:
    """The draft, or the text given, becomes the next version; with problems nothing is written. What is known is read
    again by it, as runs."""
    found = await checker(work.conn, work.services.settings)
    by = By(work.who, work.now, wanted.note)
    return _rendered(await versions.publish(work.conn, found, name, by, wanted.text))


@routes.post("/{name}/rollback", summary="Roll a mapping back")
async def roll_back_mapping(work: Asked, name: str, wanted: RollingBack) -> Published:
    """An older version comes into force again, under its number; what is known is read again by it."""
    found = await checker(work.conn, work.services.settings)
    by = By(work.who, work.now, wanted.note)
    return _rendered(await versions.rollback(work.conn, found, name, wanted.version, by))


def _rendered(made: versions.Published) -> Published:
    return Published(
        versions=dict(made.versions),
        runs=list(made.runs),
        behind=list(made.behind),
        problems=[ConfigProblem.model_validate(each) for each in made.problems],
    )
