"""What keeps a benchmark from being run, in one sentence."""

from __future__ import annotations

from nmtr.errors import NmtrError


class BenchmarkError(NmtrError):
    """Something that a benchmark needs is missing or failed."""
