"""What every test keeps to."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings


def test_drawing_is_held_to_no_time() -> None:
    assert settings().deadline is None and HealthCheck.too_slow in settings().suppress_health_check


def test_no_fixture_is_an_argument_of_a_test_that_draws(request: pytest.FixtureRequest) -> None:
    """A failure prints all arguments, and 49 kB among them hide what failed: draw in a function inside the test."""
    drawing = [each for each in request.session.items if is_hypothesis_test(getattr(each, "obj", None))]
    assert {each.name: each._fixtureinfo.argnames for each in drawing if each._fixtureinfo.argnames} == {}
