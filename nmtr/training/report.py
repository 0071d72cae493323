"""What a training says of itself after every epoch."""

from __future__ import annotations

from typing import Literal

from nmtr.frozen import Frozen

Phase = Literal["select", "refit"]


class EpochReport(Frozen):
    """One epoch of one phase; JSON in and out.

    Nothing is ranked in a refit, after the epochs that `rank_every` passes over, and where no purchase is held out.
    """

    epoch: int  # counts from 1 within the phase
    epochs: int  # the most that this phase will run
    phase: Phase  # "select" chooses the number of epochs on validation, "refit" trains on everything for that number
    loss: dict[str, float]  # behavior -> mean loss an instance of that behavior, before λ (Eq. 12)
    valid: dict[str, float] | None  # "HR@100" -> value; None where nothing was ranked: see below
    test: dict[str, float] | None = None  # the same of the test purchases, where the run watches them; chooses nothing
    best_epoch: int  # the best epoch of the select phase so far
    seconds: float  # this epoch's training, without its validation


class Stopped(Exception):
    """Raised at a batch boundary by a training that was asked to stop."""
