"""The totals at the end of a test run are true, whatever happened inside."""

from pathlib import Path

import pytest

from tests import run_parts

PASSES = "def test_a(): pass\n\ndef test_b(): pass\n"
FAILS = "def test_c(): assert False\n"
SKIPS = "import pytest\n\ndef test_d(): pytest.skip('absent')\n"
BREAKS = "import nothing_of_this_name\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_parts, "ROOT", tmp_path)
    monkeypatch.setattr(run_parts, "PARTS", {"unit": ("unit",), "engine": ("engine",), "demo": ("demo",)})
    monkeypatch.setattr(run_parts, "SIDE_BY_SIDE", ())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def written(root: Path, part: str, text: str) -> None:
    (root / part).mkdir()
    (root / part / f"test_{part}.py").write_text(text)


@pytest.mark.parametrize(
    ("unit", "engine", "totals", "code"),
    [
        (PASSES, PASSES, "4 passed, 0 failed, 0 skipped", 0),
        (PASSES, SKIPS, "2 passed, 0 failed, 1 skipped", 0),
        (PASSES + FAILS, SKIPS, "2 passed, 1 failed, 1 skipped", 1),
        (PASSES, BREAKS, "2 passed, 1 failed, 0 skipped", 1),
        (PASSES, "", "2 passed, 0 failed, 0 skipped", 0),
        ("", "", "0 passed, 0 failed, 0 skipped", 1),
    ],
)
def test_totals(root: Path, capfd: pytest.CaptureFixture[str], unit: str, engine: str, totals: str, code: int) -> None:
    written(root, "unit", unit)
    written(root, "engine", engine)
    assert run_parts.main([]) == code
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == totals
    assert [line.split()[0] for line in lines[-3:-1]] == ["unit", "engine"]


def test_a_run_that_breaks_without_a_report_is_a_failure(root: Path) -> None:
    written(root, "unit", PASSES)
    assert run_parts.main(["--no-such-option"]) == 1
