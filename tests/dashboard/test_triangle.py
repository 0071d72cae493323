from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.triangle import checked

NUMBERS = st.one_of(st.floats(), st.integers(-(10**6), 10**6))


@pytest.mark.parametrize("sent", [None, "0.3", {}, [], [1, 2], [1, 2, 3, 4], [1, 2, "3"], [1, None, 1], [0, 0, 0]])
def test_weights_that_are_not_three_numbers_are_refused(sent: Any) -> None:
    assert checked(sent) is None


def test_weights_are_scaled_to_sum_to_1_and_never_negative() -> None:
    assert checked([1, 1, 2]) == [0.25, 0.25, 0.5]
    assert checked([-1, 1, 3]) == [0, 0.25, 0.75]
    assert checked([float("nan"), float("inf"), 2]) == [0, 0, 1]


@given(st.lists(NUMBERS, min_size=3, max_size=3))
def test_weights_from_any_browser_are_on_the_simplex_or_refused(sent: list[float]) -> None:
    weights = checked(sent)
    if weights is not None:
        assert min(weights) >= 0 and sum(weights) == pytest.approx(1)
