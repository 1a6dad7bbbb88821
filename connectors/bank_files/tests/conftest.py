"""The samples fixture, which lives with the hub's own tests."""

from tests.conftest import samples

__all__ = ["samples"]
