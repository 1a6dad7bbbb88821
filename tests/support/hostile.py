"""Expressions, records and mapping files made to do harm: to reach Python, to hang, to fill the memory."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any, Final

from hub.mapping.hub_functions import HUB
from tests.support.expressions import Grower, literal, record, value, word

PYTHON: Final = [
    "__class__",
    "__mro__",
    "__subclasses__",
    "__globals__",
    "__builtins__",
    "__import__",
    "__dict__",
    "__init__",
    "__getattribute__",
    "__code__",
    "mro",
    "format",
    "format_map",
    "encode",
    "get",
    "items",
    "pop",
    "append",
    "left",
    "m",
    "here",
    "self",
    "os",
    "sys",
    "eval",
    "exec",
    "open",
    "compile",
    "getattr",
]
QUOTES: Final = (
    "'", '"', "`", "\\", "\n", "\r", "\u2028", "\0", "#", ";", "}", "{", "%s", "{0.__class__}", "%(a)s", "\\x27", "'''",
    '"""', "');import os;('", "\nimport os\n", "f'{1}'", "\\N{BULLET}", "\ud800", "__import__('os').system('true')",
)  # fmt: skip


def _name(random: Random) -> str:
    return random.choice(PYTHON) + random.choice(("", "", random.choice(QUOTES)))


def reaching(random: Random) -> str:
    """Something that wants to get at Python."""
    name, quote = _name(random), random.choice(QUOTES)
    quoted = json.dumps(name, ensure_ascii=random.random() < 0.5)
    text = json.dumps(quote + name, ensure_ascii=False).replace("`", "\\`")
    return random.choice(
        (
            f"@.{quoted}",
            f"{quoted}.{quoted}",
            f"*.{quoted} || values(@)[0].{quoted}",
            f"{random.choice(PYTHON)}('os')",
            f"@.{random.choice(PYTHON)}.{random.choice(PYTHON)}",
            f"{quoted}(@)",
            f"[?{quoted} == `{text}`]",
            f"{{{quoted}: @}}.{quoted}",
            f"{{{quoted}: `{text}`, b: {quoted}}}",
            f"concat(`{text}`, s)",
            f"replace(`{text}`, `{text}`, s)",
            f"join(`{text}`, words)",
            f"date(s, `{text}`)",
            f"date('2026-01-31', '{random.choice(('%Y', '%y', '%d', '%z', '%Z', '%c', '%f%', '%%', '('))}%m%d')",
            f"map(&{quoted}, rows)",
            f"sort_by(rows, &{quoted})",
            f"to_string(&{quoted})",
            f"&{quoted}",
            f"type(&@) | {quoted}",
            f"to_array(&n)[0].{quoted}",
            f"not_null(&n).{quoted}",
            f"lookup(s, `{text}`)",
            f"lookup(s, {quoted})",
        )
    )


_ARGUMENTS: Final = (
    "a",
    "",
    "-",
    "%Y%m%d",
    "2026-01-31",
    "1,234.50元",
    "壹佰元整",
    "91350100M000100Y43",
    0,
    1,
    2,
    30,
    -7,
    Decimal("1.5"),
)


def with_ours(random: Random, text: str) -> str:
    """A call of one of the hub's functions around it."""
    name = random.choice(tuple(HUB))
    count = len(HUB[name].takes) - random.randrange(HUB[name].optional + 1)
    given = [literal(random.choice((*_ARGUMENTS, word(random), value(random, 1))), random) for _ in range(count)]
    return f"{name}({', '.join(given if random.random() < 0.4 else [text, *given[1:]])})"


_TOKENS: Final = (
    "a", "n", "rows", "@", "*", "[", "]", "{", "}", "(", ")", ".", ",", ":", "|", "||", "&", "&&", "!", "!=", "==", "<", "<=",
    ">", ">=", "[?", "[]", "[*]", "'", '"', "`", "`1`", "'x'", "0", "-1", "9" * 30, "9" * 4000, "length(", "map(&", "$", "$.a",
    "\\", " ", "\t", "名", "\u3000", "1e999999999", "`1e999999999`", "`-0.0`", "`[`", "NaN", "`NaN`", "`Infinity`", "🙂",
)  # fmt: skip


def soup(random: Random) -> str:
    return "".join(random.choice(_TOKENS) for _ in range(random.randrange(1, 14)))


def mutated(random: Random, text: str) -> str:
    for _ in range(random.randrange(1, 4)):
        at, to = sorted((random.randrange(len(text) + 1), random.randrange(len(text) + 1)))
        kind = random.random()
        if kind < 0.4:
            text = text[:at] + random.choice(_TOKENS + QUOTES) + text[at:]
        elif kind < 0.7:
            text = text[:at] + text[min(to, at + 3) :]
        else:
            text = text[:at] + text[at:to] * 2 + text[to:]
    return text


