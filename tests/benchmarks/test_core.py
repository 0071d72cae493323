"""Sides take turns, cases share them, and what a case says follows from its rounds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from benchmarks.core import Case, Figures, Measure, Round, Side, Target, figure, measure
from benchmarks.errors import BenchmarkError
from benchmarks.results import CaseResult, Found, Machine, load

MACHINE = Machine(
    processor="a | b",
    threads=2,
    memory_gb=8,
    load=0,
    system="s",
    python="3",
    torch="2",
    numpy="2",
    kernels=True,
    commit="c",
)


def side(name: str, log: list[str], seconds: Callable[[], float] = lambda: 1.0) -> Side:
    def measured() -> Figures:
        log.append(name)
        return {"seconds": seconds()}

    return Side(name, measured)


def case(name: str, *sides: Side, **more: int) -> Case:
    """Its one measure is the first side's seconds in those of the last."""

    def ratio(figures: Round) -> float:
        return figures[sides[-1].name]["seconds"] / figures[sides[0].name]["seconds"]

    return Case(name, name.title(), "made up", sides, (Measure("ratio", "x", ratio, Target(3, at_least=True)),), **more)


def test_sides_take_turns_and_cases_share_them() -> None:
    log: list[str] = []
    ours, theirs, other = (side(name, log) for name in ("ours", "theirs", "other"))
    measured = measure([case("a", ours, theirs), case("b", other, theirs)], 2, lambda line: None)
    assert log == ["ours", "theirs", "other"] * 2
    assert [set(figures) for figures in measured.of(case("b", other, theirs))] == [{"other", "theirs"}] * 2


def test_a_case_may_have_fewer_rounds_but_not_more() -> None:
    log: list[str] = []
    ours, theirs = side("ours", log), side("theirs", log)
    long, short = case("long", ours, theirs, most_rounds=1), case("short", theirs, theirs)
    measured = measure([long, short], 3, lambda line: None)
    assert (log.count("ours"), log.count("theirs")) == (1, 3)
    assert (len(measured.of(long)), len(measured.of(short))) == (1, 3)


def test_a_side_that_fails_takes_only_its_own_cases_along() -> None:
    log: list[str] = []

    def missing() -> float:
        raise BenchmarkError("install it.")

    ours, theirs = side("ours", log), side("theirs", log, missing)
    alone, against = case("alone", ours), case("against", ours, theirs)
    measured = measure([alone, against], 3, lambda line: None)
    assert log.count("theirs") == 1
    assert (measured.reason(alone), measured.reason(against)) == (None, "install it.")
    assert len(measured.of(alone)) == 3


def test_the_median_of_the_rounds_meets_the_target() -> None:
    """Of ratios 2, 5, 3 it is 3; the ratio of the medians would be another number."""
    ours = side("ours", [], iter([1.0, 2.0, 3.0]).__next__)
    theirs = side("theirs", [], iter([2.0, 10.0, 9.0]).__next__)
    contest = case("contest", ours, theirs)
    measured = measure([contest], 3, lambda line: None)
    (found,) = CaseResult.of(contest, measured.of(contest), MACHINE).measures
    assert (found.rounds, found.median, found.reached) == ((2, 5, 3), 3, True)
    assert found.target == "at least 3 x"


@pytest.mark.parametrize(("median", "reached"), [(0.5, True), (1.0, True), (1.01, False)])
def test_at_most_is_reached_up_to_the_limit(median: float, reached: bool) -> None:
    assert Target(1.0).reached(median) is reached
    assert Target(1.0, at_least=True).reached(median) is (median >= 1)


def test_results_are_kept_whole(tmp_path: Path) -> None:
    numbers = count(1)
    ours = side("ours", [], lambda: float(next(numbers)))
    alone = Case("alone", "Alone", "made up", (ours,), (figure(ours, "seconds", "epoch", "s"),))
    result = CaseResult.of(alone, measure([alone], 3, lambda line: None).of(alone), MACHINE)
    result.save(tmp_path)
    assert load(tmp_path) == {"alone": result}
    assert result.rounds == tuple({"ours": {"seconds": float(n)}} for n in (1, 2, 3))
    assert result.measures == (
        Found(label="epoch", unit="s", rounds=(1, 2, 3), median=2, limit=None, at_least=False, reached=None),
    )
