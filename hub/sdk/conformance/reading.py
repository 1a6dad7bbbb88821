"""Reading: ids, shapes, cursors, an interrupted pull, single records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

from hub.sdk.conformance.kit import Reads, Subject
from hub.sdk.conformance.trial import Onward, Trial
from hub.sdk.connector import Fetches, Finds, Lists, Pulls
from hub.sdk.errors import ConnectorError, Unavailable
from hub.sdk.jsontext import canonical
from hub.sdk.records import Page, Record

ABSENT = "999999999"  # an id nobody has


async def records(subject: Subject) -> list[str]:
    """Every record has its id, no id comes twice in one pull, values have the declared types, none is a float."""
    found: list[str] = []
    for reads in _pulled(subject):
        trial = seeded(subject, reads, pages=2)
        pages = await pull(trial, reads.stream)
        whole = [record for page in pages for record in page.records]
        found += _ids(reads.stream, reads.key, whole)
        found += [f"{reads.stream}: {said}" for said in misfits(whole, trial.stream(reads.stream).schema)]
        if len(pages) < 2:
            found.append(f"{reads.stream}: {reads.page} to a page, {len(whole)} records came on {len(pages)} page(s)")
    return found


async def cursor(subject: Subject) -> list[str]:
    """A pull from the last cursor brings nothing unseen, then just what changed; an interrupted one loses nothing."""
    found: list[str] = []
    for reads in _pulled(subject):
        found += [f"{reads.stream}: {said}" for said in await _second_pull(subject, reads)]
        found += [f"{reads.stream}: {said}" for said in await _interrupted(subject, reads)]
    return found


async def lookups(subject: Subject) -> list[str]:
    """fetch brings what is there and leaves out what is not; find finds it by its value; keys lists every id once."""
    found: list[str] = []
    for reads in subject.kit.reads:
        trial = seeded(subject, reads, pages=1)
        made = [key for key, _ in trial.made]
        found += [f"{reads.stream}: {said}" for said in await _lookups(trial, reads, made)]
    return found


class Seeded(Trial):
    """A trial with records the vendor's user made: (id, number) each."""

    made: list[tuple[str, int]]

    def make(self, reads: Reads, count: int) -> None:
        for _ in range(count):
            self.clock.advance(1)
            number = len(self.made) + 1
            self.made.append((reads.make(self.sandbox, number), number))


def seeded(subject: Subject, reads: Reads, *, pages: int) -> Seeded:
    """Enough records to fill that many pages and begin one more."""
    trial = Seeded(subject)
    trial.made = []
    trial.make(reads, pages * reads.page + 1)
    return trial


async def pull(trial: Trial, name: str, since: str | None = None) -> list[Page]:
    return [page async for page in trial.stream(name).pull(trial.context, since)]


def _pulled(subject: Subject) -> list[Reads]:
    return [reads for reads in subject.kit.reads if reads.page]


def _ids(stream: str, key: str, whole: Sequence[Record]) -> Iterator[str]:
    keys = [_at(record, key) for record in whole]
    if not all(keys):
        yield f"{stream}: {sum(not one for one in keys)} records have no id at {key}"
    twice = {str(one) for one in keys if keys.count(one) > 1}
    if twice:
        yield f"{stream}: ids that come twice in one pull: {', '.join(sorted(twice)[:5])}"


def _at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


async def _second_pull(subject: Subject, reads: Reads) -> list[str]:
    trial = seeded(subject, reads, pages=2)
    first = await pull(trial, reads.stream)
    seen = _contents(first)
    again = await pull(trial, reads.stream, first[-1].cursor)
    found = []
    if not _contents(again) <= seen:
        found.append("a second pull from the cursor brings records that the first did not")
    if trial.made[-1][0] not in {str(_at(record, reads.key)) for page in again for record in page.records}:
        found.append(
            "a second pull does not read the youngest record again: one that comes late with its stamp is lost"
        )
    trial.clock.advance(3600)
    trial.make(reads, 1)
    later = await pull(trial, reads.stream, again[-1].cursor if again else first[-1].cursor)
    keys = {str(_at(record, reads.key)) for page in later for record in page.records}
    if trial.made[-1][0] not in keys:
        found.append("a record made after the last pull is missing in the next")
    return found


