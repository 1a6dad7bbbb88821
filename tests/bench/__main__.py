"""`make bench`: the figures of the hot paths, with all they depend on beside them."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.bench import accepts, mappings, pushes, records, surroundings
from tests.bench.figure import Figure
from tests.bench.ground import RESULTS, SEEDED, Ground, derive_template, seed
from tests.support.database import TEMPLATE, data_folder, make_template, running_server

Measure = Callable[[Ground, argparse.Namespace], list[Figure]]

MEASURES: Mapping[str, Measure] = {
    "accepts": lambda ground, given: accepts.measure(ground, given.seconds),
    "records": lambda ground, given: records.measure(ground, given.records),
    "pushes": lambda ground, given: pushes.measure(ground, given.pushes),
    "mappings": lambda ground, given: mappings.measure(ground.runs),
}


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"any of {', '.join(MEASURES)}; default: all")
    parser.add_argument("--runs", type=int, default=3, help="medians are taken of so many (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=3, help="of load in each run of accepts (default: %(default)s)"
    )
    parser.add_argument("--records", type=int, default=20_000, help="in the inbox (default: %(default)s)")
    parser.add_argument("--pushes", type=int, default=1_000, help="owed (default: %(default)s)")
    parser.add_argument("--long", action="store_true", help="the long form: 100,000 records, 10,000 pushes, 15 s")
    parser.add_argument("--profile", action="store_true", help=f"cProfile of our processes into {RESULTS}; slower")
    parser.add_argument("--json", action="store_true", help=f"write {RESULTS / 'bench.json'} too")
    given = parser.parse_args(arguments)
    unknown = set(given.only) - set(MEASURES)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(MEASURES)}")
    if given.long:
        given.seconds, given.records, given.pushes = 15, 100_000, 10_000
    return given


def main(arguments: Sequence[str]) -> int:
    given = options(arguments)
    started = time.monotonic()
    with data_folder() as folder, running_server(folder, durable=True) as url:
        make_template(url)
        ground = Ground(url, folder, given.runs, given.profile)
        asyncio.run(seed(derive_template(ground, SEEDED, TEMPLATE)))
        facts = {**surroundings.machine(folder), **asyncio.run(surroundings.database(url))}
        print("\n".join(f"{name}: {value}" for name, value in facts.items()))
        print(f"\nmedians of {given.runs} (all runs in brackets); server, load, target and database share the machine")
        figures: list[Figure] = []
        for name in given.only or MEASURES:
            for figure in MEASURES[name](ground, given):
                print(figure.line(), flush=True)
                figures.append(figure)
    print(f"{time.monotonic() - started:.0f} s")
    if given.json:
        RESULTS.mkdir(parents=True, exist_ok=True)
        content = {**facts, "figures": [figure.as_json() for figure in figures]}
        (RESULTS / "bench.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
