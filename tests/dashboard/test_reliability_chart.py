"""The reliability curve: what is drawn where, and what stands beside it."""

from __future__ import annotations

import math

import pytest

from dashboard import charts
from dashboard.charts.behaviors import cues
from nmtr.chances import Bin, Reliability

CUE = cues(("view", "cart", "buy"))["buy"]


def judged(*bins: Bin) -> Reliability:
    found, expected = sum(part.found for part in bins), sum(part.chance * part.pairs for part in bins)
    pairs = sum(part.pairs for part in bins)
    return Reliability(pairs=pairs, found=found, expected=expected, bins=bins, error=0.0, by_chance=0.0)


RARE = Bin(pairs=10_000, found=10, chance=0.002, rate=0.001, low=0.0005, high=0.0018)
NONE = Bin(pairs=900, found=0, chance=0.004, rate=0.0, low=0.0, high=0.0043)
LIKELY = Bin(pairs=400, found=10, chance=0.026, rate=0.025, low=0.0137, high=0.0454)


def test_what_was_said_stands_along_and_what_was_found_up_with_its_interval() -> None:
    figure = charts.reliability({"without the map": judged(RARE), "as shown": judged(RARE, LIKELY)}, CUE, charts.LIGHT)
    diagonal, before, after = figure.data
    assert list(diagonal.x) == list(diagonal.y)
    assert (list(before.x), list(before.y)) == ([0.002], [0.001])
    assert (list(after.x), list(after.y)) == ([0.002, 0.026], [0.001, 0.025])
    assert list(after.error_y.array) == pytest.approx([0.0008, 0.0204])
    assert list(after.error_y.arrayminus) == pytest.approx([0.0005, 0.0113])
    assert after.line.color == charts.LIGHT.line(CUE) != before.line.color
    assert list(after.marker.symbol) == ["diamond", "diamond"] and list(before.marker.symbol) == ["x"]
    assert after.text[1] == "says 1 in 38, found 1 in 40 (1 in 73 to 1 in 22)<br>10 of 400 pairs"


def test_all_that_is_drawn_lies_within_both_axes_which_are_the_same() -> None:
    figure = charts.reliability({"as shown": judged(RARE, NONE, LIKELY)}, CUE, charts.DARK)
    low, high = figure.layout.xaxis.range
    assert figure.layout.yaxis.range == (low, high) and figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert low < math.log10(0.0005) and math.log10(0.0454) < high <= 0
    assert list(figure.layout.xaxis.ticktext) == ["1 in 100", "1 in 1,000"]
    assert list(figure.layout.yaxis.ticktext) == ["1 in 30", "1 in 100", "1 in 300", "1 in 1,000"]
    assert list(figure.layout.yaxis.tickvals) == pytest.approx([1 / 30, 1 / 100, 1 / 300, 1 / 1000])


def test_a_bin_in_which_nothing_was_found_stands_on_the_edge_as_a_hollow_triangle() -> None:
    figure = charts.reliability({"as shown": judged(RARE, NONE, LIKELY)}, CUE, charts.LIGHT)
    curve = figure.data[-1]
    assert list(curve.marker.symbol) == ["diamond", "triangle-down-open", "diamond"]
    assert curve.y[1] == pytest.approx(10 ** figure.layout.yaxis.range[0])
    assert "found none (none to 1 in 230)" in curve.text[1]
