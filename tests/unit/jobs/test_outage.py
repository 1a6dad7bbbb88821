"""An outage is told once, and leases that ran out in it say nothing."""

import pytest
from structlog.testing import capture_logs

from hub.jobs import outage
from hub.jobs.outage import GRACE_SECONDS, Outage


class Watch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(outage, "time", made)
    return made


def test_many_loops_meet_it_and_it_is_said_once_each_way(watch: Watch) -> None:
    known = Outage()
    with capture_logs() as lines:
        known.over()
        for loop in ("inner", "deliver", "sweep", "inner", "deliver"):
            known.met(loop, ConnectionRefusedError())
            watch.seconds += 4
        known.over()
        known.over()
    assert [line["event"] for line in lines] == [
        "the database is away; everything waits for it",
        "the database is back",
    ]
    assert (lines[0]["met_by"], lines[0]["error"]) == ("inner", "ConnectionRefusedError")
    assert lines[1]["seconds"] == 20


def test_leases_count_again_a_little_after_it(watch: Watch) -> None:
    known = Outage()
    assert known.leases_count()
    known.met("sweep", ConnectionRefusedError())
    watch.seconds += 20
    known.over()
    assert not known.leases_count()
    watch.seconds += GRACE_SECONDS
    assert known.leases_count()
    known.over()
    assert known.leases_count()
