"""Studies in marks and words; they are made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dashboard import charts
from dashboard.views.lab import details, findings
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
    places = findings.untried(study)
    assert len(places) == behaviors - 1  # the best is a corner
    for place in places:
        assert sum(place) == pytest.approx(1) and min(place) >= 0
        assert max(abs(a - b) for a, b in zip(place, best.lambdas, strict=True)) == pytest.approx(step / 2)


def test_places_around_a_best_within_are_on_all_sides_and_none_is_there_twice() -> None:
    study = made([{"lambdas": [1 / 3] * 3}], [0.3], step=1 / 3)
    places = findings.untried(study)
    near = [place for place in places if max(abs(a - 1 / 3) for a in place) < 0.2]
    assert len(near) == 6 and len(places) == 6 + 9 == len({findings.key_of(place) for place in places})


@pytest.mark.parametrize("done", [True, False])
def test_four_behaviors_have_a_line_a_point_and_nothing_to_click_besides(done: bool) -> None:
    study = grid(4, 0.1, done)
    assert findings.untried(study) == []
    spots, axes = findings.spots(study, None), findings.axes(study)
    assert [spot.key for spot in spots] == [str(point.number) for point in study.points]
    figure = charts.parallel(spots, axes, study.metric, charts.LIGHT)
    for line in figure.data:
        (number,) = line.customdata[0]
        assert list(line.y[:-1]) == pytest.approx(study.points[int(number)].lambdas)


HALVES = [{"lambdas": list(weights)} for weights in simplex(3, 1 / 2)]


@pytest.mark.parametrize(
    ("count", "good", "said"),
    [
        (1, [0], ""),
        (2, [0], "No other of the 2 weights done is as good."),
        (2, [0, 1], "None of the 2 weights done can be told from the best: pick either."),
        (6, [0, 3], "1 of the 5 others done cannot be told from the best: pick either."),
        (6, [0, 2, 3], "2 of the 5 others done cannot be told from the best: pick any of them."),
        (6, range(6), "None of the 6 weights done can be told from the best: pick any of them."),
    ],
)
def test_those_as_good_as_the_best_are_counted_without_it(count: int, good: Sequence[int], said: str) -> None:
    values = [0.3 - n / 100 for n in range(count)]
    assert findings.alike(made(HALVES[:count], values, equally_good=good, step=1 / 2)) == said


def test_nothing_is_claimed_of_what_went_with_a_deleted_run() -> None:
    values = [0.3 - n / 100 for n in range(6)]
    study = made(HALVES, values, equally_good=[0, 2], step=1 / 2)
    points = list(study.points)
    points[1] = points[1].model_copy(update={"low": None, "high": None})
    study = study.model_copy(update={"points": tuple(points)})
    assert findings.alike(study).endswith("pick either. 1 cannot be judged: its run was deleted.")
    assert [findings.standing(study, points[n]) for n in range(4)] == [
        "the best of the study",
        ".010 behind the best; whether by more than chance cannot be judged: its run was deleted",
        "as good as the best: the difference may be chance",
        ".030 behind the best, which is more than chance",
    ]
    assert [row["as good as the best"] for row in findings.rows(study)] == [True, None, True, False, False, False]


def test_nothing_is_claimed_where_the_run_of_the_best_was_deleted() -> None:
    study = made(HALVES, [0.3 - n / 100 for n in range(6)], step=1 / 2)
    assert findings.alike(study) == "What is as good as the best cannot be judged: its run was deleted."
    assert "the run of the best was deleted" in findings.standing(study, study.points[3])
    assert "more than chance cannot be judged" in findings.standing(study, study.points[3])
    assert {row["as good as the best"] for row in findings.rows(study)} == {None}


def test_units_stand_beside_each_other_only_where_nothing_else_differs() -> None:
    def study(name: str, unit: str, more: dict[str, Any] | None = None, **plan: Any) -> Study:
        found = made(HALVES, [0.3] * 6, config={"unit": unit, **(more or {})}, step=1 / 2, **plan)
        return found.model_copy(update={"id": name})

    gmf, mlp = study("gmf", "gmf"), study("mlp", "mlp", {"threads": 1, "behaviors": BEHAVIORS[1:]})
    unlike = [
        study(f"unlike{n}", "neumf", config, **plan)
        for n, (config, plan) in enumerate(
            [
                ({"hold_out_lower": True}, {}),
                ({"epochs": 5}, {}),
                ({"loss": "shared"}, {}),
                ({"seed": 7}, {}),
                ({"cascade": "mean"}, {}),
                ({"protocol": "standard"}, {}),
                ({}, {"seeds": 3}),
                ({}, {"prune": True}),
                ({}, {"metric": "HR@50"}),
            ]
        )
    ]
    named = study("neumf", "neumf", {"loss": "sampled"})  # which it would take anyhow
    assert [one.id for one in details.alike(gmf, (*unlike, gmf, mlp))] == ["gmf", "mlp"]
    assert [one.id for one in details.alike(mlp, (*unlike, named, gmf, mlp))] == ["gmf", "mlp", "neumf"]


def test_a_study_without_weights_has_a_line_a_point_across_what_it_searches() -> None:
    options = [{"unit": unit, "learning_rate": rate} for unit in ("gmf", "mlp") for rate in (0.01, 0.1, 0.05)]
    plan = {"sampler": "tpe", "trials": 6, "search": ("unit", "learning_rate")}
    study = made(options, [0.1, 0.3, 0.2, 0.15, 0.25, None], **plan)
    axes = findings.axes(study)
    assert [axis.name for axis in axes] == ["unit", "learning rate"] and findings.searched(study) == (
        "unit and learning rate"
    )
    figure = charts.parallel(findings.spots(study, None), axes, study.metric, charts.LIGHT)
    lines = {line.customdata[0][0]: list(line.y) for line in figure.data}
    assert set(lines) == {"0", "1", "2", "3", "4"} and lines["1"] == pytest.approx([0, 1, 1])
    assert lines["3"] == pytest.approx([1, 0, 0.25])
