"""Put a mutant into a process: a function's code is exchanged in memory, the rest of a module is read anew at its import."""

import functools
import gc
import sys
from collections import defaultdict
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from tests.mutation.mutants import Mutant, mutated

Functions = dict[tuple[str, str, int], list[FunctionType]]


def code_of(mutant: Mutant) -> CodeType:
    tree = mutated(Path(mutant.file).read_text(encoding="utf-8"), mutant.number)
    return compile(tree, str(Path(mutant.file).resolve()), "exec")


def functions() -> Functions:
    """Every function of `hub` in memory, whoever holds it, by file, name and first line."""
    root = str(Path("hub").resolve())
    found: Functions = defaultdict(list)
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(root):
            code = one.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(one)
    return found


def exchange(mutant: Mutant, known: Functions) -> bool:
    """Give the function that the mutant is in its new code; False where it cannot be found in memory."""
    exchanged = 0
    for code in _inside(code_of(mutant), mutant.scope.removesuffix("()")):
        for function in known.get((code.co_filename, code.co_qualname, code.co_firstlineno), ()):
            function.__code__ = code
            exchanged += 1
    forget_caches()
    return exchanged > 0


def _inside(code: CodeType, name: str) -> list[CodeType]:
    """Code of that qualified name; several where a name is defined twice."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [one for one in inner if one.co_qualname == name] + [found for one in inner for found in _inside(one, name)]


def forget_caches() -> None:
    """What was remembered before the mistake was made."""
    for one in gc.get_objects():
        if type(one) is functools._lru_cache_wrapper and str(one.__module__).startswith("hub."):
            one.cache_clear()


class _Spoilt(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        return self.code


class Planted(MetaPathFinder):
    """The first on `sys.meta_path`: one module comes with its mistake in it."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if self.name in sys.modules:
            raise RuntimeError(f"{self.name} is imported already: nothing would notice what is changed in it")
        self.code = code_of(mutant)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None and spec.origin is not None
        spec.loader = _Spoilt(fullname, spec.origin, self.code)
        return spec
