"""The towns of the engine's tests, for histories and faults."""

from tests.engine.conftest import build, db, shared_url

__all__ = ["build", "db", "shared_url"]
