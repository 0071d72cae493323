"""What is asked and answered; JSON in and out."""

from __future__ import annotations

from nmtr.config import RunConfig
from nmtr.frozen import Frozen

METRIC = "HR@100"
FIRST = 10  # items of the shopper's list
SAMPLE = 4_000  # validation users that are ranked for each λ
#: L2 penalties of which the best on validation is taken, at the first λ: data sets differ in it by a factor of ten.
PENALTIES = (0.003, 0.01, 0.03, 0.1)
IDLE = 600.0  # seconds without a question after which the process ends


class Value(Frozen):
    """A mean over users with half of its 95 % interval; None of fewer than two."""

    value: float
    half_width: float | None


class GroupValue(Frozen):
    """The metric among users by how many purchases they have in training."""

    name: str  # "5–8"
    users: int
    metric: Value


class Listed(Frozen):
    """An item of the shopper's list."""

    item: str
    title: str | None
    before: int | None  # its place from 1 where the comparison began; None where it was not among the first


class Answer(Frozen):
    """What one λ comes to."""

    number: int  # of the question
    lambdas: tuple[float, ...]
    metric: Value  # `METRIC` on validation
    #: To where the comparison began, over the same users; None of that place itself.
    difference: Value | None
    p: float | None  # of McNemar's test of that difference
    groups: tuple[GroupValue, ...]  # the fewest purchases first; empty where all users are alike
    user: str
    items: tuple[Listed, ...]  # the shopper's first items
    compared: bool  # whether `before` is known of them: the comparison began with this shopper
    users: int  # that were ranked
    of_users: int  # that have a validation purchase
    l2: float  # the penalty that was taken
    sweeps: int  # from the solution before
    seconds: float


class Question(Frozen):
    """A λ to try, and a shopper to list items for."""

    number: int
    lambdas: tuple[float, ...]
    user: str | None = None  # any where None
    begin: bool = False  # whether comparisons begin here


class Order(Frozen):
    """What the process is to keep."""

    home: str
    config: RunConfig  # resolved
    penalties: tuple[float, ...] = PENALTIES  # to choose from; of one there is nothing to choose
