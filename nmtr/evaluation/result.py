"""What a finished run says of itself."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator

from nmtr.frozen import Frozen


class Slice(Frozen):
    """The metrics of some of the test users."""

    users: int
    metrics: dict[str, float]


class BestTestEpoch(Frozen):
    """The epoch with the best HR@100 on *test*: how the paper reports, shown beside a result and never chosen by."""

    epoch: int
    metrics: dict[str, float]


class Result(Frozen):
    """Metrics of one run, chosen on validation and measured once on test; JSON in and out."""

    epochs: int  # trained in all
    best_epoch: int  # the epoch that validation chose; 0 for methods that do not train
    refit: bool  # whether the tested model was trained once more on training + validation
    seconds_per_epoch: float | None  # median; None for methods that do not train
    seconds: float  # training and evaluation together
    valid: dict[str, float]  # "HR@100" -> value at best_epoch
    test: dict[str, float]  # "HR@50" … "NDCG@200" -> value
    intervals: dict[str, float]  # half width of the 95 % interval over test users of each test metric
    test_users: int
    # Test users whose held-out item stands in one of their lower behaviors as trained on, and the others: the leak.
    visited: Slice
    not_visited: Slice
    peak_memory_mb: float | None
    best_test: BestTestEpoch | None = None  # of a run that watched its test purchases, and of no refit
    # Of a run that held out pairs of its lower behaviors, for each of these: how the tested model ranks them by that
    # behavior's own scores. "view" -> "HR@100" -> value, and half width of its 95 % interval over users.
    behaviors: dict[str, dict[str, float]] = {}
    behavior_intervals: dict[str, dict[str, float]] = {}

    @field_validator("best_test")
    @classmethod
    def _of_what_is_tested(cls, best: BestTestEpoch | None, info: ValidationInfo) -> BestTestEpoch | None:
        """None after a refit: what was watched had not learned from the validation purchases as what is tested has."""
        return None if info.data.get("refit") else best
