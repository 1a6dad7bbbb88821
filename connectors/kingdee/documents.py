"""Between the three shapes of one document: query rows, our nested record, the Model of Save."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from connectors.kingdee.forms import LINE_ID, Form, Lines
from hub.sdk import FieldError, Record, Rejected


@dataclass(frozen=True, slots=True)
class Column:
    """One cell of a query row: its name in FieldKeys, where it goes, how it is read."""

    name: str
    path: tuple[str, ...]
    word: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one query; the header's come first, key and stamp among them."""

    form: Form
    header: tuple[Column, ...]
    lines: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in (*self.header, *self.lines)]


def layout(form: Form, extra: Sequence[str], pushed: Record | None = None) -> Layout:
    """Everything a stream reads: its table, our reference field, the fields the connection adds; and what `pushed`
    would write, so that it can be compared."""
    pushed = pushed or {}
    entry = form.lines.key if form.lines is not None else ""
    header = _leaves({name: value for name, value in pushed.items() if name != entry})
    fields = {form.key: "id", **form.fields}
    fields |= {name: "text" for name in (*extra, *header) if name not in fields}
    return Layout(form, _columns(fields), _line_columns(form.lines, pushed.get(entry) or []))


def with_column(plan: Layout, path: str) -> Layout:
    """The same layout, reading one more header field."""
    if any(column.name == path for column in plan.header):
        return plan
    return replace(plan, header=(*plan.header, *_columns({path: "text"})))


def value_at(record: Record, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _leaves(record: Record, prefix: str = "") -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        elif not isinstance(value, dict | list):
            yield prefix + name


def _columns(fields: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, tuple(name.split(".")), word) for name, word in fields.items())


def _line_columns(lines: Lines | None, pushed: Sequence[Record]) -> tuple[Column, ...]:
    if lines is None:
        return ()
    more = {leaf: "text" for line in pushed for leaf in _leaves(line) if leaf != LINE_ID}
    return (Column(lines.id_column, (LINE_ID,), "id"), *_columns({**more, **lines.fields}))


def assemble(plan: Layout, rows: Sequence[Sequence[Any]]) -> list[Record]:
    """Rows to records; the rows of one document stand together because every query orders by its key."""
    return [_record(plan, group) for group in grouped(rows)]


