"""Where a mapping version reads a field, for the explanation of entities that a record created."""

from hub.canon.explain import PathOf
from hub.config.runtime import Configuration


def path_of(configuration: Configuration) -> PathOf:
    def path(mapping: str, version: int, field: str) -> str | None:
        try:
            return configuration.mapping(mapping, version).explain(field).get("path")
        except KeyError:  # a version from before a restore; the rest of the chain stands
            return None

    return path
