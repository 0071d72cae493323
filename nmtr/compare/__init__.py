"""Finished runs compared, from their stored ranks: nothing is scored again, and no torch is imported."""

from nmtr.compare.alternative import against_best
from nmtr.compare.entries import Entry, check, differing, entries, grouped, names
from nmtr.compare.lists import Lists, compare_lists
from nmtr.compare.moves import Moved, Mover, Moves, moves
from nmtr.compare.scores import Difference, Interval, PValue, Score
from nmtr.compare.slices import ATTRIBUTES, Attribute, Grouped, Sliced, Slices, Sparse, Sparsity, slices, sparsity
from nmtr.compare.tables import METRIC, Leaderboard, Standing, Visits, leaderboard, leak

__all__ = [
    "ATTRIBUTES",
    "METRIC",
    "Attribute",
    "Difference",
    "Entry",
    "Grouped",
    "Interval",
    "Leaderboard",
    "Lists",
    "Moved",
    "Mover",
    "Moves",
    "PValue",
    "Score",
    "Sliced",
    "Slices",
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
    "moves",
    "names",
    "slices",
    "sparsity",
]
