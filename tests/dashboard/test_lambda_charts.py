"""What loss weights are worth, drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dashboard import charts
from dashboard.charts.base import blend
from dashboard.charts.behaviors import cues
from dashboard.charts.spots import shade, shades
from dashboard.charts.triangles import triangle
from nmtr.sweeps import simplex
from tests.dashboard.test_charts import contrast

THREE, TWO = ("view", "cart", "buy"), ("cart", "buy")
STATES = ("queued", "running", "stopped", "pruned", "failed", "empty")


def spots(behaviors: int, step: float) -> list[charts.Spot]:
    """The more even the weights, the better; the last six are not done."""
    found = []
    for number, weights in enumerate(simplex(behaviors, step)):
        value = 0.3 - 0.1 * math.dist(weights, [1 / behaviors] * behaviors)
        found.append(charts.Spot(weights, "done", str(number), value, 0.005))
    best = max(range(len(found) - 6), key=lambda n: found[n].value or 0.0)
    found = [
        replace(s, best=n == best, alike=(s.value or 0.0) > (found[best].value or 0.0) - 0.03)
        for n, s in enumerate(found)
    ]
    return found[:-6] + [
        replace(s, state=state, value=None, alike=False) for s, state in zip(found[-6:], STATES, strict=True)
    ]


def trace(figure: object, mode: str = "markers+text") -> object:
    return next(one for one in figure.data if getattr(one, "mode", "") == mode)  # type: ignore[attr-defined]


@pytest.mark.parametrize("theme", [charts.LIGHT, charts.DARK])
def test_each_choice_of_three_weights_has_a_mark_with_its_value_and_tells_its_key(theme: charts.Theme) -> None:
    shown = spots(3, 1 / 6)
    marks = trace(charts.triangle(shown, THREE, "HR@100", cues(THREE), theme))
    assert [key for (key,) in marks.customdata] == [spot.key for spot in shown]
    assert [text for text in marks.text if text] == [f"{s.value:.3f}"[1:] for s in shown if s.done]
    assert (
        "cart 0.50, buy 0.50<br>HR@100 .2"
        in marks.hovertext[shown.index(next(s for s in shown if s.weights == (0, 0.5, 0.5)))]
    )
    corners = {key: (x, y) for key, x, y in zip(shown, marks.x, marks.y, strict=True)}
    on_buy, on_view = (next(s for s in shown if s.weights[r] == 1) for r in (2, 0))
    assert corners[on_buy] == pytest.approx((0.5, math.sqrt(3) / 2)) and corners[on_view] == pytest.approx((0, 0))


def test_states_and_what_is_as_good_as_the_best_are_told_without_color() -> None:
    shown = spots(3, 1 / 6)
    figure = charts.triangle(shown, THREE, "HR@100", cues(THREE), charts.LIGHT)
    marks = trace(figure)
    looks = {
        s.state: (symbol, size) for s, symbol, size in zip(shown, marks.marker.symbol, marks.marker.size, strict=True)
    }
    assert len(set(looks.values())) == len(STATES) + 1
    rings = next(one for one in figure.data if one.name == "as good as the best")
    assert len(rings.x) == sum(spot.alike for spot in shown) > 1
    assert [note.text for note in figure.layout.annotations].count("★") == 1


def test_more_seeds_make_a_larger_mark() -> None:
    one, three = spots(3, 1 / 6)[0], replace(spots(3, 1 / 6)[1], seeds=3)
    marks = trace(charts.triangle([one, three], THREE, "HR@100", cues(THREE), charts.LIGHT))
    assert marks.marker.size[1] > marks.marker.size[0]


@pytest.mark.parametrize("theme", [charts.LIGHT, charts.DARK])
def test_a_better_value_stands_out_more_from_the_paper(theme: charts.Theme) -> None:
    steps = [contrast(shade(value / 10, (0.0, 1.0), theme), theme.paper) for value in range(11)]
    assert steps == sorted(steps) and steps[-1] > 7
    assert shade(-1, (0.0, 1.0), theme) == shades(theme)[0] and shade(2, (0.0, 1.0), theme) == shades(theme)[1]
    assert blend("#000000", "#FFFFFF", 0.5) == "#808080"


def test_shades_tell_good_weights_apart_though_others_are_far_off() -> None:
    shown = [charts.Spot((0, 0, 1), "done", str(n), value) for n, value in enumerate((0.1, 0.8, 0.82, 0.84, 0.86))]
    assert charts.scale(shown) == pytest.approx((0.74, 0.86))
    assert charts.scale(shown[1:]) == pytest.approx((0.8, 0.86))
    low, high = charts.scale(shown[:1])
    assert low < 0.1 < high and charts.scale([]) != (0, 0)


def test_contour_is_of_what_is_done_and_only_where_that_surrounds_it() -> None:
    shown = spots(3, 1 / 6)
    drawn = [one for one in triangle(shown, THREE, "HR@100", cues(THREE), charts.LIGHT).data if one.type == "contour"]
    values = [spot.value for spot in shown if spot.done and spot.value is not None]
    low, high = min(values), max(values)
    inside = [value for row in drawn[0].z for value in row if not math.isnan(value)]
    assert low - 1e-6 <= min(inside) and max(inside) <= high + 1e-6
    for few in ([], shown[:2], [spot for spot in shown if spot.weights[0] == 0]):  # nothing, or all on one line
        assert not [
            one
            for one in charts.triangle(few, THREE, "HR@100", cues(THREE), charts.LIGHT).data
            if one.type == "contour"
        ]


def test_triangles_beside_each_other_share_a_scale() -> None:
    shown = spots(3, 1 / 6)
    alone, shared = (
        trace(charts.triangle(shown, THREE, "HR@100", cues(THREE), charts.LIGHT, among=among, small=True)).marker.color
        for among in (None, (0.0, 1.0))
    )
    assert alone[0] != shared[0] and shared[0] == shade(shown[0].value or 0.0, (0.0, 1.0), charts.LIGHT)


def test_the_papers_optimum_is_marked_and_named() -> None:
    figure = charts.triangle(spots(3, 0.25), THREE, "HR@100", cues(THREE), charts.LIGHT, paper=([1 / 3] * 3, "theirs"))
    diamond = next(one for one in figure.data if one.type == "scatter" and one.marker.symbol == "diamond-open")
    assert (diamond.x[0], diamond.y[0]) == pytest.approx((0.5, math.sqrt(3) / 6))
    assert "◇ theirs" in [note.text for note in figure.layout.annotations]
    figure = charts.curve(spots(2, 0.1), TWO, "HR@100", cues(TWO), charts.LIGHT, paper=((0.4, 0.6), "theirs"))
    assert [line.x0 for line in figure.layout.shapes] == [0.6]


def test_a_curve_has_its_interval_and_leaves_what_has_no_value_on_the_axis() -> None:
    shown = spots(2, 0.1)
    figure = charts.curve(shown, TWO, "HR@100", cues(TWO), charts.LIGHT)
    done = sorted((spot for spot in shown if spot.done), key=lambda spot: spot.weights[-1])
    band = next(one for one in figure.data if one.name == "95 % interval")
    assert list(band.y[: len(done)]) == pytest.approx([(spot.value or 0.0) + 0.005 for spot in done])
    marks = trace(figure)
    assert len(marks.x) == len(shown)
    bottom = [y for spot, y in zip(shown, marks.y, strict=True) if spot.value is None]
    assert len(set(bottom)) == 1 and bottom[0] < min(band.y)


def test_parallel_axes_carry_weights_and_the_metric_the_best_on_top() -> None:
    shown = [spot for spot in spots(4, 0.25) if spot.done]
    axes = [
        charts.Axis(f"w{r}", [s.weights[r] for s in shown], [f"{s.weights[r]:.2f}" for s in shown], ("0", "1"))
        for r in range(4)
    ]
    figure = charts.parallel(shown, axes, "HR@100", charts.LIGHT)
    best = next(spot for spot in shown if spot.best)
    assert len(figure.data) == len(shown)
    assert list(figure.data[-1].y) == pytest.approx([*best.weights, 1.0]) and figure.data[-1].customdata[0] == [
        best.key
    ]


def test_what_a_weight_costs_is_a_line_through_the_means_of_each_behavior() -> None:
    values = {"cart": [0.4, 0.3, 0.1], "buy": [0.1, 0.2, 0.4]}
    bars = {"cart": [None, None, None], "buy": [0.01, 0.02, None]}
    figure = charts.costs([0, 0.5, 0.5], values, bars, "buy", "HR@100", cues(TWO), charts.LIGHT)
    single = [one for one in figure.data if one.mode == "markers"]
    assert [list(one.error_y.array) for one in single] == [[0, 0, 0], [0.01, 0.02, 0]]
    lines = {one.name: list(one.y) for one in figure.data if one.mode == "lines+markers"}
    assert lines == {"cart": pytest.approx([0.4, 0.2]), "buy": pytest.approx([0.1, 0.3])}


def test_makeups_stack_the_weights_to_1() -> None:
    figure = charts.makeups(
        [charts.Makeup("5–8", (0.1, 0.3, 0.6), ".31"), charts.Makeup("> 8", (0.3, 0.3, 0.4), ".32")],
        THREE,
        cues(THREE),
        charts.LIGHT,
    )
    assert [sum(bar.x[row] for bar in figure.data) for row in (0, 1)] == pytest.approx([1, 1])
    assert figure.data[1].text[0] == "■ cart .30" and figure.data[0].text[0] == ""
