"""The sandbox's query: filters, order, paging caps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.fxiaoke.sandbox_objects import WRONG, Field, Refusal, Row, fields_of

LIMIT_CAP = 100
OFFSET_CAP = 10_000
NUMERIC = {"currency", "number", "date", "date_time"}


def run_query(object_name: str, rows: Iterable[Row], data: Mapping[str, Any]) -> dict[str, Any]:
    """What `data.dataList` and `data.total` answer."""
    search = data.get("search_query_info")
    if not isinstance(search, dict):
        raise Refusal(WRONG, "search_query_info 必填")
    known = fields_of(object_name)
    limit, offset = _page(search)
    filters = search.get("filters") or []
    tests = [_test(one, known) for one in filters]
    # Invalidated rows answer only to a query that asks for their life_status.
    hidden = not any(one.get("field_name") == "life_status" for one in filters)
    hits = [r for r in rows if not (hidden and r["life_status"] == "invalid") and all(test(r) for test in tests)]
    for order in reversed(search.get("orders") or []):
        name = _known(order.get("fieldName"), known)
        hits.sort(key=lambda row: _sortable(row.get(name), known[name]), reverse=not order.get("isAsc", True))
    wanted = {"_id", *search.get("fieldProjection", [])} if search.get("fieldProjection") else None
    listed = [{k: v for k, v in row.items() if wanted is None or k in wanted} for row in hits[offset : offset + limit]]
    answer: dict[str, Any] = {"dataList": listed, "offset": offset, "limit": limit}
    if data.get("find_explicit_total_num", True):
        answer["total"] = len(hits)
    return answer


def _page(search: Mapping[str, Any]) -> tuple[int, int]:
    limit, offset = search.get("limit"), search.get("offset", 0)
    if type(limit) is not int or not 0 < limit <= LIMIT_CAP:
        raise Refusal(WRONG, f"limit 应为 1 到 {LIMIT_CAP}")
    if type(offset) is not int or offset < 0 or offset % limit:
        raise Refusal(WRONG, "offset 必须为 limit 的整数倍")
    if offset > OFFSET_CAP:
        raise Refusal(10013, f"offset 不能超过{OFFSET_CAP}")
    return limit, offset


def _known(name: Any, known: Mapping[str, Field]) -> str:
    if name not in known:
        raise Refusal(WRONG, f"查询字段[{name}]不存在")
    return str(name)


def _sortable(value: Any, field: Field) -> tuple[bool, Any]:
    empty = value in (None, "", [])
    if field.type in NUMERIC:
        return not empty, Decimal(0 if empty else value)
    return not empty, "" if empty else str(value)


def _test(one: Any, known: Mapping[str, Field]) -> Callable[[Row], bool]:
    if not isinstance(one, dict) or not isinstance(one.get("field_values"), list):
        raise Refusal(WRONG, "filters 的格式不正确")
    name = _known(one.get("field_name"), known)
    compare = OPERATORS.get(str(one.get("operator")))
    if compare is None:
        raise Refusal(WRONG, f"不支持的操作符[{one.get('operator')}]")
    form: Callable[[Any], Any] = Decimal if known[name].type in NUMERIC else str
    given = [form(value) for value in one["field_values"]]

    def test(row: Row) -> bool:
        values = row.get(name)
        many = values if isinstance(values, list) else [] if values in (None, "") else [values]
        return compare([form(value) for value in many], given)

    return test


def _any(check: Callable[[Any, Sequence[Any]], bool]) -> Callable[[Sequence[Any], Sequence[Any]], bool]:
    return lambda have, given: any(check(value, given) for value in have)


OPERATORS: Mapping[str, Callable[[Sequence[Any], Sequence[Any]], bool]] = {
    "EQ": _any(lambda value, given: value == given[0]),
    "N": lambda have, given: given[0] not in have,
    "GT": _any(lambda value, given: value > given[0]),
    "GTE": _any(lambda value, given: value >= given[0]),
    "LT": _any(lambda value, given: value < given[0]),
    "LTE": _any(lambda value, given: value <= given[0]),
    "BETWEEN": _any(lambda value, given: given[0] <= value <= given[1]),
    "IN": _any(lambda value, given: value in given),
    "NIN": lambda have, given: not any(value in given for value in have),
    "LIKE": _any(lambda value, given: str(given[0]) in str(value)),
    "STARTWITH": _any(lambda value, given: str(value).startswith(str(given[0]))),
    "IS": lambda have, _: not have,
    "ISN": lambda have, _: bool(have),
}
