"""What a configuration directory asks for: everything valid, ready to be compared with what is in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.config.model import ConnectionSpec, KindSpec, OwnerSpec, SyncSpec
from hub.config.texts import MappingText


@dataclass(frozen=True, slots=True)
class Draft:
    """By name. `sync_kinds`: sync -> the kind it is bound to; `files`: the texts it was made from."""

    connections: Mapping[str, ConnectionSpec] = field(default_factory=dict)
    mappings: Mapping[str, MappingText] = field(default_factory=dict)
    syncs: Mapping[str, SyncSpec] = field(default_factory=dict)
    sync_kinds: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, OwnerSpec] = field(default_factory=dict)
    kinds: Mapping[str, KindSpec] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