def expression(random: Random, data: Any) -> str:
    kind = random.random()
    if kind < 0.15:
        return soup(random)
    if kind < 0.35:
        return reaching(random)
    text = Grower(random).expression(data)
    if kind < 0.6:
        return with_ours(random, text)
    return mutated(random, text) if kind < 0.85 else text


_NUMBERS: Final = (
    0,
    -1,
    10**400,
    -(10**40),
    Decimal("1E+999999"),
    Decimal("-1E-999999"),
    Decimal("0E+9"),
    Decimal("-0.0"),
)


def odd_record(random: Random) -> dict[str, Any]:
    """A record with things in it that nobody expects."""
    made = record(random)
    for _ in range(random.randrange(3)):
        made[random.choice((*made, *PYTHON))] = random.choice(
            (random.choice(_NUMBERS), random.choice(QUOTES), value(random))
        )
    if random.random() < 0.2:
        made["nums"] = random.choices(_NUMBERS, k=3)
    return made


def mutated_file(random: Random, text: str) -> str:
    """A mapping file as a tired hand, a bad merge or an enemy may leave it."""
    lines = text.split("\n")
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        line = lines[at]
        kind = random.randrange(7)
        if kind == 0:
            del lines[at]
            lines = lines or [""]
        elif kind == 1:
            lines[at] = lines[other]
        elif kind == 2:
            lines.insert(at, lines[other])
        elif kind == 3:
            lines[at] = ("  " + line) if random.random() < 0.5 else line.removeprefix("  ")
        elif kind == 4 and ":" in line:
            key, _, _ = line.partition(":")
            lines[at] = f"{key}: {_scalar(random)}"
        elif kind == 5 and ":" in line:
            _, _, rest = line.partition(":")
            indent = len(line) - len(line.lstrip())
            lines[at] = " " * indent + f"{random.choice(_KEYS)}:{rest}"
        else:
            where = random.randrange(len(line) + 1)
            lines[at] = line[:where] + random.choice((*QUOTES, *_TOKENS, _scalar(random))) + line[where:]
    return "\n".join(lines)


_KEYS: Final = [
    "path",
    "in",
    "out",
    "enum",
    "lookup",
    "unknown",
    "const",
    "default",
    "required",
    "when",
    "only",
    "each",
    "key",
    "fields",
    "ref",
    "by",
    "system",
    "currency",
    "currency_enum",
    "format",
    "epoch",
    "zone",
    "as",
    "clean",
    "type",
    "value",
    "names",
    "match",
    "constants",
    "reference",
    "version",
    "deleted",
    "where",
    "extends",
    "tests",
    "mapping",
    "kind",
    "record",
    "entity",
    "way",
    "creating",
]
_SCALARS: Final = (
    "null", "{}", "[]", "[[]]", "{a: b}", "[a, b]", "&x y", "*x", "!!python/object:os.system x", "? a", "'", '"', "|", "> x",
    "9" * 400, "-1", "1.5", ".inf", "true", "yes", "2026-01-31", "12:30", "%Y", "@", "a.b", "a[0]", "$.a", "$.", "length(a)",
    "concat(a, b)", "status", "order", "customer", "FNote", "{path: a}", "{path: a, value: b}", "[{path: a}, a]", "{const: CNY}",
    "{const: x}", "{A: draft, B: 1}", "lines", "custom.x", "a\x00b", "\t", "---", "...", "名称", "'a' | b", "`[`", "ms", "text",
)  # fmt: skip


def _scalar(random: Random) -> str:
    return random.choice(_SCALARS) if random.random() < 0.8 else soup(random)


def random_file(random: Random) -> str:
    """YAML of the right keys in any order and nesting."""
    head = "mapping: t\nkind: order\nkey: id\n" if random.random() < 0.8 else ""
    body = "".join(f"{random.choice(_KEYS)}: {_scalar(random)}\n" for _ in range(random.randrange(3)))
    names = (
        "order_no",
        "total",
        "status",
        "customer",
        "lines",
        "custom.x",
        "changed_at",
        "rush",
        "address.city",
        "nothing",
    )
    lines = "".join(
        f"  {random.choice(names)}: {{{', '.join(f'{random.choice(_KEYS)}: {_scalar(random)}' for _ in range(random.randrange(1, 5)))}}}\n"
        for _ in range(random.randrange(1, 6))
    )
    return head + body + "fields:\n" + lines
