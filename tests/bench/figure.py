"""One figure as it is printed and kept."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of `runs`; `aim` is what it should reach, `detail` what stands beside it."""

    name: str
    unit: str
    runs: Sequence[float]
    aim: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def line(self) -> str:
        runs = ", ".join(map(_short, self.runs))
        aim = "" if self.aim is None else f"   aim {_short(self.aim)}"
        detail = "".join(f"   {name} {value}" for name, value in self.detail.items())
        return f"  {self.name:<46} {_short(self.median):>9} {self.unit:<5} ({runs}){aim}{detail}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "median": self.median}


def costs(runs: Sequence[Mapping[str, Any]], count: str) -> dict[str, int]:
    """Processor time of one piece of work in our process and in PostgreSQL, in microseconds; median of the runs."""
    names = {"cpu": "own CPU µs", "database_cpu": "PostgreSQL CPU µs"}
    medians = {name: statistics.median(run[key] / run[count] for run in runs) for key, name in names.items()}
    return {name: round(value * 1e6) for name, value in medians.items() if value}


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
