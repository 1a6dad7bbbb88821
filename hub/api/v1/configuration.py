"""Configuration as code over HTTP: plan and apply a directory given as its files."""

from hub.api.asked import Files
from hub.api.models import ConfigProblem, Plan, PlanLine
from hub.api.problems import ApiError
from hub.api.v1.router import router
from hub.api.work import Asked
from hub.config.directory import Directory
from hub.sync import configuring

routes = router("config")


@routes.post("/plan", summary="What applying would change")
async def plan_configuration(work: Asked, files: Files) -> Plan:
    """Checks everything and shows the difference; writes nothing."""
    return _rendered(await configuring.plan_directory(work.conn, work.services.settings, _directory(files)), False)


@routes.post("/apply", summary="Apply a configuration")
async def apply_configuration(work: Asked, files: Files) -> Plan:
    """All of it or, while there are problems, nothing."""
    outcome = await configuring.apply_directory(
        work.conn, work.services.settings, _directory(files), work.who, work.now
    )
    return _rendered(outcome, not outcome.problems)


def _directory(files: Files) -> Directory:
    try:
        return configuring.directory_of(files.files)
    except configuring.NoSuchPlace as error:
        raise ApiError(422, error.sentence, error.zh) from error


def _rendered(outcome: configuring.Outcome, applied: bool) -> Plan:
    return Plan(
        lines=[
            PlanLine(what=line.what, kind=line.kind, name=line.name, details=list(line.details))
            for line in outcome.lines
        ],
        problems=[ConfigProblem.model_validate(problem) for problem in outcome.problems],
        applied=applied,
    )
