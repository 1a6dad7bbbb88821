"""Python source made line by line and compiled once: what expressions and mapping lines become.

Nothing an author or a record says becomes part of the source. Every value (names, literals, constants, functions) is bound
to a name of ours, `k7`, in the namespace the code runs in; see docs/decisions/0012-generated-functions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

# Python allows 20 loops and tries in each other and 100 levels of indentation.
DEEP: Final = 10
_PYTHON: Final = {one.__name__: one for one in (type, dict, list, str, int, len, enumerate)}
"""All that the code can reach of Python itself."""
_BY_VALUE: Final = (str, int)


class Emitter:
    """One namespace, and the functions that will stand in it."""

    def __init__(self) -> None:
        self._bound: dict[str, Any] = {"__builtins__": _PYTHON}
        self._known: dict[Any, str] = {}
        self._done: list[str] = []
        self._lines: list[str | tuple[int, list[str]]] = []
        self._count = 0
        self.depth = 1

    def bind(self, value: Any) -> str:
        """The name that stands for the value."""
        key = (type(value), value) if type(value) in _BY_VALUE else id(value)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"k{len(self._bound)}"
            self._bound[name] = value
        return name

    def fresh(self) -> str:
        """A variable nobody else uses."""
        self._count += 1
        return f"v{self._count}"

    def line(self, text: str) -> None:
        self._lines.append(" " * self.depth + text)

    def start(self, lines: list[str]) -> None:
        """Room here for lines that only what follows will know of."""
        self._lines.append((self.depth, lines))

    def set(self, expression: str) -> str:
        """A new variable with that value."""
        name = self.fresh()
        self.line(f"{name} = {expression}")
        return name

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1

    @contextmanager
    def function(self, parameters: str) -> Iterator[str]:
        """A function of its own beside the one being written; gives its name."""
        outer, depth = self._lines, self.depth
        self._count += 1
        name = f"f{self._count}"
        self._lines, self.depth = [f"def {name}({parameters}):"], 1
        yield name
        for line in self._lines:
            self._done += [line] if isinstance(line, str) else [" " * line[0] + late for late in line[1]]
        self._lines, self.depth = outer, depth

    @property
    def source(self) -> str:
        return "\n".join(self._done)

    def run(self) -> dict[str, Any]:
        """The namespace, with the functions in it."""
        exec(compile(self.source, "<mapping>", "exec"), self._bound)  # noqa: S102  # no author's text is in it
        return self._bound


Write = Callable[[Emitter], str]
"""Writes functions and gives the name of the one that is wanted."""


def alone(parameters: str, write: Callable[[Emitter], None]) -> Write:
    """One function with that in it."""

    def function(emitter: Emitter) -> str:
        with emitter.function(parameters) as name:
            write(emitter)
        return name

    return function


def function_of(write: Write) -> Callable[..., Any]:
    emitter = Emitter()
    name = write(emitter)
    made: Callable[..., Any] = emitter.run()[name]
    return made


class Late:
    """The same, made when it is first called."""

    __slots__ = ("_made", "_write")

    def __init__(self, write: Write) -> None:
        self._write = write
        self._made: Callable[..., Any] | None = None

    def _make(self) -> Callable[..., Any]:
        self._made = function_of(self._write)
        return self._made

    def __call__(self, *arguments: Any) -> Any:
        return (self._made or self._make())(*arguments)
