"""What scores say of how likely something is; docs/chances.md derives it. No torch."""

from nmtr.chances.fitting import fit
from nmtr.chances.record import Basis, Bin, Chance, Chances, Reliability, StageChances
from nmtr.chances.words import about, agreement, means, standing

__all__ = [
    "Basis",
    "Bin",
    "Chance",
    "Chances",
    "Reliability",
    "StageChances",
    "about",
    "agreement",
    "fit",
    "means",
    "standing",
]
