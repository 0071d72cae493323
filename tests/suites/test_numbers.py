"""How figures are written."""

from __future__ import annotations

import pytest

from nmtr.compare import Interval
from nmtr.suites.numbers import NONE, number, with_interval


@pytest.mark.parametrize(
    ("value", "signed", "written"),
    [
        *((0.25, False, ".2500"), (0.25, True, "+.2500"), (-0.5, False, "-.5000"), (-0.5, True, "-.5000")),
        *((20.05, False, "20.0500"), (10.5, False, "10.5000"), (10.5, True, "+10.5000"), (-10.04, False, "-10.0400")),
        *((1.0, False, "1.0000"), (0.0, False, ".0000"), (None, False, NONE)),
    ],
)
def test_number_loses_the_zero_before_its_point_and_no_other(value: float | None, signed: bool, written: str) -> None:
    assert number(value, signed) == written


def test_interval_is_written_where_there_is_one() -> None:
    assert with_interval(Interval(value=20.05, low=10.0, high=31.0)) == "20.0500 ± 10.5000"
    assert with_interval(Interval(value=0.5, low=None, high=None)) == ".5000"
