"""Looking things up in a camt tree by local name, so that no version's namespace matters."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from re import compile as pattern
from typing import Any

from lxml import etree

from connectors.bank_files.refusal import unreadable

Node = Any  # lxml ships no types
_AMOUNT = pattern(r"[0-9]{1,30}(\.[0-9]{0,20})?|\.[0-9]{1,20}")
_ENTIRE_SECONDS = pattern(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(.*)")
RAW_LENGTH = 4000  # characters of a line's own XML kept beside it


def local(node: Node) -> str:
    """The element's name without its namespace."""
    tag: str = node.tag
    return tag.rpartition("}")[2]


def every(node: Node, path: str) -> Iterator[Node]:
    """All elements at a path of local names."""
    head, _, rest = path.partition("/")
    for child in node:
        if isinstance(child.tag, str) and local(child) == head:
            if rest:
                yield from every(child, rest)
            else:
                yield child


def one(node: Node, path: str) -> Node | None:
    """The first element at a path."""
    return next(every(node, path), None)


def text(node: Node, *paths: str) -> str:
    """The first text that is not blank at any of the paths, tried in order; else empty."""
    for path in paths:
        for found in every(node, path):
            value = (found.text or "").strip()
            if value:
                return str(value)
    return ""


def amount(node: Node, path: str) -> tuple[Decimal, str]:
    """The amount at a path with its currency. Signs come from an indicator, so a signed amount says two things."""
    found = one(node, path)
    if found is None:
        raise unreadable(f"{where(node)}/{path} is missing", f"缺少 {where(node)}/{path}")
    value = (found.text or "").strip()
    if not _AMOUNT.fullmatch(value):
        raise unreadable(
            f'{where(found)}: "{value[:80]}" is not an amount (digits and one point, without a sign)',
            f"{where(found)} 的值「{value[:80]}」不是金额（应为数字加一个小数点，不带正负号）",
        )
    return Decimal(value), found.get("Ccy", "")


def credit(node: Node, *, otherwise: bool | None = None) -> bool:
    """CRDT or DBIT; `otherwise` is what a missing indicator means, None when it may not be missing."""
    word = text(node, "CdtDbtInd")
    if word in {"CRDT", "DBIT"}:
        return word == "CRDT"
    if not word and otherwise is not None:
        return otherwise
    said = f'"{word[:20]}"' if word else "missing"
    raise unreadable(
        f"{where(node)}/CdtDbtInd is {said}: it must say CRDT or DBIT, no sign is guessed",
        f"{where(node)}/CdtDbtInd 应为 CRDT 或 DBIT，现为 {said}，无法判断收支方向",
    )


def day(node: Node, path: str, zone: tzinfo) -> date | None:
    """The date at a date choice: a plain `Dt` is never shifted, a `DtTm` is the day it has in the bank's zone."""
    plain_date = text(node, f"{path}/Dt")
    if plain_date:
        try:
            return date.fromisoformat(plain_date[:10])  # xs:date may carry a zone: 2024-11-30+01:00
        except ValueError:
            raise _bad_date(node, f"{path}/Dt", plain_date) from None
    moment = instant(node, f"{path}/DtTm", zone)
    return None if moment is None else moment.astimezone(zone).date()


def instant(node: Node, path: str, zone: tzinfo) -> datetime | None:
    """The moment at a path in UTC; one without an offset is in the bank's zone."""
    value = text(node, path)
    if not value:
        return None
    parts = _ENTIRE_SECONDS.fullmatch(value)
    try:
        moment = datetime.fromisoformat(parts[1] + parts[3] if parts else value)
    except ValueError:
        raise _bad_date(node, path, value) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def written_day(node: Node, path: str) -> date | None:
    """The day as the bank wrote it into a date-time, whatever the offset: the edges of a statement's window."""
    value = text(node, path)
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError:
        raise _bad_date(node, path, value) from None


def where(node: Node) -> str:
    """`Ntry[3]`: which element, counted among those of its name."""
    name = local(node)
    alike = sum(1 for other in node.itersiblings(preceding=True) if isinstance(other.tag, str) and local(other) == name)
    return f"{name}[{alike + 1}]" if name in {"Stmt", "Rpt", "Ntfctn", "Ntry", "TxDtls", "Bal"} else name


def raw(node: Node) -> str:
    """The element's own XML, shortened, as evidence beside the record."""
    return str(etree.tostring(node, encoding="unicode", with_tail=False))[:RAW_LENGTH]


def _bad_date(node: Node, path: str, value: str) -> Exception:
    return unreadable(
        f'{where(node)}/{path}: "{value[:40]}" is not a date', f"{where(node)}/{path} 的值「{value[:40]}」不是日期"
    )
