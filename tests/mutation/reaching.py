"""The written-down map: which tests reach the lines of a mutant, and in which order they are worth trying."""

import ast
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import zip_longest
from pathlib import Path

from tests.mutation.mutants import Mutant

FOLDER = Path("build/mutation")
NEXT_TO_NOTHING = 0.1
AROUND = 8  # lines
JUMPS = ("deleted: continue", "deleted: break")
"""The compiler folds them into the line before."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(slots=True)
class Reach:
    """`lines`: file -> line -> tests; `digests`: the files as they were when the map was drawn."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: defaultdict[str, defaultdict[int, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    digests: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, float] = field(default_factory=dict)  # test -> when it was recorded

    def stale(self, file: str) -> bool:
        return self.digests.get(file) != digest(Path(file))

    def tests_of(self, mutant: Mutant, uses: "Uses") -> list[str]:
        """Those that reach it; of what runs at the import, those that reach a use of its outcome."""
        if mutant.inside:
            return self._at(mutant.file, _span(mutant))
        found: set[str] = set()
        for file, lines in uses.of(mutant.file, mutant.names):
            found.update(self._at(file, lines))
        named = {file for file in set(map(_file, self.seconds)) if names_it(file, mutant)}
        return sorted(found | {test for test in self.seconds if _file(test) in named})

    def only_at_import(self, mutant: Mutant) -> bool:
        """It ran, and in no test."""
        known: Mapping[int, set[str]] = self.lines.get(mutant.file, {})
        return not self._at(mutant.file, _span(mutant)) and any(line in known for line in _span(mutant))

    def _at(self, file: str, lines: Iterable[int]) -> list[str]:
        known: Mapping[int, set[str]] = self.lines.get(file, {})
        return sorted({test for line in lines for test in known.get(line, ())})

    def worth_trying(self, mutant: Mutant, tests: Sequence[str], most: int, seconds: float) -> list[str]:
        """All that take next to nothing; then those that reach what few reach around it; those of files that import the
        module; and the quickest of each other file, the second of each, and so on."""
        near = [test for test in tests if imports_it(_file(test), mutant)]
        order = [*self._special(mutant, tests)[: most // 2], *self._in_turns(near), *self._in_turns(tests)]
        chosen = [test for test in self._in_turns(tests) if self.seconds[test] < NEXT_TO_NOTHING]
        most += len(chosen)
        for test in dict.fromkeys(order):
            if len(chosen) == most:
                break
            if test in chosen or (chosen and seconds < self.seconds[test]):
                continue
            seconds -= self.seconds[test]
            chosen.append(test)
        return chosen

    def _special(self, mutant: Mutant, tests: Sequence[str]) -> list[str]:
        """A line that hundreds of tests pass through is tested by those that take the rare turns beside it."""
        known: Mapping[int, set[str]] = self.lines.get(mutant.file, {})
        weight: defaultdict[str, float] = defaultdict(float)
        for line in range(mutant.line - AROUND, mutant.last + AROUND):
            for test in known.get(line, ()):
                weight[test] += 1 / len(known[line])
        return sorted(
            (test for test in tests if weight[test]), key=lambda test: -weight[test] / (1 + self.seconds[test])
        )

    def _in_turns(self, tests: Sequence[str]) -> list[str]:
        files: defaultdict[str, list[str]] = defaultdict(list)
        for test in sorted(tests, key=lambda test: self.seconds[test]):
            files[_file(test)].append(test)
        return [test for turn in zip_longest(*files.values()) for test in turn if test is not None]


def _file(test: str) -> str:
    return test.partition("::")[0]


def _span(mutant: Mutant) -> range:
    return range(mutant.line - (mutant.what in JUMPS), mutant.last + 1)


@cache
def _words(file: str) -> frozenset[str]:
    path = Path(file)
    return frozenset(re.findall(r"\w+(?:\.\w+)*", path.read_text(encoding="utf-8")) if path.exists() else ())


def imports_it(test_file: str, mutant: Mutant) -> bool:
    package, _, module = mutant.file.removesuffix(".py").replace("/", ".").rpartition(".")
    words = _words(test_file)
    return f"{package}.{module}" in words or {package, module} <= words


def names_it(test_file: str, mutant: Mutant) -> bool:
    """Does a file of tests read the constant itself?"""
    module, words = Path(mutant.file).stem, _words(test_file)
    return imports_it(test_file, mutant) and any(name in words or f"{module}.{name}" in words for name in mutant.names)


@dataclass
class Uses:
    """Where in `hub` a name of a module is used: in the module itself and in those that import it."""

    root: Path = Path("hub")

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        return {str(path): ast.parse(path.read_text(encoding="utf-8")) for path in self.root.rglob("*.py")}

    def of(self, file: str, names: Collection[str]) -> list[tuple[str, list[int]]]:
        module = file.removesuffix(".py").replace("/", ".")
        names = _grown(self.trees[file], set(names))
        there = [one for one, tree in self.trees.items() if one == file or module in _imported(tree)]
        return [(one, _lines_with(self.trees[one], names)) for one in there]


def _imported(tree: ast.Module) -> set[str]:
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {name for node in froms for name in (node.module or "", *(f"{node.module}.{a.name}" for a in node.names))}


def _grown(tree: ast.Module, names: set[str]) -> set[str]:
    """With the names that are worked out from these when the module is imported."""
    before = 0
    while before < len(names):
        before = len(names)
        for statement in tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and _lines_with(statement, names):
                names |= {
                    node.id
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                }
    return names


def _lines_with(tree: ast.AST, names: Collection[str]) -> list[int]:
    used = [
        (node.id if isinstance(node, ast.Name) else node.attr, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    ]
    return sorted({line for name, line in used if name in names})


def read(folder: Path = FOLDER) -> Reach:
    """All parts of the map; a part that was drawn later speaks for its files."""
    reach = Reach()
    for part in sorted(folder.glob("map-*.json"), key=lambda path: path.stat().st_mtime):
        told = json.loads(part.read_text(encoding="utf-8"))
        tests = list(told["seconds"])  # in the lines they stand by their number here
        _forget(reach, set(map(_file, tests)))
        reach.seconds |= told["seconds"]
        reach.drawn |= dict.fromkeys(tests, part.stat().st_mtime)
        reach.digests |= told["digests"]
        for file, lines in told["lines"].items():
            for line, numbers in lines.items():
                reach.lines[file][int(line)].update(tests[number] for number in numbers)
    return reach


def _forget(reach: Reach, test_files: set[str]) -> None:
    """Tests that were renamed are no more."""
    gone = {test for test in reach.seconds if _file(test) in test_files}
    if gone:
        reach.seconds = {test: seconds for test, seconds in reach.seconds.items() if test not in gone}
        for lines in reach.lines.values():
            for tests in lines.values():
                tests -= gone
