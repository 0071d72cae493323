"""Finished runs held against each other, from their stored ranks: nothing is scored again, and no torch is imported."""

from nmtr.compare.entries import Entry, differing, entries, option_text
from nmtr.compare.scores import Difference, Interval, PValue, Score
from nmtr.compare.tables import METRIC, Leaderboard, Sparse, Sparsity, Standing, leaderboard, sparsity

__all__ = [
    "METRIC",
    "Difference",
    "Entry",
    "Interval",
    "Leaderboard",
    "PValue",
    "Score",
    "Sparse",
    "Sparsity",
    "Standing",
    "differing",
    "entries",
    "leaderboard",
    "option_text",
    "sparsity",
]
