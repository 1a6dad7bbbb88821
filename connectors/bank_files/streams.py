"""The three kinds of record a statement file is cut into; they arrive, nothing is pulled or pushed."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.bank_files.records import SCHEMAS
from hub.sdk import Stream


@dataclass(slots=True)
class Cut:
    """A stream without verbs."""

    name: str
    schema: Mapping[str, str]


STREAMS: Mapping[str, Stream] = {name: Cut(name, schema) for name, schema in SCHEMAS.items()}
