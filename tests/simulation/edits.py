"""Wrong edits of mapping files, each a small change of the tree."""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from hub.mapping import CompiledMapping
from hub.mapping.document import Node, Scalar
from hub.mapping.lines import Line
from tests.simulation.mapping_tree import Spot, leaf, spots

Edit = Callable[[Node, Random], bool]
"""Changes the tree; False when it has nothing to change."""


def _choose(random: Random, found: list[Any]) -> Any:
    return random.choice(found) if found else None


def _values(tree: Node) -> list[Spot]:
    return [spot for spot in spots(tree) if "each" not in spot.node.map]


def _with(tree: Node, *keys: str) -> list[Spot]:
    return [spot for spot in spots(tree) if set(keys) & spot.node.map.keys()]


def swap_paths(tree: Node, random: Random) -> bool:
    first = _choose(random, [spot for spot in _values(tree) if spot.path()])
    others = [
        spot
        for spot in _values(tree)
        if first and spot.holder is first.holder and spot.path() not in (None, first.path())
    ]
    second = _choose(random, others)
    if second is None:
        return False
    one, other = first.path(), second.path()
    first.set_path(other)
    second.set_path(one)
    return True


def drop_line(tree: Node, random: Random) -> bool:
    spot = _choose(random, spots(tree))
    del spot.holder.map[spot.name]
    return True


def typo_path(tree: Node, random: Random) -> bool:
    spot = _choose(random, [spot for spot in spots(tree) if spot.path() or "each" in spot.node.map])
    if spot is None:
        return False
    if "each" in spot.node.map:
        spot.node.map["each"] = leaf(f"{spot.node.map['each'].value}x")
    else:
        path = spot.path() or ""
        spot.set_path(re.sub(r"(\w)(?=\W*$)", r"\1x", path))
    return True


def enum_value(tree: Node, random: Random) -> bool:
    """Our word for one of theirs becomes another of ours."""
    spot = _choose(random, [spot for spot in _with(tree, "enum") if len(spot.node.map["enum"].map) > 1])
    if spot is None:
        return False
    table = spot.node.map["enum"].map
    word = random.choice(list(table))
    others = [node.value for node in table.values() if node.value != table[word].value]
    if not others:
        return False
    table[word] = leaf(random.choice(others))
    return True


def enum_word(tree: Node, random: Random) -> bool:
    """One of their words is written wrong."""
    spot = _choose(random, _with(tree, "enum"))
    if spot is None:
        return False
    table = spot.node.map["enum"]
    word = random.choice(list(table.map))
    table.map[f"{word}x"] = table.map.pop(word)
    return True


def enum_dropped(tree: Node, random: Random) -> bool:
    spot = _choose(random, _with(tree, "enum"))
    if spot is None:
        return False
    table = spot.node.map["enum"]
    table.map.pop(random.choice(list(table.map)))
    return bool(table.map)


def other_currency(tree: Node, random: Random) -> bool:
    spot = _choose(random, _with(tree, "currency"))
    if spot is None:
        return False
    spot.node.map["currency"] = Node({"const": leaf("SEK")}, spot.node.where)
    for key in ("currency_enum", "currency_lookup"):
        spot.node.map.pop(key, None)
    return True


def drop_option(tree: Node, random: Random) -> bool:
    """Something a line says is forgotten."""
    options = (
        "epoch",
        "format",
        "clean",
        "enum",
        "lookup",
        "currency_enum",
        "currency_lookup",
        "default",
        "const",
        "when",
    )
    found = [(spot, key) for spot in spots(tree) for key in options if key in spot.node.map]
    chosen = _choose(random, found)
    if chosen is None:
        return False
    del chosen[0].node.map[chosen[1]]
    return True


def date_format(tree: Node, random: Random) -> bool:
    spot = _choose(
        random, [spot for spot in _values(tree) if spot.path() and not {"enum", "ref"} & spot.node.map.keys()]
    )
    if spot is None:
        return False
    spot.long().map["format"] = leaf("%d.%m.%Y")
    return True


def other_zone(tree: Node, random: Random) -> bool:
    spot = _choose(random, [spot for spot in _values(tree) if spot.path()])
    if spot is None:
        return False
    spot.long().map["zone"] = leaf("America/New_York")
    return True


def other_key(tree: Node, random: Random) -> bool:
    path = _choose(random, [spot.path() for spot in _values(tree) if spot.path() and spot.holder is tree.map["fields"]])
    if path is None or path == tree.map["key"].value:
        return False
    tree.map["key"] = leaf(path)
    return True


def other_name(tree: Node, random: Random) -> bool:
    names = tree.map.get("names")
    if names is None or not names.map:
        return False
    name = random.choice(list(names.map))
    names.map[name] = leaf(f"{names.map[name].value}x")
    return True


