"""Alembic's folder: one file per schema step, in `versions`."""
