"""Records per second from the inbox into the canon, and what a long run does to memory."""

from tests.bench import material
from tests.bench.child import answer_of
from tests.bench.figure import Figure, costs
from tests.bench.ground import FILLED, SEEDED, Ground, derive_template, environment, fill_orders, prepare
from tests.support.database import command


def measure(ground: Ground, count: int) -> list[Figure]:
    url = derive_template(ground, FILLED, SEEDED)
    prepare(ground, FILLED, fill_orders(url, count))
    answers = []
    for _ in range(ground.runs):
        with ground.copy(FILLED) as copy:
            answer = answer_of(ground, "tests.bench.applying", copy, env=environment())
            command(copy, _demand(count))
        answers.append(answer)
    rates = [answer["records"] / answer["seconds"] for answer in answers]
    detail = {**costs(answers, "records"), "records": count}
    figures = [Figure(f"inbox to canon, 20 fields + {material.LINES} lines", "/s", rates, 3000, detail)]
    if all(answer["warm_mb"] is not None for answer in answers):
        growth = [answer["end_mb"] - answer["warm_mb"] for answer in answers]
        end = max(round(answer["end_mb"]) for answer in answers)
        figures.append(Figure(f"memory grown over {count:,} records", "MB", growth, detail={"to MB": end}))
    return figures


def _demand(count: int) -> str:
    """Fails unless every record became an order with all its lines."""
    return (
        f"DO $$ BEGIN ASSERT (SELECT count(*) FROM k_order) = {count}"
        f" AND (SELECT count(*) FROM k_order_lines) = {count * material.LINES}, 'records are missing'; END $$"
    )
