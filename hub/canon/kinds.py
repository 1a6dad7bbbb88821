"""The one registry of kinds: ours (typed tables) and those a customer declares (one table with JSON fields)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hub.db.kinds import OURS
from hub.mapping.shape import Shape


@dataclass(frozen=True, slots=True)
class Kinds:
    """All kinds of this installation. `own`: the customer's, by name."""

    own: Mapping[str, Shape] = field(default_factory=dict)

    def get(self, kind: str) -> Shape | None:
        return OURS.get(kind) or self.own.get(kind)

    def shape(self, kind: str) -> Shape:
        """The shape of a kind that exists; KeyError names one that does not."""
        found = self.get(kind)
        if found is None:
            raise KeyError(kind)
        return found

    def typed(self, kind: str) -> bool:
        """True when the kind has a table of its own."""
        return kind in OURS

    def __iter__(self) -> Iterator[str]:
        yield from OURS
        yield from (kind for kind in self.own if kind not in OURS)
