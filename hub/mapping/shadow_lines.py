"""What can be said of two mappings without any record: paths only one of them keeps, lines that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hub.mapping.compiled import CompiledMapping
from hub.mapping.lines import Line
from hub.mapping.paths import dotted
from hub.mapping.projection import Tree
from hub.mapping.reads import Path


@dataclass(frozen=True, slots=True)
class Unkept:
    """A path that the draft reads and the mapping in force has not kept: what stands there is not known for `records`
    of the records, until the stream is read again."""

    path: str
    fields: tuple[str, ...]
    records: int


def unkept_reads(old: CompiledMapping, new: CompiledMapping) -> dict[str, set[Path]]:
    """Field or head of the new mapping -> the paths it reads that the old one did not keep."""
    found: dict[str, set[Path]] = {}
    for label, path in [*_head_reads(new), *_line_reads(new.lines, (), "")]:
        if not _kept(old.keep, path, whole=not label.endswith("[]")):
            found.setdefault(label.removesuffix("[]"), set()).add(path)
    return found


def _kept(tree: Tree, path: Path, whole: bool) -> bool:
    """`whole`: everything below the path is needed too; else that something of it is kept will do."""
    for name in path:
        if name not in tree:
            return False
        tree = tree[name]
        if not tree:
            return True
    return not whole


def _head_reads(mapping: CompiledMapping) -> Iterator[tuple[str, Path]]:
    head = mapping.head
    sources = {"key": head.key, "version": head.version, "deleted": head.deleted, "where": head.where}
    for label, source in {**sources, **{f"names.{name}": each for name, each in head.names.items()}}.items():
        for path in source.reads if source else ():
            yield label, path
    if head.reference is not None:
        yield "reference", head.reference


def _line_reads(lines: Iterable[Line], prefix: Path, label: str) -> Iterator[tuple[str, Path]]:
    for line in lines:
        name = label + line.field
        if not line.inward:
            continue
        if line.part is not None:
            yield from _part_reads(line, prefix, name)
            continue
        for source in (line.source, line.currency.source if line.currency else None):
            for path in source.reads if source else ():
                yield name, (path if source and source.rooted else prefix + path)
        for path in line.when_record.reads if line.when_record else ():
            yield name, prefix + path


def _part_reads(line: Line, prefix: Path, name: str) -> Iterator[tuple[str, Path]]:
    part = line.part
    if part is None:
        return
    if part.source.names is None:
        # What an expression makes of a list is kept or not as a whole.
        for path in part.source.reads:
            yield name, prefix + path
        return
    here = prefix + part.source.names
    yield f"{name}[]", here
    for path in part.key.source.reads if part.key else ():
        yield f"{name}[]._key", here + path
    yield from _line_reads(part.lines, here, f"{name}[].")


def within(label: str, labels: Iterable[str]) -> bool:
    """Is the field one of these, or inside one?"""
    return any(label == each or label.startswith((f"{each}[", f"{each}.")) for each in labels)


def changed_lines(old: CompiledMapping, new: CompiledMapping) -> dict[str, frozenset[str]]:
    """The lines that are written differently: field -> the paths that either of them writes."""
    before, after = _written(old), _written(new)
    labels = {label for label in {*before, *after} if before.get(label, _NONE)[0] != after.get(label, _NONE)[0]}
    return {label: before.get(label, _NONE)[1] | after.get(label, _NONE)[1] for label in sorted(labels)}


_NONE: tuple[str, frozenset[str]] = ("", frozenset())


def _written(mapping: CompiledMapping) -> Mapping[str, tuple[str, frozenset[str]]]:
    """field -> (the line as written, the paths it writes)"""
    head = mapping.head
    heads = {"key": head.key, "version": head.version, "deleted": head.deleted, "where": head.where}
    heads |= {f"names.{name}": source for name, source in head.names.items()}
    found = {label: (source.text, frozenset[str]()) for label, source in heads.items() if source is not None}
    if head.reference is not None:
        found["reference"] = (dotted(head.reference), frozenset({dotted(head.reference)}))
    for constant in mapping.constants:
        path = dotted(constant.names)
        found[f"constants.{path}"] = (f"{constant.value!r} {constant.only}", frozenset({path}))
    return {**found, **dict(_lines_written(mapping.lines, "", ""))}


def _lines_written(lines: Iterable[Line], label: str, prefix: str) -> Iterator[tuple[str, tuple[str, frozenset[str]]]]:
    for line in lines:
        paths = {prefix + dotted(target.names) for target in line.targets}
        currency = line.currency.source if line.currency and line.targets else None
        if currency is not None and currency.names is not None:
            paths.add(("" if currency.rooted else prefix) + dotted(currency.names))
        if line.part is not None:
            each = prefix + dotted(line.part.source.names or ())
            yield from _lines_written(line.part.lines, f"{label}{line.field}[].", f"{each}[].")
            paths = {each}
        yield label + line.field, (line.written, frozenset(paths))