def drop_head(tree: Node, random: Random) -> bool:
    found = [
        key for key in ("names", "version", "where", "deleted", "match", "constants", "reference") if key in tree.map
    ]
    key = _choose(random, found)
    if key is None:
        return False
    del tree.map[key]
    return True


def negate(tree: Node, random: Random) -> bool:
    key = _choose(random, [key for key in ("where", "deleted") if key in tree.map])
    if key is None:
        return False
    tree.map[key] = leaf(f"!({tree.map[key].value})")
    return True


def other_constant(tree: Node, random: Random) -> bool:
    constants = tree.map.get("constants")
    found: list[tuple[Node, str]] = [(constants, name) for name in constants.map] if constants else []
    found += [(spot.node, "const") for spot in _with(tree, "const")]
    chosen = _choose(random, found)
    if chosen is None:
        return False
    node, name = chosen
    inner = node.map[name]
    target = inner.map if "value" in inner.map else node.map
    key = "value" if "value" in inner.map else name
    target[key] = leaf(f"{target[key].value}x")
    return True


def other_default(tree: Node, random: Random) -> bool:
    spot = _choose(random, [spot for spot in _values(tree) if spot.path() and "ref" not in spot.node.map])
    if spot is None:
        return False
    spot.long().map["default"] = leaf("1" if "currency" not in spot.node.map else "1 CNY")
    return True


def set_option(key: str, value: Scalar) -> Edit:
    def edit(tree: Node, random: Random) -> bool:
        spot = _choose(random, [spot for spot in _values(tree) if spot.path() and key not in spot.node.map])
        if spot is None:
            return False
        spot.long().map[key] = leaf(value)
        return True

    edit.__name__ = f"set_{key}"
    return edit


def other_form(tree: Node, random: Random) -> bool:
    """What is written as text is written as a number, or the reverse."""
    spot = _choose(
        random, [spot for spot in _values(tree) if isinstance(spot.node.value, str) or "path" in spot.node.map]
    )
    if spot is None:
        return False
    form = spot.long().map.get("as", leaf("text"))
    spot.node.map["as"] = leaf("text" if form.value == "number" else "number")
    return True


def one_way(tree: Node, random: Random) -> bool:
    """What was written too is only read now, or the reverse."""
    spot = _choose(random, [spot for spot in _values(tree) if spot.path() and "out" not in spot.node.map])
    if spot is None:
        return False
    node = spot.long()
    key = spot.path_key() or "path"
    node.map["in" if key == "path" else "path"] = node.map.pop(key)
    return True


def other_name_of_reference(tree: Node, random: Random) -> bool:
    spot = _choose(random, _with(tree, "ref"))
    if spot is None:
        return False
    by = spot.node.map["by"]
    spot.node.map["by"] = leaf("key" if by.value != "key" else "number")
    return True


def wrapped(tree: Node, random: Random) -> bool:
    spot = _choose(random, [spot for spot in _values(tree) if spot.path() and "in" in spot.node.map])
    if spot is None:
        return False
    spot.node.map["in"] = leaf(f"upper(concat({spot.path()}, 'x'))")
    return True


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        swap_paths,
        drop_line,
        typo_path,
        enum_value,
        enum_word,
        enum_dropped,
        other_currency,
        drop_option,
        date_format,
        other_zone,
        other_key,
        other_name,
        drop_head,
        negate,
        other_constant,
        other_default,
        set_option("required", "yes"),
        set_option("only", "create"),
        other_form,
        set_option("when", "`false`"),
        one_way,
        other_name_of_reference,
        wrapped,
    )
}


def same_meaning(old: CompiledMapping, draft: CompiledMapping) -> bool:
    """Proof that an edit changes nothing: the lines are the same but for what says what is so anyhow."""
    return _meaning(old.lines) == _meaning(draft.lines) and _heads(old) == _heads(draft)


def _meaning(lines: tuple[Line, ...]) -> list[Any]:
    found = []
    for line in lines:
        said = json.loads(line.written)
        if said.get("as") == ("number" if line.type in ("integer", "decimal", "money") else "text"):
            del said["as"]
        if line.enum is not None and line.enum.inward == {value: value for value in line.values}:
            del said["enum"]
        found.append((line.field, line.type, said, _meaning(line.part.lines) if line.part else None))
    return found


def _heads(mapping: CompiledMapping) -> Any:
    head = mapping.head
    sources = [head.key, head.version, head.deleted, head.where, *head.names.values()]
    texts = [source.text if source else None for source in sources]
    return mapping.kind, texts, [*head.names], head.reference, mapping.match, mapping.constants
