"""Expected times, worked out by hand; runs are named by letters and take as many seconds as said."""

from __future__ import annotations

import dataclasses
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtr.runs import waiting
from nmtr.runs.queue import QueueState
from nmtr.runs.store import Run
from nmtr.runs.waiting import Place, places
from tests.runs.fakes import FINGERPRINT, config


def run(name: str, owner: str = "") -> Run:
    return Run(
        **{field.name: None for field in dataclasses.fields(Run)}
        | {"id": name, "state": "queued", "config": config(), "fingerprint": FINGERPRINT, "owner": owner}
    )


def expected(
    running: dict[str, float], line: dict[str, float], slots: int = 1, per_owner: int | None = None, owners: str = ""
) -> dict[str, tuple[int, float | None, float | None]]:
    """`owners` has a letter for each run of the line, in order, `.` for nobody; those that train belong to nobody."""
    line_up = [run(name, owner.strip(".")) for name, owner in zip(line, owners or "." * len(line), strict=True)]
    found = places([run(name) for name in running], line_up, running | line, QueueState(False, slots, per_owner))
    return {name: dataclasses.astuple(place) for name, place in found.items()}


def test_runs_follow_one_another_in_line() -> None:
    assert expected({"a": 5}, {"b": 3, "c": 2}) == {"a": (0, 0, 5), "b": (1, 5, 8), "c": (2, 8, 10)}


def test_run_starts_at_once_where_nothing_trains() -> None:
    assert expected({}, {"a": 3}) == {"a": (1, 0, 3)}
    assert expected({}, {}) == {}


def test_each_place_goes_to_the_next_in_line_when_it_becomes_free() -> None:
    found = expected({"a": 5, "b": 2}, {"c": 9, "d": 1, "e": 1}, slots=2)
    assert found == {"a": (0, 0, 5), "b": (0, 0, 2), "c": (1, 2, 11), "d": (2, 5, 6), "e": (3, 6, 7)}


def test_more_run_than_now_are_allowed() -> None:
    assert expected({"a": 5, "b": 2}, {"c": 1})["c"] == (1, 5, 6)


def test_run_of_an_owner_at_the_limit_lets_others_go_first() -> None:
    found = expected({}, {"a": 4, "b": 1, "c": 2, "d": 1}, slots=2, per_owner=1, owners="xxyy")
    assert found == {"a": (1, 0, 4), "c": (3, 0, 2), "d": (4, 2, 3), "b": (2, 4, 5)}


def test_nobody_has_no_limit() -> None:
    assert expected({}, {"a": 4, "b": 1}, slots=2, per_owner=1)["b"] == (2, 0, 1)


def test_paused_queue_says_places_and_no_times() -> None:
    found = places([run("a")], [run("b")], {"a": 5, "b": 1}, QueueState(True, 1, None))
    assert found == {"a": Place(0, 0, 5), "b": Place(1, None, None)}


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["", "x", "y"])), max_size=12),
    st.integers(1, 4),
    st.none() | st.integers(1, 3),
)
def test_limits_hold_at_every_moment(line: list[tuple[float, str]], slots: int, per_owner: int | None) -> None:
    runs = [run(str(number), owner) for number, (_, owner) in enumerate(line)]
    left = {each.id: seconds for each, (seconds, _) in zip(runs, line, strict=True)}
    found = places([], runs, left, QueueState(False, slots, per_owner))
    assert [found[each.id].number for each in runs] == [*range(1, len(runs) + 1)]
    for moment in {place.starts for place in found.values()}:
        assert moment is not None
        now = [each for each in runs if (p := found[each.id]).starts <= moment < p.ends]  # type: ignore[operator]
        assert len(now) <= slots
        for owner in {each.owner for each in now} - {""}:
            assert per_owner is None or sum(each.owner == owner for each in now) <= per_owner


@pytest.mark.parametrize("per_owner", [None, 1])
def test_steps_to_place_runs_in_line_grow_as_the_line_does(per_owner: int | None) -> None:
    def steps(size: int) -> int:
        """Lines of `places` that are executed."""
        counted = 0

        def count(frame: FrameType, event: str, _: object) -> Any:
            nonlocal counted
            counted += event == "line"
            return count if frame.f_code.co_filename == waiting.__file__ else None

        runs = [run(str(number), owner=str(number % (size // 10))) for number in range(size)]
        before = sys.gettrace()
        sys.settrace(count)
        try:
            found = places([], runs, dict.fromkeys((each.id for each in runs), 1.0), QueueState(False, 2, per_owner))
        finally:
            sys.settrace(before)
        assert found[str(size - 1)].ends == size / 2
        return counted

    assert 0 < steps(4000) < 4.5 * steps(1000)
