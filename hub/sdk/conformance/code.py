"""Reads a connector's source: it neither sleeps nor loops to retry, and imports nothing it must not know."""

import ast
from collections.abc import Iterator

from hub.sdk.conformance.kit import Subject

# Whoever calls out by one of these passes the limiter, the record and the translation of errors by.
PASSED_BY = frozenset({"aiohttp", "asyncpg", "httpx", "requests", "socket", "sqlalchemy", "tenacity", "urllib3"})
STAND_INS = ("sandbox", "conformance")  # modules that begin so are the vendor's side
SPINS = frozenset({"range", "count", "repeat", "cycle"})


async def code(subject: Subject) -> list[str]:
    """No sleep, no loop-and-retry, no session, no room of the hub but the SDK, no other connector."""
    found = []
    for path in sorted(subject.folder.rglob("*.py")):
        name = path.relative_to(subject.folder).as_posix()
        if name.startswith("tests/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), name)
        outward = not path.name.startswith(STAND_INS)
        found += [f"{name}:{line}: {sentence}" for line, sentence in _flaws(tree, subject.package, outward=outward)]
    return found


def _flaws(tree: ast.Module, package: str, *, outward: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for module in _imported(node):
            yield from ((node.lineno, said) for said in _import(module, package, outward=outward))  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and _called(node) == "sleep":
            yield node.lineno, "sleeps: raise Throttled, Busy or Unavailable and let the engine wait"
        if outward and _spins(node):
            yield from ((line, "loops to retry: raise, the engine decides") for line in _swallowing(node))


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _import(module: str, package: str, *, outward: bool) -> Iterator[str]:
    if module.startswith("hub.") and not f"{module}.".startswith("hub.sdk."):
        yield f"imports {module}: of the hub, a connector knows hub.sdk"
    siblings = package.rpartition(".")[0]
    if siblings and module.startswith(f"{siblings}.") and not f"{module}.".startswith(f"{package}."):
        yield f"imports {module}: a connector knows no other"
    if outward and module.partition(".")[0] in PASSED_BY:
        yield f"imports {module}: calls go out by ctx.http"


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _spins(node: ast.AST) -> bool:
    """A loop over numbers or for ever; one over things goes on to the next thing and may leave one out."""
    if isinstance(node, ast.While):
        return True
    return isinstance(node, ast.For) and isinstance(node.iter, ast.Call) and _called(node.iter) in SPINS


def _swallowing(loop: ast.AST) -> Iterator[int]:
    """Handlers inside a loop that let it turn once more after an awaited call failed."""
    for node in ast.walk(loop):
        if isinstance(node, ast.Try) and any(isinstance(x, ast.Await) for part in node.body for x in ast.walk(part)):
            for handler in node.handlers:
                if not isinstance(handler.body[-1], ast.Raise | ast.Return | ast.Break):
                    yield handler.lineno
