"""What a comparison of two systems comes to for one record."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hub.sdk import jsontext

What = Literal["missing_here", "missing_there", "different"]
MISSING_HERE: Final = "missing_here"
MISSING_THERE: Final = "missing_there"
DIFFERENT: Final = "different"


@dataclass(frozen=True, slots=True)
class Differing:
    """One field on which the sides differ. `direction`: in: that system's value comes here; out: ours goes there."""

    field: str
    here: Any
    there: Any
    owner: str
    direction: Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One record on which the sides differ."""

    key: str
    what: What
    entity_id: int | None
    fields: Sequence[Differing] = ()

    def told(self) -> list[dict[str, Any]]:
        names = Differing.__slots__
        return [{name: _shown(getattr(each, name)) for name in names} for each in self.fields]

    @property
    def digest(self) -> str:
        """The same for the same difference."""
        return hashlib.sha256(jsontext.canonical([self.what, self.told()])).hexdigest()

    @property
    def comes_here(self) -> bool:
        return self.what == MISSING_HERE or any(each.direction == "in" for each in self.fields)


def _shown(value: Any) -> Any:
    """As it is kept and shown; a parent that is not known here is named as the record names it."""
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items() if name not in ("_id", "_key")}
    if isinstance(value, list):
        return [_shown(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
