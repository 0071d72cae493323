"""What validation ranks say of points: intervals, equally good ones, groups of users; ranks are made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dashboard.views.lab.findings import alike, standing
from nmtr.cli.studies import show_points, text
from nmtr.compare.entries import Entry
from nmtr.compare.scores import scores
from nmtr.data.library import Library
from nmtr.runs.checkpoint import save_ranks
from nmtr.sweeps import Plan, Study, create, judging, read, sensitivity, storage, trade_off
from nmtr.sweeps.study import OPTIONS, RUNS
from nmtr.workspace import Workspace
from tests.runs import fakes
from tests.runs.fakes import FINGERPRINT
from tests.sweeps.fakes import DATA, USERS

Make = Callable[..., Study]


@pytest.fixture
def made(workspace: Workspace) -> Make:
    """A study whose done points have these validation ranks, for each point one row (M,) a seed."""

    def made(*ranks: Any, metric: str = "HR@100", states: tuple[str, ...] = ()) -> Study:
        from optuna.trial import TrialState

        step = 1 / (len(ranks) - 1)
        plan = {"config": {"data": "quick"}, "step": step, "metric": metric, "seeds": len(ranks[0])}
        study = create(workspace, Plan.parse(plan))
        kept = storage.load(workspace, study.id)
        for own in ranks:
            trial = kept.ask()
            lambdas = trial.study.trials[trial.number].user_attrs[OPTIONS]["lambdas"]
            runs = []
            for seed, row in enumerate(own):
                config = workspace.prepare(study.plan.config)[0].model_copy(
                    update={"lambdas": tuple(lambdas), "seed": seed}
                )
                run = workspace.runs.create(config, FINGERPRINT, foreground=True)
                value = float((np.asarray(row) < 100).mean())
                workspace.runs.finish(run.id, fakes.result(value))
                save_ranks(workspace.runs.folder(run.id), {"valid": np.asarray(row, float), "test": np.zeros(USERS)})
                runs.append(run.id)
            trial.set_user_attr(RUNS, runs)
            state = dict(enumerate(states)).get(trial.number, "done")
            if state == "pruned":
                trial.report(1.0, 1)
                kept.tell(trial, state=TrialState.PRUNED)
            else:
                kept.tell(trial, float(np.mean([(np.asarray(row) < 100).mean() for row in own])))
        return read(workspace, study.id)

    return made


def first(hits: int) -> Any:
    """Ranks by which the first so many users are hit."""
    return np.where(np.arange(USERS) < hits, 0.0, 150.0)


def test_points_that_differ_by_chance_are_equally_good_and_others_are_not(made: Make) -> None:
    rng = np.random.default_rng(0)
    noisy = [rng.permutation(first(108)) for _ in range(2)]  # two hits fewer, and of other users
    study = made([first(110)], [noisy[0]], [noisy[1]], [first(60)])
    assert study.best is not None and study.best.number == 0
    assert study.equally_good == {0, 1, 2}


def test_points_keep_their_intervals_where_the_run_of_the_best_is_deleted(
    made: Make, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    study = made([first(110)], [first(100)], [first(60)])
    best = study.point(None)
    workspace.runs.delete(best.runs[0])
    left = read(workspace, study.id)
    assert left.best is not None and left.best.number == best.number and left.best.low is None
    assert [point.low for point in left.points[1:]] == [point.low for point in study.points[1:]] and left.points[1].low
    assert left.equally_good == frozenset() and "cannot be judged: its run was deleted" in alike(left)
    assert "cannot be judged: the run of the best was deleted" in standing(left, left.points[1])
    show_points(left, None)
    assert f"best on validation: {text(best)}.\n" in capsys.readouterr().out


def test_differences_are_paired(made: Make) -> None:
    """Six of 200 users more, and none fewer: far within either's interval, and more than chance."""
    study = made([first(106)], [first(100)])
    better, worse = study.points
    assert better.low is not None and worse.high is not None and better.low < worse.value < worse.high
    assert study.equally_good == {0}


def test_intervals_are_those_of_a_comparison(workspace: Workspace, made: Make) -> None:
    rng = np.random.default_rng(1)
    ranks = rng.integers(0, 200, (3, 2, USERS)).astype(float)
    ranks[:, :, :20] = np.nan  # nothing of theirs is held out
    study = made(*ranks, metric="NDCG@100")
    entries = []
    for point, own in zip(study.points, ranks, strict=True):
        entries.append(Entry(str(point.number), tuple(map(workspace.runs.get, point.runs)), own))
    (table,) = scores(entries, 0, ["NDCG@100"], [np.ones(USERS - 20, bool)])
    for point, columns in zip(study.points, table, strict=True):
        assert (point.low, point.high) == pytest.approx((columns["NDCG@100"].low, columns["NDCG@100"].high))


