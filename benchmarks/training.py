"""An epoch of training against RecBole's."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.calibration import CALIBRATION
from benchmarks.contest import (
    DATA,
    EMBEDDING_SIZE,
    GMF,
    NEUMF,
    RECBOLE,
    THEIR_BPR,
    THEIR_NEUMF,
    TOWER,
    floor,
    memory,
    nmtr,
    rates,
    share,
    times,
)
from benchmarks.core import Case, Target, figure

NEUMF_SHARED = nmtr("NeuMF shared", unit="neumf", loss="shared")
GMF_EXACT = nmtr("GMF exact", unit="gmf", loss="exact", behaviors=["cart", "buy"])
GMF_SQUARED = nmtr("GMF squared", unit="gmf", loss="squared", behaviors=["cart", "buy"])
GMF_SOLVED = nmtr("GMF least squares", unit="gmf", solver="als", behaviors=["cart", "buy"])

_BACKWARD = 3  # forward and backward cost three times the forward pass
_DOT = 2 * EMBEDDING_SIZE  # operations
_EPOCH = "Timed: the second epoch of each, without its validation"

_SYSTEM = EMBEDDING_SIZE**3 / 3  # operations to solve for a user or an item
#: A pair is added to its user's system, to its item's and to its stage's, of E^2 numbers each.
_SUMS = 3 * 2 * EMBEDDING_SIZE**2


def _sweep(figures: Mapping[str, float]) -> float:
    """Operations of a sweep of least squares."""
    return _SUMS * figures["pairs"] + _SYSTEM * (figures["size"] - figures["pairs"])


CASES = (
    Case(
        "epoch-als",
        "Sweep of alternating least squares, NMTR-GMF",
        f"{DATA}, cart + buy. Timed: the second sweep, over users, items and stages, without its validation. Floor: "
        "the sums of outer products for every user, item and stage and the systems of equations, as fast as torch.mm.",
        (CALIBRATION, GMF_SOLVED),
        (
            figure(GMF_SOLVED, "seconds", "sweep", "s", Target(0.6)),
            *floor(GMF_SOLVED, "seconds", _sweep, at_most=2.5),
            *memory(GMF_SOLVED),
        ),
    ),
    Case(
        "epoch-neumf-sampled",
        "Sampled epoch, NMTR-NeuMF, against RecBole NeuMF",
        f"{DATA}, view + cart + buy, 16.7 M instances. {RECBOLE}, 1.3 M instances. {_EPOCH}. Floor: the operations of "
        "the towers up to each instance's stage, at the rate of torch.mm.",
        (CALIBRATION, NEUMF, THEIR_NEUMF),
        (
            *rates(NEUMF, THEIR_NEUMF, 8),
            *times(NEUMF, THEIR_NEUMF, "seconds"),
            *floor(NEUMF, "seconds", lambda figures: _BACKWARD * TOWER * figures["stages"]),
            *memory(NEUMF, THEIR_NEUMF),
        ),
    ),
    Case(
        "epoch-neumf-shared",
        "Epoch of the shared loss, NMTR-NeuMF, against RecBole NeuMF",
        f"{DATA}, view + cart + buy, as many instances as the sampled loss has. {RECBOLE}, 1.3 M instances. {_EPOCH}. "
        "Floor: the operations of one tower an instance, at the rate of torch.mm.",
        (CALIBRATION, NEUMF_SHARED, THEIR_NEUMF),
        (
            *rates(NEUMF_SHARED, THEIR_NEUMF, 20),
            *times(NEUMF_SHARED, THEIR_NEUMF, "seconds"),
            *floor(NEUMF_SHARED, "seconds", lambda figures: _BACKWARD * TOWER * figures["instances"]),
            *memory(NEUMF_SHARED, THEIR_NEUMF),
        ),
    ),
    Case(
        "epoch-gmf-sampled",
        "Sampled epoch, NMTR-GMF, against RecBole BPR",
        f"{DATA}, view + cart + buy, 16.7 M instances of a user and an item. {RECBOLE}, 1.05 M instances of a user and "
        f"two items. {_EPOCH}. Floor: the operations of one product of vectors an instance, at the rate of torch.mm.",
        (CALIBRATION, GMF, THEIR_BPR),
        (
            *rates(GMF, THEIR_BPR, 15),
            *times(GMF, THEIR_BPR, "seconds"),
            *floor(GMF, "seconds", lambda figures: _BACKWARD * _DOT * figures["instances"]),
            *memory(GMF, THEIR_BPR),
        ),
    ),
    Case(
        "epoch-gmf-exact",
        "Exact epoch, NMTR-GMF, against RecBole BPR",
        f"{DATA}, cart + buy, all 346 M terms. {RECBOLE}, 1.05 M instances. {_EPOCH}. Floor: three matrix products "
        "a behavior, at the rate of torch.mm at their shapes.",
        (CALIBRATION, GMF_EXACT, THEIR_BPR),
        (
            *times(GMF_EXACT, THEIR_BPR, "seconds"),
            share(GMF_EXACT, THEIR_BPR, "seconds", 0.45),
            *floor(GMF_EXACT, "seconds", lambda figures: _BACKWARD * _DOT * figures["terms"], "products", 1.5),
            *memory(GMF_EXACT, THEIR_BPR),
        ),
    ),
    Case(
        "epoch-gmf-squared",
        "Squared epoch, NMTR-GMF, against RecBole BPR",
        f"{DATA}, cart + buy. {RECBOLE}, 1.05 M instances. {_EPOCH}. Floor: the operations of one product of vectors "
        "an observed pair, at the rate of torch.mm.",
        (CALIBRATION, GMF_SQUARED, THEIR_BPR),
        (
            *times(GMF_SQUARED, THEIR_BPR, "seconds"),
            share(GMF_SQUARED, THEIR_BPR, "seconds", 0.08),
            *floor(GMF_SQUARED, "seconds", lambda figures: _BACKWARD * _DOT * figures["pairs"]),
            *memory(GMF_SQUARED, THEIR_BPR),
        ),
    ),
)