def grouped(rows: Sequence[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """The rows of one document after another; the key is the first column of every layout."""
    for _, group in groupby(rows, key=lambda row: row[0]):
        yield list(group)


def _record(plan: Layout, rows: Sequence[Sequence[Any]]) -> Record:
    width = len(plan.header)
    record = _nested(plan.header, rows[0][:width])
    if plan.form.lines is not None:
        lines = [_nested(plan.lines, row[width:]) for row in rows]
        # A document without lines comes as one row with an empty row id.
        record[plan.form.lines.key] = [line for line in lines if line[LINE_ID]]
        _lift(plan.form, record, record[plan.form.lines.key])
    return record


def _lift(form: Form, record: Record, lines: Sequence[Record]) -> None:
    for path, how in form.lifted.items():
        values = [value_at(line, path) for line in lines]
        place(record, path.split("."), _LIFT[how](values))


def _total(values: Sequence[Any]) -> Decimal:
    return sum((value for value in values if value is not None), Decimal(0))


def _first(values: Sequence[Any]) -> Any:
    return next(iter(values), None)


_LIFT: Mapping[str, Callable[[Sequence[Any]], Any]] = {"sum": _total, "first": _first}


def lowered(form: Form, record: Record, standing: Record | None) -> Record:
    """A pushed record with its lifted fields put into the one line they belong to."""
    tops = {path.partition(".")[0] for path in form.lifted}
    line = {name: value for name, value in record.items() if name in tops}
    if form.lines is None or not line:
        return record
    lines = standing[form.lines.key] if standing is not None else []
    if len(lines) > 1:
        raise _many_lines(form, line, len(lines))
    if lines:
        line[LINE_ID] = lines[0][LINE_ID]
    return {name: value for name, value in record.items() if name not in tops} | {form.lines.key: [line]}


def _many_lines(form: Form, line: Record, count: int) -> Rejected:
    zh = f"该单据在金蝶中有 {count} 行明细，无法确定应修改哪一行，请在金蝶中修改"
    fields = [FieldError(f"{form.lines.key}[].{name}" if form.lines else name, zh) for name in line]
    return Rejected(
        f"the {form.form_id} has {count} lines in Kingdee; which one to change is not clear, change it there",
        fields=fields,
        zh=zh,
    )


def _nested(columns: Sequence[Column], cells: Sequence[Any]) -> Record:
    record: Record = {}
    for column, cell in zip(columns, cells, strict=True):
        place(record, column.path, _READ[column.word](cell))
    return record


def place(record: Record, path: Sequence[str], value: Any) -> None:
    """Set a value deep inside a record."""
    for part in path[:-1]:
        record = record.setdefault(part, {})
    record[path[-1]] = value


def _text(cell: Any) -> str | None:
    # An empty text column comes back as one blank.
    return None if cell is None else str(cell).strip()


def _id(cell: Any) -> str | None:
    return None if cell in (None, "", 0, "0", " ") else str(cell)


def _decimal(cell: Any) -> Decimal | None:
    """Kingdee pads with zeros (`12.5000000000`); equal numbers must be equal records."""
    if cell is None or cell == "":
        return None
    number = Decimal(str(cell))
    whole = number.to_integral_value()
    return whole.quantize(Decimal(1)) if number == whole else number.normalize()


def _date(cell: Any) -> str | None:
    return str(cell)[:10] if cell else None


_READ = {"text": _text, "id": _id, "decimal": _decimal, "date": _date, "stamp": _text}


def model(form: Form, record: Record, key: str | None) -> dict[str, Any]:
    """A record as the Model of Save: sub-heads filled, keys in the order the form wants them."""
    rank = {path.partition(".")[0]: place for place, path in enumerate(form.fields)}
    names = sorted((n for n in record if n != form.key), key=lambda n: rank.get(n, len(rank)))
    result: dict[str, Any] = {} if key is None else {form.key: int(key)}
    entries: dict[str, Any] = {}
    for name in names:
        if form.lines is not None and name == form.lines.key:
            entries[name] = [_line(line) for line in record[name] or ()]
        elif name in form.heads:
            entries.setdefault(form.heads[name], {})[name] = record[name]
        else:
            result[name] = record[name]
    return result | entries


def _line(line: Record) -> dict[str, Any]:
    known = {LINE_ID: int(line[LINE_ID])} if line.get(LINE_ID) else {}
    return known | {name: value for name, value in line.items() if name != LINE_ID}


def with_line_ids(form: Form, record: Record, standing: Record, *, ours: bool) -> Record:
    """Lines pushed without ids take those of standing lines that nobody names and that hold the same; when the whole
    document is `ours` (a create entered again) also the remaining ones in order. So a push entered again updates the
    lines it made instead of replacing them."""
    if form.lines is None or not record.get(form.lines.key):
        return record
    pushed = record[form.lines.key]
    named = {line[LINE_ID] for line in pushed if line.get(LINE_ID)}
    free = [line for line in standing[form.lines.key] if line[LINE_ID] not in named]
    lines = []
    for line in pushed:
        same = None if line.get(LINE_ID) else next((x for x in free if _holds(line, x)), None)
        if same is not None:
            free.remove(same)
        lines.append(line if same is None else {**line, LINE_ID: same[LINE_ID]})
    if ours:
        ids = line_ids(lines, free)
        lines = [{**line, LINE_ID: ident} if ident else line for line, ident in zip(lines, ids, strict=True)]
    return {**record, form.lines.key: lines}


def line_ids(pushed: Sequence[Record], standing: Sequence[Record]) -> list[str]:
    """The ids of the pushed lines, in their order; "" for one that does not stand there yet."""
    named = {line[LINE_ID] for line in pushed if line.get(LINE_ID)}
    free = iter([line[LINE_ID] for line in standing if line[LINE_ID] not in named])
    return [line.get(LINE_ID) or next(free, "") for line in pushed]


def differs(form: Form, wanted: Record, standing: Record) -> bool:
    """Whether anything wanted is not there yet."""
    entry = form.lines.key if form.lines is not None else None
    for name, value in wanted.items():
        if name == form.key:
            continue
        if name == entry:
            if _lines_differ(value or [], standing.get(name) or []):
                return True
        elif not _holds(value, standing.get(name)):
            return True
    return False


def _lines_differ(wanted: Sequence[Record], standing: Sequence[Record]) -> bool:
    by_id = {line[LINE_ID]: line for line in standing}
    if len(wanted) != len(standing):
        return True
    return any(not _holds(line, by_id.get(line.get(LINE_ID))) for line in wanted)


def _holds(wanted: Any, standing: Any) -> bool:
    if isinstance(wanted, dict):
        there = standing if isinstance(standing, dict) else {}
        return all(_holds(value, there.get(name)) for name, value in wanted.items())
    if _empty(wanted) or _empty(standing):
        return _empty(wanted) and _empty(standing)
    if isinstance(wanted, str) and isinstance(standing, str):
        return _day(wanted) == _day(standing)
    left, right = _number(wanted), _number(standing)
    return str(wanted) == str(standing) if left is None or right is None else left == right


def _empty(value: Any) -> bool:
    return value is None or value in ("", {})


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None


def _day(value: Any) -> str:
    """Text for comparison; midnight is the day itself."""
    return str(value).strip().removesuffix("T00:00:00").removesuffix(" 00:00:00")
