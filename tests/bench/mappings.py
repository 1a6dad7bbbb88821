"""What mappings cost: expressions beside jmespath.py, whole orders beside a function written by hand, and compiling.

Processor time of the thread, so that other work on the machine counts less; the two sides of a ratio take turns."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import jmespath

from hub.canon.kinds import Kinds
from hub.mapping import CompiledMapping, compile_expression, compile_mapping, run_tests
from hub.sdk import jsontext
from tests.bench import by_hand, by_hand_out, material
from tests.bench.figure import Figure

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "mappings"
ORDERS = 200
ROUNDS = 12  # of which the fastest counts
CALLS = 2000  # of an expression in one round

ITEMS = [
    {"sku": f"S{n}", "qty": n, "open": n % 2 == 0, "price": {"amount": Decimal(10 + n), "currency": "CNY"}}
    for n in range(3)
]
DATA = {"a": {"b": {"c": {"d": {"e": 5}}}}, "b": {"c": "x"}, "c": {"d": 2}, "items": ITEMS}
EXPRESSIONS = (
    "a.b.c",
    "a.b.c.d.e",
    "a.x.y",
    "items[0].price.amount",
    "items[-1].sku",
    "items[*].sku",
    "items[*].price.amount",
    "items[].price.currency",
    "a.x || b.c",
    "a.b.c && b.c",
    "[a.b.c, b.c]",
    "{x: a.b, y: c.d}",
    "items[?qty > `1`].sku",
    "items[?sku == 'S1'] | [0].price.amount",
)
"""What mappings are full of: paths, and a little around them."""

Work = Callable[[], object]


def measure(runs: int) -> list[Figure]:
    return [*_expressions(runs), *_orders(runs), _compiling(runs)]


def cpu(work: Sequence[Work]) -> list[float]:
    """Seconds of each, taking turns; the fastest of the rounds."""
    best = [math.inf] * len(work)
    for _ in range(ROUNDS):
        for index, one in enumerate(work):
            started = time.thread_time()
            one()
            best[index] = min(best[index], time.thread_time() - started)
    return best


def _often(function: Callable[[Any], Any]) -> Work:
    def work() -> None:
        for _ in range(CALLS):
            function(DATA)

    return work


def _expressions(runs: int) -> list[Figure]:
    figures = []
    for text in EXPRESSIONS:
        ours, theirs = compile_expression(text), jmespath.compile(text).search
        if ours(DATA) != theirs(DATA):
            raise RuntimeError(f"{text}: {ours(DATA)}, by jmespath.py {theirs(DATA)}")
        pairs = [cpu((_often(ours), _often(theirs))) for _ in range(runs)]
        ratios = [other / own for own, other in pairs]
        each = {name: round(statistics.median(column) / CALLS * 1e9) for name, column in _columns(pairs).items()}
        figures.append(Figure(text, "times", ratios, detail=each))
    means = [statistics.geometric_mean(figure.runs[run] for figure in figures) for run in range(runs)]
    return [*figures, Figure("expressions, geometric mean of jmespath.py / ours", "times", means, aim=8)]


def _columns(pairs: Sequence[Sequence[float]]) -> Mapping[str, Sequence[float]]:
    ours, theirs = zip(*pairs, strict=True)
    return {"ns": ours, "jmespath.py ns": theirs}


def _orders(runs: int) -> list[Figure]:
    mapping = compiled(HERE / "order.yaml")
    records = [jsontext.loads(jsontext.dumps(material.order(n))) for n in range(ORDERS)]
    entities = [mapping.read(record).entity for record in records]
    if entities != [by_hand.read(record).entity for record in records]:
        raise RuntimeError("what is read by hand differs")
    written = [mapping.write(entity, creating=True) for entity in entities]
    if written != [by_hand_out.write(entity, creating=True) for entity in entities]:
        raise RuntimeError("what is written by hand differs")
    reading = _beside(
        "an order of 20 fields + 3 lines read",
        runs,
        lambda: [mapping.read(record) for record in records],
        lambda: [by_hand.read(record) for record in records],
        lambda: [by_hand_out.read_unchecked(record) for record in records],
    )
    writing = _beside(
        "the same written",
        runs,
        lambda: [mapping.write(entity, creating=True) for entity in entities],
        lambda: [by_hand_out.write(entity, creating=True) for entity in entities],
        lambda: [by_hand_out.write_unchecked(entity) for entity in entities],
    )
    return [*reading, *writing, *_others(mapping, written, records, runs)]


def _beside(name: str, runs: int, *work: Work) -> list[Figure]:
    """Ours, by hand with the same checks, by hand without any."""
    took = [[seconds / ORDERS * 1e6 for seconds in cpu(work)] for _ in range(runs)]
    ours, hand, bare = ([run[index] for run in took] for index in range(3))
    return [
        Figure(name, "µs", ours),
        Figure("   by hand with the same checks", "µs", hand),
        Figure("   by hand without checks", "µs", bare),
        Figure("   ratio to the same checks by hand, at most", "times", [run[0] / run[1] for run in took], aim=1.5),
    ]


def _others(
    mapping: CompiledMapping, written: list[dict[str, Any]], records: list[dict[str, Any]], runs: int
) -> list[Figure]:
    pairs = list(zip(written, records, strict=True))
    work: Mapping[str, Work] = {
        "what differs from the record it was read from": lambda: [mapping.differences(*pair) for pair in pairs],
        "the part a mapping looks at": lambda: [mapping.project(record) for record in records],
        "its hash": lambda: [mapping.digest_of(record) for record in records],
    }
    took = [[seconds / ORDERS * 1e6 for seconds in cpu(tuple(work.values()))] for _ in range(runs)]
    return [Figure(name, "µs", [run[index] for run in took]) for index, name in enumerate(work)]


def compiled(file: Path) -> CompiledMapping:
    return compile_mapping(file.read_text("utf-8"), kinds=Kinds().get, file=file.name, table=_table)


def _table(name: str) -> str:
    return (SHIPPED / "tables" / f"{name}.yaml").read_text("utf-8")


def _compiling(runs: int) -> Figure:
    """From its text to having read, written and compared; functions are made when they are first called."""
    files = [file for file in SHIPPED.glob("*/*.yaml") if file.parent.name not in ("tables", "templates")]
    largest = max(files, key=lambda file: file.stat().st_size)
    took = [cpu((lambda: run_tests(compiled(largest)),))[0] * 1e3 for _ in range(runs)]
    name = f"compiling {largest.relative_to(SHIPPED).with_suffix('')} and running its tests, at most"
    return Figure(name, "ms", took, aim=15)
