"""Order numbers in what a payer wrote: found whole, whatever the width, the case and the blanks a bank put in."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SHORTEST = 5
"""Shorter numbers never count: too many texts contain them by chance."""
LONGEST = 60
_MOST_ATOMS = 24
# A run of letters and digits, a run of blanks, or one other character. An ideograph stands alone: Chinese
# writes without blanks, so 货款SO-2026-0001 names SO-2026-0001.
_ATOM = re.compile(r"[^\W_\u2e80-\u9fff\uf900-\ufaff]+|\s+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mention:
    """A piece of text that may be a number: `text` folded, `spellings` as it may be stored; where, in atoms."""

    text: str
    spellings: frozenset[str]
    start: int
    end: int
    blanks: int


def folded(text: str) -> str:
    """NFKC, upper case, no blanks: how numbers are compared."""
    return "".join(unicodedata.normalize("NFKC", text).upper().split())


def countable(number: str | None) -> bool:
    """May this number be looked for at all?"""
    return number is not None and SHORTEST <= len(folded(number)) <= LONGEST


def mentions(text: str) -> list[Mention]:
    """Every piece of the text that begins and ends with the text's own runs of letters and digits."""
    atoms = _ATOM.findall(unicodedata.normalize("NFKC", text))
    found: list[Mention] = []
    for start, first in enumerate(atoms):
        if not first[0].isalnum():
            continue
        length = blanks = 0
        for end in range(start, min(start + _MOST_ATOMS, len(atoms))):
            atom = atoms[end]
            if atom.isspace():
                blanks += 1
                continue
            length += len(atom)
            if length > LONGEST:
                break
            if length >= SHORTEST and atom[-1].isalnum():
                found.append(_mention(atoms[start : end + 1], start, end, blanks))
    return found


def _mention(atoms: list[str], start: int, end: int, blanks: int) -> Mention:
    joined = "".join(atom for atom in atoms if not atom.isspace())
    spellings = {joined, joined.upper(), joined.lower(), "".join(atoms)}
    return Mention(joined.upper(), frozenset(spellings), start, end, blanks)


def named(found: Iterable[Mention], numbers: Mapping[str, frozenset[int]]) -> frozenset[int]:
    """The ids whose folded number the text names. Of 2026-0001 inside SO-2026-0001 only the longer counts."""
    hits = [mention for mention in found if mention.text in numbers]
    whole = [hit for hit in hits if not any(_covers(other, hit) for other in hits)]
    return frozenset(key for hit in whole for key in numbers[hit.text])


def _covers(longer: Mention, shorter: Mention) -> bool:
    """A longer hit that needs a blank removed proves nothing against a shorter one that does not."""
    inside = longer.start <= shorter.start and shorter.end <= longer.end
    return inside and longer.text != shorter.text and longer.blanks <= shorter.blanks
