"""`hub statement check`: one line a file, whatever the file is."""

from pathlib import Path

from click.testing import CliRunner

from hub.cli.statements import statement
from hub.sdk import jsontext

NAMES = {"file", "format", "status", "statements", "lines", "opening", "closing", "reason"}


def check(*files: Path | str) -> tuple[int, list[dict[str, object]]]:
    done = CliRunner().invoke(statement, ["check", *map(str, files), "--json"], catch_exceptions=False)
    return done.exit_code, [jsontext.loads(line) for line in done.output.splitlines()]


def test_files_that_are_none_of_ours_are_refused_with_a_reason(tmp_path: Path) -> None:
    junk = tmp_path / "a.xml"
    junk.write_bytes(b"\xff\x00 not a statement")
    code, rows = check(junk, tmp_path / "absent.xml", tmp_path)
    assert code == 1
    assert [row["status"] for row in rows] == ["refused"] * 3
    assert all(set(row) >= NAMES and row["reason"] for row in rows)


def test_a_good_statement_is_ok(samples: Path) -> None:
    code, rows = check(samples / "bank" / "ing__camt.053.001.02.xml")
    assert (code, len(rows)) == (0, 1)
    assert (rows[0]["status"], rows[0]["lines"], rows[0]["opening"], rows[0]["closing"]) == (
        "ok",
        9,
        "1000.00",
        "1605.00",
    )


def test_half_a_statement_is_refused(samples: Path, tmp_path: Path) -> None:
    whole = (samples / "bank" / "ing__camt.053.001.02.xml").read_bytes()
    half = tmp_path / "half.xml"
    half.write_bytes(whole[: len(whole) // 2])
    code, rows = check(half)
    assert (code, rows[0]["status"]) == (1, "refused")
