"""Ranking all users over all items against RecBole's full evaluation."""

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
    speedup,
    times,
)
from benchmarks.core import Case

_SETUP = (
    f"{DATA}, 3 stages, each test user's held-out purchase among all items, float32. {RECBOLE}, its full evaluation."
)

CASES = (
    Case(
        "rank-gmf",
        "Rank all users over all items, NMTR-GMF, against RecBole BPR",
        f"{_SETUP} Floor: the operations of the stages folded to one product, at the rate of torch.mm.",
        (CALIBRATION, GMF, THEIR_BPR),
        (
            *times(GMF, THEIR_BPR, "rank_seconds"),
            speedup(GMF, THEIR_BPR, "rank_seconds", 15),
            *floor(GMF, "rank_seconds", lambda figures: 2 * EMBEDDING_SIZE * figures["rank_pairs"]),
        ),
    ),
    Case(
        "rank-neumf",
        "Rank all users over all items, NMTR-NeuMF, against RecBole NeuMF",
        f"{_SETUP} Floor: the operations of three towers, at the rate of torch.mm.",
        (CALIBRATION, NEUMF, THEIR_NEUMF),
        (
            *times(NEUMF, THEIR_NEUMF, "rank_seconds"),
            speedup(NEUMF, THEIR_NEUMF, "rank_seconds", 6),
            *floor(NEUMF, "rank_seconds", lambda figures: 3 * TOWER * figures["rank_pairs"], at_most=1.5),
        ),
    ),
)
