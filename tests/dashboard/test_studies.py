"""Studies in marks and words; they are made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dashboard import charts, studies
from nmtr.sweeps import Plan, Point, Study, simplex

BEHAVIORS = ("view", "cart", "collect", "buy")


def made(
    options: Sequence[dict[str, Any]],
    values: Sequence[float | None],
    behaviors: Sequence[str] = BEHAVIORS[1:],
    equally_good: Sequence[int] = (),
    half_width: float | None = 0.01,
    config: dict[str, Any] | None = None,
    **plan: Any,
) -> Study:
    """A study whose points have these options and values; those without a value wait."""
    points = [
        Point(
            number=number,
            options=own,
            runs=(f"run{number}",),
            state="queued" if value is None else "done",
            epoch=0 if value is None else 5,
            epochs=5,
            value=value,
            low=None if value is None or half_width is None else value - half_width,
            high=None if value is None or half_width is None else value + half_width,
        )
        for number, (own, value) in enumerate(zip(options, values, strict=True))
    ]
    return Study(
        id="study123",
        plan=Plan.parse({"config": {"data": "shop", **(config or {})}, **plan}),
        created=0.0,
        state="running" if None in values else "done",
        data="shop",
        behaviors=tuple(behaviors),
        protocol="standard",
        fingerprint="f" * 16,
        points=tuple(points),
        planned=len(points),
        equally_good=frozenset(equally_good),
    )


def grid(behaviors: int, step: float, done: bool = True, **more: Any) -> Study:
    """A study of a whole grid, the last point best."""
    options = [{"lambdas": list(weights)} for weights in simplex(behaviors, step)]
    values = [0.1 + n / 10_000 if done else None for n in range(len(options))]
    return made(options, values, BEHAVIORS[-behaviors:], step=step, **more)


@pytest.mark.parametrize(("behaviors", "step"), [(2, 0.002), (3, 0.04), (3, 1 / 43)])
def test_a_fine_study_that_is_done_has_places_around_its_best_and_no_others(behaviors: int, step: float) -> None:
    """Of three behaviors there would be more than a thousand places in half steps of .04."""
    study = grid(behaviors, step)
    best = study.best
    assert best is not None and best.lambdas is not None
    places = studies.untried(study)
    assert len(places) == behaviors - 1  # the best is a corner
    for place in places:
        assert sum(place) == pytest.approx(1) and min(place) >= 0
        assert max(abs(a - b) for a, b in zip(place, best.lambdas, strict=True)) == pytest.approx(step / 2)


def test_places_around_a_best_within_are_on_all_sides_and_none_is_there_twice() -> None:
    study = made([{"lambdas": [1 / 3] * 3}], [0.3], step=1 / 3)
    places = studies.untried(study)
    near = [place for place in places if max(abs(a - 1 / 3) for a in place) < 0.2]
    assert len(near) == 6 and len(places) == 6 + 9 == len({studies.key_of(place) for place in places})


@pytest.mark.parametrize("done", [True, False])
def test_four_behaviors_have_a_line_a_point_and_nothing_to_click_besides(done: bool) -> None:
    study = grid(4, 0.1, done)
    assert studies.untried(study) == []
    spots, axes = studies.spots(study, None), studies.axes(study)
    assert [spot.key for spot in spots] == [str(point.number) for point in study.points]
    figure = charts.parallel(spots, axes, study.metric, charts.LIGHT)
    for line in figure.data:
        (number,) = line.customdata[0]
        assert list(line.y[:-1]) == pytest.approx(study.points[int(number)].lambdas)
