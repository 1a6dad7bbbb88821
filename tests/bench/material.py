"""The records the figures are measured with: master data, and orders of 20 fields and 3 lines."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

MASTER = {"companies": 5, "employees": 20, "customers": 200, "products": 100}
"""Stream -> how many records of it there are."""
LINES = 3


def master(stream: str) -> list[dict[str, Any]]:
    return [
        {"id": f"{stream}-{n}", "number": number(stream, n), "name": f"云帆 {stream} {n}"}
        for n in range(MASTER[stream])
    ]


def number(stream: str, n: int) -> str:
    return f"{stream[:2].upper()}{n % MASTER[stream]:04}"


def orders(count: int, first: int = 0) -> Iterator[dict[str, Any]]:
    return map(order, range(first, first + count))


def order(n: int) -> dict[str, Any]:
    lines = [_line(n, position) for position in range(LINES)]
    return {
        "id": f"order-{n}",
        "number": f"SO{n:09}",
        "kind": "SO",
        "company": number("companies", n),
        "title": f"年度采购 {n}",
        "customer_id": f"customers-{n % MASTER['customers']}",
        "seller": {"number": number("employees", n), "name": "韩梅"},
        "ordered_on": f"2026-10-{1 + n % 28:02}",
        "due_on": f"2026-12-{1 + n % 28:02}",
        "currency": "CNY",
        "total": sum((line["amount"] for line in lines), Decimal(0)),
        "remark": f" 请送到 {n % 40} 号仓库 ",
        "state": "agreed",
        "modified_at": f"2026-11-22T10:{n // 60 % 60:02}:{n % 60:02}+08:00",
        "extra": {
            "channel": ("web", "phone", "fair")[n % 3],
            "region": ("华东", "华南", "华北", "西南")[n % 4],
            "project": f"P-{n % 997}",
            "incoterm": "DAP",
            "weight": Decimal(n % 5000) / 10,
            "parcels": 1 + n % 9,
            "insured": n % 2 == 0,
            "wanted_at": f"2026-12-{1 + n % 28:02}T09:30:00+08:00",
        },
        "lines": lines,
    }


def _line(n: int, position: int) -> dict[str, Any]:
    quantity, price = 1 + (n + position) % 20, Decimal(1000 + n % 9000) / 100
    return {
        "id": f"{n}-{position}",
        "sku": number("products", n * LINES + position),
        "note": f"温度传感器 {position}",
        "quantity": quantity,
        "unit": "台",
        "price": price,
        "amount": price * quantity,
    }
