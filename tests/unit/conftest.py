"""Property tests give the same examples on every machine and leave no files behind."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", database=None, derandomize=True)
settings.load_profile("repeatable")