async def _interrupted(subject: Subject, reads: Reads) -> list[str]:
    """The wire breaks before the second page; what was yielded counts, and the rest comes from its cursor."""
    trial = seeded(subject, reads, pages=2)
    got: list[Page] = []
    try:
        async for page in trial.stream(reads.stream).pull(trial.context, None):
            got.append(page)
            trial.wire.plan(_broken, 1, lasting=True)
        return ["a pull that was cut off after its first page ended as if it were whole"]
    except Unavailable:
        trial.wire.mend()
    except ConnectorError as error:
        return [f"a pull whose connection broke ended in {type(error).__name__} instead of Unavailable"]
    got += await pull(trial, reads.stream, got[-1].cursor)
    keys = {str(_at(record, reads.key)) for page in got for record in page.records}
    lost = [key for key, _ in trial.made if key not in keys]
    return [f"an interrupted pull loses {len(lost)} of {len(trial.made)} records"] if lost else []


async def _broken(request: httpx.Request, onward: Onward) -> httpx.Response:
    raise httpx.ReadError("the line is dead", request=request)


def _contents(pages: Sequence[Page]) -> set[bytes]:
    return {canonical(record) for page in pages for record in page.records}


async def _lookups(trial: Seeded, reads: Reads, made: list[str]) -> list[str]:
    stream: Any = trial.stream(reads.stream)
    found: list[str] = []
    if isinstance(stream, Fetches):
        schema = trial.streams[reads.stream].schema
        got = await stream.fetch(trial.context, [*made, ABSENT])
        keys = sorted(str(_at(record, reads.key)) for record in got)
        if keys != sorted(made):
            found.append(f"fetch of {len(made)} ids that are there and one that is not brings {len(keys)} records")
        found += misfits(got, schema)
    if isinstance(stream, Finds) and reads.find:
        hits = [str(_at(record, reads.key)) for record in await stream.find(trial.context, *reads.find)]
        if hits != made[:1]:
            found.append(f"find by {' = '.join(reads.find)} brings {hits} instead of {made[:1]}")
    if isinstance(stream, Pulls) and isinstance(stream, Lists):
        listed = [key async for keys in stream.keys(trial.context) for key in keys]
        if len(listed) != len(set(listed)) or not set(made) <= set(listed):
            found.append(f"keys lists {len(listed)} ids, {len(set(listed))} different, for {len(made)} records")
    return found


def misfits(found: Sequence[Record], schema: Mapping[str, str]) -> list[str]:
    """Values that are not what the schema says, and floats wherever they are; each once."""
    said: dict[str, None] = {}
    for record in found:
        said |= dict.fromkeys(f"{path} is a float" for path in _floats(record, ""))
        for path, word in schema.items():
            for value in _values(record, path.split(".")):
                if value is not None and not FITS[word](value):
                    said[f"{path} is declared {word} and is {type(value).__name__} {value!r:.60}"] = None
    return list(said)


def _floats(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, float):
        yield path
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _floats(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _floats(inner, f"{path}[]")


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield value
        return
    name, many = path[0].removesuffix("[]"), path[0].endswith("[]")
    inner = value.get(name) if isinstance(value, Mapping) else None
    for one in inner if many and isinstance(inner, list) else [inner]:
        yield from _values(one, path[1:])


def _number(value: Any) -> bool:
    try:
        return not isinstance(value, float | bool) and Decimal(value).is_finite()
    except (InvalidOperation, TypeError, ValueError):
        return False


def _word(value: Any) -> bool:
    return isinstance(value, str)


def _moment(value: Any) -> bool:
    """Text, or a number such as milliseconds."""
    return isinstance(value, str | int) and not isinstance(value, bool)


FITS: Mapping[str, Callable[[Any], bool]] = {
    "text": _word,
    "enum": _moment,
    "integer": lambda value: type(value) is int,
    "decimal": _number,
    "money": _number,
    "bool": lambda value: isinstance(value, bool),
    "date": _moment,
    "instant": _moment,
    "list": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}
