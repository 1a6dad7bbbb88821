"""The catalogue of connectors: found by the entry point `hub.connectors`, imported when first asked for."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from hub.sdk.connector import Connector

GROUP = "hub.connectors"


class Catalogue(Mapping[str, Connector]):
    """Connector id -> Connector. One that cannot be imported is left out and told in `broken`; others go on."""

    def __init__(self, entries: Mapping[str, EntryPoint]) -> None:
        self._entries = dict(entries)
        self._loaded: dict[str, Connector] = {}
        self._broken: dict[str, tuple[str, str]] = {}

    def __getitem__(self, name: str) -> Connector:
        if name in self._entries and name not in self._loaded and name not in self._broken:
            self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._entries if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def names(self) -> frozenset[str]:
        """All that are installed, without importing any."""
        return frozenset(self._entries)

    @property
    def broken(self) -> Mapping[str, tuple[str, str]]:
        """Connector id -> why it cannot be used (en, zh), of those asked for so far."""
        return self._broken

    def _load(self, name: str) -> None:
        try:
            found = self._entries[name].load()
        except Exception as error:  # a third party's module may raise anything while it is imported
            self._broken[name] = _sentence(name, f"{type(error).__name__}: {error}")
            return
        if isinstance(found, Connector):
            self._loaded[name] = found
        else:
            self._broken[name] = _sentence(name, f"{self._entries[name].value} is no Connector")


def _sentence(name: str, reason: str) -> tuple[str, str]:
    return (
        f"connector {name} cannot be loaded ({reason}); reinstall its package",
        f"连接器 {name} 无法加载（{reason}）：请重新安装它的软件包",
    )


@cache
def connectors() -> Catalogue:
    """The connectors of this installation."""
    return Catalogue({entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)})
