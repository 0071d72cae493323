"""The weights' arithmetic: on the simplex, in hundredths, whatever is done to them in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.widgets.simplex import entered, placed, readable, rounded

NUMBERS = st.one_of(st.floats(), st.integers(-(10**6), 10**6))
THIRDS = [1 / 3, 1 / 3, 1 / 3]


def test_thirds_are_shown_in_hundredths_that_sum_to_1() -> None:
    assert rounded(THIRDS) == [0.33, 0.33, 0.34]
    assert rounded([1 / 6, 2 / 6, 3 / 6]) == [0.17, 0.33, 0.5]
    assert rounded([0.29, 0.71]) == [0.29, 0.71]


def test_others_keep_their_proportions() -> None:
    assert entered([0.2, 0.4, 0.4], (), 2, 0.7) == [0.1, 0.2, 0.7]
    assert entered([0.0, 0.0, 1.0], (), 2, 0.5) == [0.25, 0.25, 0.5]


def test_a_locked_weight_stays_and_bounds_the_others() -> None:
    assert entered([0.2, 0.3, 0.5], {0}, 2, 0.6) == [0.2, 0.2, 0.6]
    assert entered([0.2, 0.3, 0.5], {0}, 2, 1.0) == [0.2, 0.0, 0.8]
    assert placed([0.2, 0.3, 0.5], {0}, [0.7, 0.3, 0.1]) == [0.2, 0.6, 0.2]


def test_nothing_moves_with_fewer_than_two_free_weights() -> None:
    weights = [0.2, 0.3, 0.5]
    assert entered(weights, {0, 1}, 2, 0.9) == weights
    assert entered(weights, {2}, 2, 0.9) == weights
    assert placed(weights, {0, 1}, THIRDS) == placed(weights, {0, 1, 2}, THIRDS) == weights


Step = tuple[str, int, Any]


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, list[Step]]:
    count = draw(st.integers(2, 6))
    which = st.integers(0, count - 1)
    step = st.one_of(
        st.tuples(st.just("enter"), which, st.floats()),
        st.tuples(st.just("enter"), which, st.integers(0, 100).map(lambda hundredths: hundredths / 100)),
        st.tuples(st.just("lock"), which, st.none()),
        st.tuples(st.just("drag"), which, st.lists(NUMBERS, min_size=count, max_size=count)),
    )
    return count, draw(st.lists(step, max_size=20))


@given(edits())
def test_weights_stay_on_the_simplex_in_hundredths_and_locked_ones_where_they_are(
    edits: tuple[int, list[Step]],
) -> None:
    count, steps = edits
    weights, locked = [1 / count] * count, set[int]()
    for kind, moved, value in steps:
        before = rounded(weights)
        if kind == "lock":
            locked ^= {moved}
        elif kind == "enter":
            weights = entered(weights, locked, moved, value)
            room = 1 - sum(before[r] for r in locked)
            if 0 <= value <= room + 1e-9 and moved not in locked and len(locked) < count - 1:
                assert weights[moved] == pytest.approx(value, abs=0.0051)
        elif wanted := readable(value, count):
            weights = placed(weights, locked, wanted)
        shown = rounded(weights)
        hundredths = [100 * weight for weight in shown]
        assert hundredths == pytest.approx([round(part) for part in hundredths], abs=1e-9)
        assert sum(map(round, hundredths)) == 100 and min(shown) >= 0
        assert kind == "lock" or not steps or all(shown[r] == before[r] for r in locked)
        if len(locked) > count - 2:
            assert shown == before


@pytest.mark.parametrize("sent", [None, "0.3", {}, [], [1, 2], [1, 2, 3, 4], [1, 2, "3"], [1, None, 1], [0, 0, 0]])
def test_weights_that_are_not_three_numbers_are_refused(sent: Any) -> None:
    assert readable(sent, 3) is None


def test_weights_are_scaled_to_sum_to_1_and_never_negative() -> None:
    assert readable([1, 1, 2], 3) == [0.25, 0.25, 0.5]
    assert readable([-1, 1, 3], 3) == [0, 0.25, 0.75]
    assert readable([float("nan"), float("inf"), 2], 3) == [0, 0, 1]


@given(st.lists(NUMBERS, min_size=3, max_size=3))
def test_weights_from_any_browser_are_on_the_simplex_or_refused(sent: list[float]) -> None:
    weights = readable(sent, 3)
    if weights is not None:
        assert min(weights) >= 0 and sum(weights) == pytest.approx(1)


@pytest.mark.parametrize(("value", "expected"), [(1.8e306, 1.0), (-1.8e306, 0.0), (float("inf"), 0.0)])
def test_what_is_entered_beyond_all_bounds_is_taken_to_the_nearest_or_to_nothing(value: float, expected: float) -> None:
    assert entered([0.2, 0.3, 0.5], (), 2, value)[2] == expected
