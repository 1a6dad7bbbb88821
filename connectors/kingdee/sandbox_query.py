"""The sandbox's ExecuteBillQuery: FilterString (a subset of SQL, or the list form), OrderString, one row per line."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cmp_to_key
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from connectors.kingdee.sandbox_forms import BASE_DATA, FORM_OF, PLAIN, VendorForm

Cell = Callable[[str], Any]
Test = Callable[[Cell], bool]
Docs = Mapping[str, Mapping[int, dict[str, Any]]]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|<>|>=|<=|!=|[=<>(),]|[\w.-]+)")
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": eq, "<>": ne, "!=": ne, ">": gt, ">=": ge, "<": lt, "<=": le
}  # fmt: skip
_PADDED = Decimal("1.0000000000")


class BadQuery(Exception):
    """What the query cannot mean; `code` is the MsgCode."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def run(form: VendorForm, data: Mapping[str, Any], docs: Docs, limit_max: int) -> list[list[Any]]:
    """The rows of a query."""
    names = [name.strip() for name in str(data.get("FieldKeys") or "").split(",") if name.strip()]
    for name in names:
        _check(form, name)
    start, limit = int(data.get("StartRow") or 0), int(data.get("Limit") or limit_max)
    if limit > limit_max:
        raise BadQuery(8, f"Limit 不能大于 {limit_max}")
    test = _Filter(form, _filter_text(data.get("FilterString"))).test
    orders = _orders(form, str(data.get("OrderString") or ""))
    mentioned = [*names, *(name for name, _ in orders)]
    rows = [cell for cell in _cells(form, mentioned, docs) if test(cell)]
    rows.sort(key=cmp_to_key(lambda a, b: _by(orders, a, b)))
    top = int(data.get("TopRowCount") or 0)
    rows = rows[:top] if top else rows
    return [[cell(name) for name in names] for cell in rows[start : start + limit]]


def _cells(form: VendorForm, mentioned: Iterable[str], docs: Docs) -> list[Cell]:
    by_line = any(_is_line_field(form, name) for name in mentioned)
    found: list[Cell] = []
    for doc in docs[form.form_id].values():
        lines = doc["lines"] if by_line else []
        found += [_cell(form, doc, line, docs) for line in (lines or [{}])]
    return found


def _is_line_field(form: VendorForm, name: str) -> bool:
    if form.entry is None or name.partition(".")[0] in form.fields:
        return False
    return name.partition(".")[0] in form.entry.fields or name.lower() == f"{form.entry.name}_FEntryID".lower()


def _cell(form: VendorForm, doc: Mapping[str, Any], line: Mapping[str, Any], docs: Docs) -> Cell:
    def cell(name: str) -> Any:
        if name == form.key:
            return doc["id"]
        base, _, prop = name.partition(".")
        if form.entry is not None and name.lower() == f"{form.entry.name}_FEntryID".lower():
            return line.get("FEntryID")
        of_line = _is_line_field(form, name)
        kind = form.entry_kind(base) if of_line else form.kind(base)
        value = line.get(base) if of_line else doc["fields"].get(base)
        return _shown(kind or "text", value, prop, docs)

    return cell


def _shown(kind: str, value: Any, prop: str, docs: Docs) -> Any:
    if kind in {"number", "amount"}:
        return Decimal(value or 0) * _PADDED
    if kind == "row":
        return int(value or 0)
    if isinstance(value, dict):
        return _property(kind, value.get("FNumber"), prop, docs)
    if value is None or value == "":
        return " " if kind == "text" and not prop else None
    return value


def _property(kind: str, number: Any, prop: str, docs: Docs) -> Any:
    if kind in FORM_OF:
        doc = next((d for d in docs[FORM_OF[kind]].values() if d["fields"]["FNumber"] == number), None)
        return None if doc is None else (doc["fields"].get(prop) if prop else doc["id"])
    if prop in {"", "FNumber"}:
        return number
    return BASE_DATA.get(kind, {}).get(str(number), {}).get(prop)


