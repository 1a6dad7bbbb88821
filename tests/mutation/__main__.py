"""The mutation test: are small mistakes in the engine and in the merge noticed by the tests that reach them?

`--record` runs the tests once and writes down which of them reach which line. Each mutant is then tried on the tests
that reach it. Without PATH: the row C9, whole files of `hub/canon` and a sample of `hub/sync`."""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.reaching import FOLDER, Reach, Uses, read
from tests.support.database import data_folder, make_template, running_server
from tests.support.results import write_result

ROW = "C9"
WHOLE = ("hub/canon/merge.py", "hub/canon/ownership.py", "hub/canon/identity.py")
SAMPLED = ("hub/sync",)
TESTS = (
    "tests/unit/canon",
    "tests/unit/sync",
    "tests/unit/receivables",
    "tests/engine",
    "tests/simulation",
    "tests/integration",
)
LEFT_OUT = (
    "tests/simulation/test_crash_points.py",
    "tests/simulation/test_kills.py",
    "tests/simulation/test_clock_jumps.py",
    "tests/simulation/test_poison.py",
    "tests/simulation/test_outages.py",
    "tests/simulation/test_first_day.py",
    "tests/integration/test_backup.py",
    "tests/integration/test_embedded.py",
    "tests/integration/test_serve.py",
    "tests/integration/test_tutorial.py",
)
"""They start processes of their own, or take minutes."""
SURVIVORS = Path("build/results/c9-survivors.txt")
KEPT = FOLDER / "kept.jsonl"
NOTICED = ("killed", "late")
VERDICTS = (*NOTICED, "survived", "untested")
Key = tuple[str, int]


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or folders of hub to take the sample from")
    parser.add_argument("--sample", type=int, default=300, help="mutants; 0 for all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: %(default)s)")
    parser.add_argument("--tests", type=int, default=30, help="at most so many for a mutant (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="at most so much of tests (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument(
        "--record", nargs="*", metavar="TEST", help="draw the map first; of these tests: add them to it"
    )
    parser.add_argument("--again", action="store_true", help="go on: only what survived, with other tests")
    return parser.parse_args(arguments)


def record(tests: Sequence[str], processes: int) -> None:
    """Draw the map, or redraw a part of it."""
    if not tests:
        for part in FOLDER.glob("map-*.json"):
            part.unlink()
    ignored = [f"--ignore={path}" for path in LEFT_OUT]
    plugin = ("-p", "tests.mutation.recording", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(processes), "--dist", "loadfile", *plugin]
    subprocess.run([*command, *ignored, *(tests or TESTS)], check=False)


def of_paths(paths: Sequence[str]) -> list[Mutant]:
    files = [file for path in map(Path, paths) for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    return [mutant for file in files for mutant in mutants(str(file), file.read_text(encoding="utf-8"))]


def chosen(given: argparse.Namespace) -> list[Mutant]:
    """By its seed: the same files and seed give the same mutants."""
    pool = of_paths(given.paths or SAMPLED)
    sample = random.Random(given.seed).sample(pool, min(given.sample or len(pool), len(pool)))
    return [*([] if given.paths else of_paths(WHOLE)), *sample]


def answers() -> dict[Key, dict[str, Any]]:
    """What is known of each mutant; a later answer stands for an earlier one."""
    files = [KEPT, *sorted(FOLDER.glob("answers-*.jsonl"))]
    lines = [line for path in files if path.exists() for line in path.read_text(encoding="utf-8").splitlines()]
    return {(told["file"], told["number"]): told for told in map(json.loads, lines)}


def put_together(*, keep: bool) -> dict[Key, dict[str, Any]]:
    """The answers of the last runs, in one file; or none of them."""
    known = answers() if keep else {}
    for path in FOLDER.glob("answers-*.jsonl"):
        path.unlink()
    KEPT.write_text("".join(f"{json.dumps(told, ensure_ascii=False)}\n" for told in known.values()), encoding="utf-8")
    return known


def jobs(
    found: Sequence[Mutant], known: Mapping[Key, dict[str, Any]], reach: Reach, given: argparse.Namespace
) -> list[dict[str, Any]]:
    """Each mutant that nothing noticed yet, with tests that were not tried on it yet."""
    uses = Uses()
    work = []
    for mutant in found:
        told = known.get((mutant.file, mutant.number), {})
        if told.get("verdict") in NOTICED:
            continue
        if mutant.inside and reach.only_at_import(mutant):
            mutant = replace(mutant, scope="")
        tried = [test for test in told.get("tried", ()) if reach.drawn.get(test, 0) <= told["at"]]
        left = [test for test in reach.tests_of(mutant, uses) if test not in tried]
        tests = reach.worth_trying(mutant, left, given.tests, given.seconds)
        if tests or not told:
            seconds = {test: reach.seconds[test] for test in tests}
            work.append({"mutant": asdict(mutant), "tests": tests, "seconds": seconds, "tried": tried})
    return work


def run(work: Sequence[dict[str, Any]], processes: int) -> None:
    """Each worker has its share; those of one file are spread over all."""
    with data_folder() as folder, running_server(folder) as url, TemporaryDirectory() as place:
        make_template(url)
        workers = []
        for number in range(processes):
            share = Path(place) / f"{number}.json"
            share.write_text(json.dumps(work[number::processes]), encoding="utf-8")
            command = [sys.executable, "-m", "tests.mutation.trying", url, str(share)]
            with (FOLDER / f"worker-{number}.log").open("w") as log:
                answers_path = str(FOLDER / f"answers-{number}.jsonl")
                workers.append(subprocess.Popen([*command, answers_path], stdout=log, stderr=log))
        try:
            for worker in workers:
                worker.wait()
        finally:
            for worker in workers:
                worker.kill()


def report(given: argparse.Namespace, found: Sequence[Mutant], seconds: float) -> int:
    known = answers()
    told = [known[mutant.file, mutant.number] for mutant in found if (mutant.file, mutant.number) in known]
    by_file: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for answer in told:
        by_file[answer["file"]][answer["verdict"]] += 1
    for file, counts in sorted(by_file.items()):
        print(f"{file:30}", *(f"{verdict} {counts[verdict]:4} " for verdict in VERDICTS))
    _write_survivors([answer for answer in told if answer["verdict"] not in NOTICED])
    total = sum(by_file.values(), Counter[str]())
    noticed = sum(total[verdict] for verdict in NOTICED)
    figures = {
        "seed": given.seed,
        "mutants": len(told),
        "noticed": noticed,
        "share": f"{100 * noticed / max(1, len(told)):.1f} %",
        **{verdict: total[verdict] for verdict in VERDICTS},
    }
    if given.paths:
        print(figures)
    else:
        files = {file: f"{sum(n[v] for v in NOTICED)}/{n.total()}" for file, n in sorted(by_file.items())}
        write_result(ROW, {**figures, "seconds": round(seconds), "files": files})
    return 0 if len(told) == len(found) else 1


def _write_survivors(told: Sequence[dict[str, Any]]) -> None:
    lines = [
        f"{a['file']}:{a['line']} {a['scope'] or ', '.join(a['names'])} [{len(a['tried'])} tests] {a['what']}\n"
        for a in sorted(told, key=lambda a: (a["file"], a["line"]))
    ]
    SURVIVORS.parent.mkdir(parents=True, exist_ok=True)
    SURVIVORS.write_text("".join(lines), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    given = options(arguments)
    started = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if given.record is not None:
        record(given.record, given.processes)
    reach, found = read(), chosen(given)
    stale = sorted({mutant.file for mutant in found if reach.stale(mutant.file)})
    if stale:
        print(f"no map of {', '.join(stale)} as they are now: run with --record")
        return 1
    known = put_together(keep=given.again)
    run(jobs(found, known, reach, given), given.processes)
    return report(given, found, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
