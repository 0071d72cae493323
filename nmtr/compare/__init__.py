"""Finished runs held against each other, from their stored ranks: nothing is scored again, and no torch is imported."""

from nmtr.compare.alternative import against_best
from nmtr.compare.entries import Entry, check, differing, entries, grouped, names, option_text
from nmtr.compare.lists import Lists, compare_lists
from nmtr.compare.scores import Difference, Interval, PValue, Score
from nmtr.compare.slices import Sparse, Sparsity, sparsity
from nmtr.compare.tables import METRIC, Leaderboard, Standing, Visits, leaderboard, leak

__all__ = [
    "METRIC",
    "Difference",
    "Entry",
    "Interval",
    "Leaderboard",
    "Lists",
    "PValue",
    "Score",
    "Sparse",
    "Sparsity",
    "Standing",
    "Visits",
    "against_best",
    "check",
    "compare_lists",
    "differing",
    "entries",
    "grouped",
    "leaderboard",
    "leak",
    "names",
    "option_text",
    "sparsity",
]