def _check(form: VendorForm, name: str) -> None:
    base, _, prop = name.partition(".")
    kind = form.kind(base) or form.entry_kind(base)
    if name == form.key or (form.entry is not None and name.lower() == f"{form.entry.name}_FEntryID".lower()):
        return
    if kind is None or (prop and kind in PLAIN and not base.startswith("F_")):
        raise BadQuery(9, f"元数据中标识为{name}的字段不存在")


def _orders(form: VendorForm, text: str) -> list[tuple[str, int]]:
    orders = []
    for part in (p.split() for p in text.split(",") if p.strip()):
        _check(form, part[0])
        orders.append((part[0], -1 if part[1:] and part[1].lower() == "desc" else 1))
    return orders


def _by(orders: Sequence[tuple[str, int]], left: Cell, right: Cell) -> int:
    for name, sign in orders:
        a, b = _comparable(left(name), right(name))
        if a != b:
            return sign if a > b else -sign
    return 0


def _filter_text(given: Any) -> str:
    if not isinstance(given, list):
        return str(given or "")
    text = ""
    for place, part in enumerate(given):
        value = str(part.get("Value", "")).replace("'", "''")
        logic = "" if place == len(given) - 1 else {"0": "and", "1": "or"}.get(str(part.get("Logic", "0")), "and")
        test = f"{part.get('FieldName')} {part.get('Compare')} '{value}'"
        text += f" {part.get('Left', '')} {test} {part.get('Right', '')} {logic}"
    return text


class _Filter:
    """Recursive descent over `a = 1 and (b > 'x' or c in (1,2))`."""

    def __init__(self, form: VendorForm, text: str) -> None:
        self._form = form
        self._tokens = self._split(text)
        self._at = 0
        self.test: Test = self._either() if self._tokens else _always
        if self._at < len(self._tokens):
            raise BadQuery(8, f"过滤条件有误：{text}")

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise BadQuery(8, f"过滤条件有误：{text[at:]}")
            tokens.append(match.group(1))
            at = match.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._at].lower() if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        if self._at >= len(self._tokens):
            raise BadQuery(8, "过滤条件不完整")
        self._at += 1
        return self._tokens[self._at - 1]

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() == "or":
            self._take()
            tests.append(self._both())
        return lambda cell: any(test(cell) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() == "and":
            self._take()
            tests.append(self._one())
        return lambda cell: all(test(cell) for test in tests)

    def _one(self) -> Test:
        if self._peek() == "(":
            self._take()
            inner = self._either()
            self._expect(")")
            return inner
        field = self._take()
        _check(self._form, field)
        word = self._take().lower()
        if word == "in":
            values = self._list()
            return lambda cell: any(_compare(eq, cell(field), value) for value in values)
        if word not in _COMPARE:
            raise BadQuery(8, f"过滤条件不支持 {word}")
        value = _literal(self._take())
        return lambda cell: _compare(_COMPARE[word], cell(field), value)

    def _list(self) -> list[Any]:
        self._expect("(")
        values = [_literal(self._take())]
        while self._peek() == ",":
            self._take()
            values.append(_literal(self._take()))
        self._expect(")")
        return values

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise BadQuery(8, f"过滤条件缺少 {token}")


def _always(cell: Cell) -> bool:
    return True


def _literal(token: str) -> Any:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    try:
        return Decimal(token)
    except InvalidOperation:
        raise BadQuery(8, f"过滤条件中的 {token} 无法识别") from None


def _compare(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    if left is None:
        return False  # as SQL has it: unknown
    return bool(operation(*_comparable(left, right)))


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Numbers with numbers, moments with moments, text without case and blanks at the end, as the database does."""
    for read in (_as_number, _as_moment):
        a, b = read(left, right), read(right, left)
        if a is not None and b is not None:
            return a, b
    return str(left if left is not None else "").rstrip().casefold(), str(
        right if right is not None else ""
    ).rstrip().casefold()


def _as_number(value: Any, other: Any) -> Decimal | None:
    if isinstance(value, str) and isinstance(other, str):
        return None
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError):
        return None


def _as_moment(value: Any, other: Any) -> datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d", str(value)):
        return None
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
