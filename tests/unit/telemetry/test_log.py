"""One JSON object a line, with correlation ids and without secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from hub.telemetry.log import configure, correlated


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    yield io.StringIO()
    root.handlers, root.level = before
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_our_lines_and_the_libraries_share_one_form(out: io.StringIO) -> None:
    configure("info", "json", stream=out)
    with correlated(delivery="17"):
        structlog.get_logger("hub.sync").info("delivered", target="kingdee")
        logging.getLogger("some.library").warning("slow %s", "answer", extra={"seconds": 3})
    structlog.get_logger("hub.sync").info("idle")
    ours, theirs, later = lines(out)
    assert (ours["event"], ours["delivery"], ours["target"], ours["level"]) == ("delivered", "17", "kingdee", "info")
    assert (theirs["event"], theirs["delivery"], theirs["seconds"]) == ("slow answer", "17", 3)
    assert str(ours["timestamp"]).endswith("Z")
    assert "delivery" not in later


def test_no_secret_is_written(out: io.StringIO) -> None:
    configure("info", "json", secrets={"geheim-wert"}, stream=out)
    log = structlog.get_logger("x")
    log.info("asked https://a.cn/?access_token=abc", headers={"Authorization": "Bearer x"}, text="with geheim-wert")
    try:
        raise ValueError("refused geheim-wert")
    except ValueError:
        log.exception("failed")
    written = out.getvalue()
    assert "refused ***" in written
    for secret in ("geheim-wert", "abc", "Bearer x"):
        assert secret not in written


def test_lower_levels_are_left_out(out: io.StringIO) -> None:
    configure("warning", "json", stream=out)
    structlog.get_logger("x").info("quiet")
    assert out.getvalue() == ""


def test_a_person_gets_text(out: io.StringIO) -> None:
    configure("info", "console", stream=out)
    structlog.get_logger("x").info("started", port=8080)
    assert "started" in out.getvalue()
    assert not out.getvalue().startswith("{")
