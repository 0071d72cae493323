"""What is said of a best λ that goes by what gives the test purchases away."""

from __future__ import annotations

import pytest

from nmtr.config import Protocol
from nmtr.sweeps import Plan, Point, Study, cautions

OUT = "The best λ leaves buy out: the model learns nothing from buy."
LEAKY = (
    "The best λ puts most weight on cart, where 62% of the held-out purchases stand and standard leaves them: it may "
    "be best at finding these again, and not at predicting. Study under clean."
)


def study(best: tuple[float, ...] | None, protocol: Protocol) -> Study:
    """One whose best of two points has these weights; with none, nothing is done."""
    weights = [best or (0.5, 0.25, 0.25), (0.2, 0.2, 0.6)]
    points = [
        Point.model_validate(
            {
                "number": n,
                "options": {"lambdas": list(own)},
                "runs": (),
                "state": "done" if best else "queued",
                "epoch": 1,
                "epochs": 1,
                "value": 0.5 - n / 10 if best else None,
            }
        )
        for n, own in enumerate(weights)
    ]
    return Study(
        id="abcdefgh",
        plan=Plan.parse({"config": {"data": "shop", "protocol": protocol}}),
        created=0.0,
        state="done",
        data="shop",
        behaviors=("view", "cart", "buy"),
        protocol=protocol,
        fingerprint="f",
        points=tuple(points),
        planned=2,
    )


@pytest.mark.parametrize(
    ("best", "protocol", "said"),
    [
        ((0.2, 0.8, 0.0), "standard", (OUT, LEAKY)),
        ((0.1, 0.5, 0.4), "standard", (LEAKY,)),
        ((0.8, 0.2, 0.0), "standard", (OUT,)),  # most on the view, which leaks less
        ((0.4, 0.4, 0.2), "standard", (LEAKY,)),
        ((1 / 3, 1 / 3, 1 / 3), "standard", ()),
        ((0.2, 0.3, 0.5), "standard", ()),
        ((0.2, 0.8, 0.0), "clean", (OUT,)),  # where nothing is left to find again
        ((0.1, 0.5, 0.4), "clean", ()),
        (None, "standard", ()),
    ],
)
def test_best_weights_that_go_by_the_leak_are_named(
    best: tuple[float, ...] | None, protocol: Protocol, said: tuple[str, ...]
) -> None:
    assert cautions(study(best, protocol), {"view": 0.3, "cart": 0.62}) == said


def test_nothing_is_said_of_a_leak_that_is_not_known_or_not_there() -> None:
    assert cautions(study((0.2, 0.4, 0.4), "standard"), {}) == ()
    assert cautions(study((0.1, 0.5, 0.4), "standard"), {"view": 0.0, "cart": 0.0}) == ()
    assert cautions(study((0.1, 0.5, 0.4), "standard"), {}) == ()
