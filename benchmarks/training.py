"""An epoch of training against RecBole's."""

from __future__ import annotations

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
from benchmarks.core import Case

NEUMF_SHARED = nmtr("NeuMF shared", unit="neumf", loss="shared")
GMF_EXACT = nmtr("GMF exact", unit="gmf", loss="exact", behaviors=["cart", "buy"])
GMF_SQUARED = nmtr("GMF squared", unit="gmf", loss="squared", behaviors=["cart", "buy"])

_BACKWARD = 3  # forward and backward cost three times the forward pass
_DOT = 2 * EMBEDDING_SIZE  # operations
_EPOCH = "Timed: the second epoch of each, without its validation"

CASES = (
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
