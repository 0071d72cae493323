"""What is drawn where runs are compared."""

from __future__ import annotations

import pytest

from dashboard import charts
from tests.dashboard.test_charts import contrast

NAMES = ["NMTR-GMF", "NMTR-MLP · epochs 5", "BPR-MF"]
LOOKS = charts.looks(NAMES, "BPR-MF")


@pytest.mark.parametrize("count", [1, 2, 5, 10])
@pytest.mark.parametrize("theme", [charts.LIGHT, charts.DARK])
def test_runs_are_told_apart_without_color_and_seen_on_either_paper(count: int, theme: charts.Theme) -> None:
    found = charts.looks([f"run {number}" for number in range(count)] + ["base"], "base")
    assert len({look.symbol for look in found.values()}) == count + 1
    assert min(contrast(look.color, theme.paper) for look in found.values()) >= 3


def test_reference_is_grey_wherever_it_stands() -> None:
    for names in (NAMES, NAMES[::-1]):
        assert charts.looks(names, "BPR-MF")["BPR-MF"] == LOOKS["BPR-MF"]


def test_a_run_alone_is_no_reference() -> None:
    assert charts.looks(["BPR-MF"], "BPR-MF")["BPR-MF"].symbol != LOOKS["BPR-MF"].symbol


def test_intervals_take_the_looks_that_runs_have() -> None:
    runs = [charts.Measured(0.5 - n / 10, 0.02, name, n == 2, LOOKS[name]) for n, name in enumerate(NAMES)]
    figure = charts.intervals(runs, charts.LIGHT)
    assert [point.marker.symbol for point in figure.data] == [LOOKS[name].symbol for name in NAMES]
    assert "NMTR-MLP · epochs 5" in [note.text for note in figure.layout.annotations]
    assert [(line.x0, line.x1) for line in figure.layout.shapes] == [(0.3, 0.3)]  # where BPR-MF stands


def test_parts_stand_hollow_and_filled_at_their_values_with_a_bar_between() -> None:
    rows = [charts.Parted("NMTR-GMF", (0.7, 0.02), (0.1, 0.01)), charts.Parted("BPR-MF", (0.2, None), (0.3, 0.01))]
    figure = charts.parted(rows, LOOKS, charts.LIGHT)
    bars = [trace for trace in figure.data if trace.mode == "lines"]
    assert [list(bar.x) for bar in bars] == [[0.1, 0.7], [0.3, 0.2]]
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(point.x[0], point.name) for point in points] == [
        (0.1, "not visited"),
        (0.7, "visited"),
        (0.3, "not visited"),
        (0.2, "visited"),
    ]
    assert points[0].marker.color == charts.LIGHT.paper and points[1].marker.color == LOOKS["NMTR-GMF"].color
    assert [point.error_x.array[0] for point in points] == [0.01, 0.02, 0.01, 0]
    assert figure.layout.xaxis.range[1] > 0.72


def test_groups_are_drawn_sparsest_first_with_their_users() -> None:
    groups = {"5–8": 6056, "> 8": 15660}
    values = {name: [(0.1 * (n + 1), 0.01), (0.2 * (n + 1), None)] for n, name in enumerate(NAMES)}
    figure = charts.by_group(groups, values, LOOKS, charts.LIGHT)
    assert list(figure.layout.xaxis.ticktext) == ["5–8<br>6,056 users", "&gt; 8<br>15,660 users"]
    for line, (name, parts) in zip(figure.data, values.items(), strict=True):
        assert list(line.y) == [value for value, _ in parts] and list(line.error_y.array) == [0.01, 0]
        assert [round(x) for x in line.x] == [0, 1]
        assert (line.name, line.line.dash) == (name, LOOKS[name].dash)
    assert len({line.x[0] for line in figure.data}) == 3  # beside each other


def test_differences_are_written_with_their_sign() -> None:
    figure = charts.differences({"2": 10, "> 2": 5}, {"NMTR-GMF": [(0.05, 0.01), (-0.02, 0.01)]}, LOOKS, charts.LIGHT)
    assert list(figure.data[0].text) == ["2: +.050 ± .010", "&gt; 2: −.020 ± .010"]
    assert figure.layout.yaxis.zeroline


def test_curves_are_drawn_one_a_run_at_their_epochs() -> None:
    curves = {"NMTR-GMF": {1: 0.1, 2: 0.3, 3: 0.2}, "BPR-MF": {1: 0.05}}
    figure = charts.by_epoch(curves, LOOKS, "HR@100", charts.LIGHT)
    assert [list(line.x) for line in figure.data] == [[1, 2, 3], [1]]
    assert [list(line.y) for line in figure.data] == [[0.1, 0.3, 0.2], [0.05]]
    assert [line.mode for line in figure.data] == ["lines", "lines+markers"]
    assert figure.layout.xaxis.range[1] > 3 and figure.layout.showlegend