def test_users_are_worth_their_mean_over_seeds(made: Make) -> None:
    """The first point has twice the hits of either seed, on half of the users each: its users are all worth a half."""
    alternate = np.where(np.arange(USERS) % 2 == 0, 0.0, 150.0)
    study = made([alternate, 150.0 - alternate], [first(50), first(50)])
    assert (study.points[0].low, study.points[0].high) == (0.5, 0.5)


def test_pruned_points_are_not_among_the_equally_good(made: Make) -> None:
    study = made([first(110)], [first(110)], [first(110)], states=("pruned",))
    assert study.equally_good == {1, 2} and study.points[0].low is None
    assert study.best is not None and study.best.number == 1


def test_point_whose_run_was_deleted_keeps_its_value_and_has_no_interval(workspace: Workspace, made: Make) -> None:
    study = made([first(110)], [first(110)], [first(20)])
    workspace.runs.delete(study.points[1].runs[0])
    again = read(workspace, study.id)
    assert again.points[1].value == study.points[1].value and again.points[1].low is None
    assert again.equally_good == {0}
    workspace.runs.delete(study.points[0].runs[0])
    assert read(workspace, study.id).equally_good == frozenset()


def test_group_with_another_best_point_is_found(
    workspace: Workspace, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first fifty users buy least and are served by the second point alone, all others by the first alone."""
    few = np.arange(USERS) < 50
    monkeypatch.setattr(Library, "load", lambda self, name: DATA)
    monkeypatch.setattr("nmtr.sweeps.judging.purchases", lambda dataset: np.where(few, 2, 9))
    study = made([np.where(few, 150.0, 0.0)], [np.where(few, 0.0, 150.0)])
    sparse, rich = sensitivity(workspace, study)
    assert study.best is not None and study.best.number == 0
    assert (sparse.group, sparse.users, sparse.number, sparse.value, sparse.behind) == ("2–8", 50, 1, 1.0, -1.0)
    assert sparse.differs and sparse.equally_good == {1}
    assert (rich.users, rich.number, rich.behind, rich.differs) == (150, 0, 0.0, False)


def test_the_best_of_many_points_for_a_group_is_seldom_told_apart_by_chance(
    workspace: Workspace, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In forty studies whose first point is best for the 60 richest users, while all 28 are alike for the others."""
    random = np.random.default_rng(5)
    monkeypatch.setattr(judging, "check_data", lambda workspace, study: None)
    monkeypatch.setattr(Library, "load", lambda self, name: DATA)
    monkeypatch.setattr(judging, "purchases", lambda dataset: np.repeat([2, 9, 20], [70, 70, 60]))
    study = made(*[[first(120 if n == 0 else 100)] for n in range(28)])
    apart = 0
    for _ in range(40):
        values = (random.random((USERS, 28)) < random.random((USERS, 1))).astype(float)  # users differ, points do not
        values[-60:] = np.arange(28) == 0
        monkeypatch.setattr(judging, "_per_user", lambda ranks, metric, values=values: values)
        *alike, rich = sensitivity(workspace, study)
        assert len(alike) == 2 and rich.number == 0 and not rich.differs
        apart += any(row.differs for row in alike)
    assert apart <= 2  # 17 by the intervals of each comparison alone


def test_nothing_is_said_where_nothing_is_done(workspace: Workspace, made: Make) -> None:
    study = create(workspace, Plan.parse({"config": {"data": "quick"}}))
    assert study.best is None and sensitivity(workspace, study) == () == trade_off(workspace, study)


def test_trade_off_is_of_runs_that_held_out_lower_behaviors(
    workspace: Workspace, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_two = made([first(110), first(90)], [first(20), first(20)])
    assert trade_off(workspace, first_two) == ()
    plain = fakes.result

    def with_lower(value: float) -> Any:
        lower = {"behaviors": {"view": {"HR@100": value / 2}}, "behavior_intervals": {"view": {"HR@100": 0.07}}}
        return plain(value).model_copy(update=lower)

    monkeypatch.setattr(fakes, "result", with_lower)
    study = made([first(110), first(90)], [first(20), first(20)])
    rows = trade_off(workspace, study)
    assert [(row.number, row.values) for row in rows] == [
        (0, {"view": pytest.approx(0.25), "buy": pytest.approx(0.5)}),
        (1, {"view": pytest.approx(0.05), "buy": pytest.approx(0.1)}),
    ]
    assert [row.options for row in rows] == [point.options for point in study.points]
    halves = [
        (point.high - point.low) / 2 for point in study.points if point.low is not None and point.high is not None
    ]
    assert [row.half_widths for row in rows] == [{"buy": half} for half in halves]  # view's are of each seed alone
    one_seed = made([first(110)], [first(20)])
    assert [row.half_widths["view"] for row in trade_off(workspace, one_seed)] == [0.07, 0.07]
