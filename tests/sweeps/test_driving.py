"""Studies are trained to their end: nothing twice, whatever was there, stopped, failed or left behind."""

from __future__ import annotations

import errno
import re
import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest

from nmtr.cli.studies import show_points
from nmtr.errors import ConfigError, DataError, RunError, StoreError
from nmtr.runs.store import Run
from nmtr.sweeps import Study, create, curve, drive, extend, finalize, read, revive, start, stop, storage, studies
from nmtr.sweeps.plan import Plan
from nmtr.sweeps.trainer import StudyDriver
from nmtr.workspace import Workspace
from tests.conftest import random_dataset
from tests.runs.fakes import FINGERPRINT, eventually
from tests.sweeps.conftest import Begin
from tests.sweeps.fakes import GO_ON, INFO, PEAK, USERS, hits


def by_target(study: Study) -> dict[float, str]:
    """The state of each point by its λ of the target."""
    return {point.lambdas[-1]: point.state for point in study.points if point.lambdas}


def once_each(workspace: Workspace, runs: int) -> None:
    """Fails where two runs are of one config, or there are not so many."""
    configs = [repr(run.config.to_json()) for run in workspace.runs.list()]
    assert len(set(configs)) == len(configs) == runs


def test_grid_is_trained_and_its_best_is_known(workspace: Workspace, begin: Begin, workers: list[int | None]) -> None:
    study = begin(jobs=2)
    assert (study.state, by_target(study)) == ("stopped", dict.fromkeys((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "queued"))
    heard: list[Study] = []
    drive(workspace, study.id, heard.append)
    study = read(workspace, study.id)
    assert (study.state, set(by_target(study).values())) == ("done", {"done"})
    assert study.best is not None and study.best.lambdas == (0.4, 0.6)
    assert study.equally_good == {study.best.number}
    assert study.best.low is not None and study.best.high is not None
    for point in study.points:
        (run,) = map(workspace.runs.get, point.runs)
        assert point.value == hits(run.config, 2) / USERS and point.epoch == 2
        assert run.owner == f"study {study.id}" and run.of_study and run.config.lambdas == point.lambdas
    once_each(workspace, runs=6)
    assert set(workers) == {2} and heard[-1].state == "done"
    assert [one.id for one in studies(workspace)] == [study.id]
    ((first, second),) = curve(workspace, study.id, study.best.number)
    assert (first.epoch, second.epoch) == (1, 2)

    drive(workspace, study.id)  # nothing is left
    once_each(workspace, runs=6)


def test_run_that_was_trained_elsewhere_is_taken_on_any_number_of_threads(workspace: Workspace, begin: Begin) -> None:
    drive(workspace, begin().id)
    before = {run.id for run in workspace.runs.list()}
    study = create(workspace, Plan.parse({"config": {"data": "quick", "epochs": 2, "threads": 3}, "step": 0.5}))
    drive(workspace, study.id)
    taken = {point.lambdas: point.runs[0] for point in read(workspace, study.id).points}
    assert {lambdas for lambdas, run in taken.items() if run in before} == {(0.0, 1.0), (1.0, 0.0)}
    once_each(workspace, runs=7)


def test_seeds_are_shared_and_a_point_is_worth_their_mean(workspace: Workspace, begin: Begin) -> None:
    study = begin(step=1, seeds=3)
    drive(workspace, study.id)
    for point in read(workspace, study.id).points:
        runs = [workspace.runs.get(run) for run in point.runs]
        assert [run.config.seed for run in runs] == [0, 1, 2]
        assert point.value == pytest.approx(hits(runs[0].config, 2) / USERS)
    once_each(workspace, runs=6)


def test_pruned_points_end_early_and_the_best_is_never_one(workspace: Workspace, begin: Begin) -> None:
    study = begin("judged", epochs=9, step=0.1, prune=True)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert study.best is not None and study.best.lambdas is not None and study.best.lambdas[-1] == PEAK
    pruned = [point for point in study.points if point.state == "pruned"]
    assert len(pruned) >= 3 and study.state == "done"
    for point in pruned:
        run = eventually(lambda run=point.runs[0]: ended(workspace, run))
        assert run.state == "cancelled" and run.reason is not None and "Pruned" in run.reason
        assert run.epoch < 9 and point.low is None and point.number not in study.equally_good
    once_each(workspace, runs=11)

    drive(workspace, study.id)
    assert by_target(read(workspace, study.id)) == by_target(study)


def ended(workspace: Workspace, run_id: str) -> Run | None:
    run = workspace.runs.get(run_id)
    return None if run.live else run


def test_points_are_pruned_where_they_are_ranked(workspace: Workspace, begin: Begin) -> None:
    study = begin("judged", epochs=9, rank_every=2, step=0.1, prune=True)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert study.best is not None and study.best.lambdas is not None and study.best.lambdas[-1] == PEAK
    assert study.best.value == pytest.approx(hits(workspace.runs.get(study.best.runs[0]).config, 9) / USERS)
    assert {point.epoch for point in study.points if point.state == "done"} == {9}
    pruned = [point for point in study.points if point.state == "pruned"]
    assert len(pruned) >= 3 and {point.epoch for point in pruned} <= {2, 4}
    for point in pruned:
        run = eventually(lambda run=point.runs[0]: ended(workspace, run))
        assert point.value == pytest.approx(hits(run.config, point.epoch) / USERS)


def test_other_seeds_begin_where_the_first_got_to_its_end(workspace: Workspace, begin: Begin) -> None:
    study = begin("judged", epochs=9, step=0.2, prune=True, seeds=2)
    drive(workspace, study.id)
    points = read(workspace, study.id).points
    assert {len(point.runs) for point in points if point.state == "done"} == {2}
    assert {len(point.runs) for point in points if point.state == "pruned"} == {1}


def test_stop_ends_what_trains_and_the_study_goes_on_from_there(workspace: Workspace, begin: Begin) -> None:
    study = begin("held", epochs=15)
    driver = Thread(target=drive, args=(workspace, study.id))
    driver.start()
    try:
        eventually(lambda: any(run.epoch == 2 for run in workspace.runs.list("running")))
        assert read(workspace, study.id).state == "running"
        stop(workspace, study.id)
        eventually(lambda: not workspace.runs.list("queued", "running"))
        driver.join(300)
    finally:
        GO_ON.set()
    assert not driver.is_alive()
    stopped = read(workspace, study.id)
    assert stopped.state == "stopped" and "stopped" in by_target(stopped).values()
    assert all(run.reason is not None and study.id in run.reason for run in workspace.runs.list("cancelled"))
    before = {run.id: run.epoch for run in workspace.runs.list()}
    assert max(before.values()) == 2

    drive(workspace, study.id)
    assert read(workspace, study.id).state == "done"
    once_each(workspace, runs=6)
    for run_id, epoch in before.items():
        assert len(workspace.runs.reports(run_id)) == 15
        again = workspace.runs.get(run_id).seconds / 0.5 - 15
        assert again <= 1, f"more than one epoch after {epoch} was repeated"


@pytest.mark.parametrize("by_the_same", [True, False])
def test_study_that_goes_on_while_its_runs_still_stop_leaves_no_point_behind(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch, by_the_same: bool
) -> None:
    """Runs take their time to stop; the driver that is there goes on, or another that takes them while they do."""
    stopping, stopped = Event(), workspace.runs.cancelled

    def take_time(run_id: str) -> Run:
        stopping.wait(300)
        return stopped(run_id)

    monkeypatch.setattr(workspace.runs, "cancelled", take_time)
    study = begin("slow", epochs=30, step=1)
    driver = Thread(target=drive, args=(workspace, study.id))
    driver.start()
    eventually(lambda: len([run for run in workspace.runs.list("running") if run.epoch]) == 2)
    if by_the_same:
        monkeypatch.setattr(StudyDriver, "_is_stopped", lambda trainer: False)  # as where Resume comes within a tick
    stop(workspace, study.id)
    if by_the_same:
        storage.load(workspace, study.id).set_user_attr("stopped", False)
    else:
        driver.join(300)
        begun: list[None] = []
        take = StudyDriver._begin
        monkeypatch.setattr(StudyDriver, "_begin", lambda trainer, taken: begun.append(take(trainer, taken)))
        driver = Thread(target=drive, args=(workspace, study.id))
        driver.start()
        eventually(lambda: len(begun) == 2)
    stopping.set()
    driver.join(300)
    assert by_target(read(workspace, study.id)) == {0.0: "done", 1.0: "done"}
    once_each(workspace, runs=2)


def test_no_supervisor_is_asked_for_while_the_queue_is_paused(
    workspace: Workspace, begin: Begin, workers: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], StudyDriver._look_after_worker

    def counted(trainer: StudyDriver) -> None:
        looks.append(None)
        trainer._next_worker = 0.0
        look(trainer)

    monkeypatch.setattr(StudyDriver, "_look_after_worker", counted)
    workspace.runs.queue.pause()
    study = begin(step=1)
    driver = Thread(target=drive, args=(workspace, study.id))
    driver.start()
    eventually(lambda: len(looks) > 5)
    assert workers == [] and len(workspace.runs.line()) == 2
    workspace.runs.queue.resume()
    driver.join(300)
    assert read(workspace, study.id).state == "done" and set(workers) == {2}


def test_run_that_the_user_cancels_is_left_for_the_user(workspace: Workspace, begin: Begin) -> None:
    study = begin("slow", epochs=60, step=1)
    driver = Thread(target=drive, args=(workspace, study.id))
    driver.start()
    run = eventually(lambda: next(iter(workspace.runs.list("running")), None))
    workspace.cancel(run.id)
    driver.join(300)
    assert workspace.runs.get(run.id).state == "cancelled"
    assert sorted(by_target(read(workspace, study.id)).values()) == ["done", "stopped"]


def test_run_that_a_study_gave_up_is_anothers_once_it_is_taken_up(workspace: Workspace, begin: Begin) -> None:
    """As by --finalize of a pruned point, by another study, or by hand."""
    study = begin("slow", epochs=30, step=1)
    for point in study.points:
        config, _ = workspace.prepare(study.plan.config.model_copy(update={"lambdas": point.lambdas, "threads": 1}))
        run = workspace.runs.create(config, FINGERPRINT, owner=f"study {study.id}", study=study.id)
        workspace.runs.request_cancel(run.id, "Pruned by its study.")
    first, second = sorted(workspace.runs.list(), key=lambda run: run.config.lambdas or ())
    other = begin("slow", epochs=30, step=1)
    assert workspace.resume(first.id, owner="ann").owner == "ann"
    driver = Thread(target=drive, args=(workspace, other.id))
    driver.start()
    eventually(lambda: workspace.runs.get(second.id).owner == f"study {other.id}")
    stop(workspace, study.id)
    assert not [run for run in workspace.runs.list() if run.cancel_requested]
    stop(workspace, other.id)
    assert [run.id for run in workspace.runs.list() if run.cancel_requested] == [second.id]
    driver.join(300)


def test_finalized_run_of_a_pruned_point_is_the_users(workspace: Workspace, begin: Begin) -> None:
    study = begin("judged", epochs=9, step=0.1, prune=True)
    drive(workspace, study.id)
    pruned = next(point for point in read(workspace, study.id).points if point.state == "pruned")
    eventually(lambda: ended(workspace, pruned.runs[0]))
    GO_ON.set()
    finalize(workspace, study.id, pruned.number)
    drive(workspace, study.id)  # what it would tidy up is not its own any more
    assert pruned.runs[0] in read(workspace, study.id).finalized
    assert not workspace.runs.get(pruned.runs[0]).cancel_requested and not workspace.runs.get(pruned.runs[0]).owner


def test_stopping_leaves_runs_alone_that_the_study_did_not_queue(workspace: Workspace, begin: Begin) -> None:
    study = begin("slow", epochs=30, step=1, jobs=1)
    first = study.points[0].lambdas
    config, _ = workspace.prepare(study.plan.config.model_copy(update={"lambdas": first}))
    mine = workspace.runs.create(config, FINGERPRINT, owner=f"study {study.id}")  # a user's text
    driver = Thread(target=drive, args=(workspace, study.id))
    driver.start()
    eventually(lambda: read(workspace, study.id).points[0].runs == (mine.id,))
    stop(workspace, study.id)
    driver.join(300)
    assert not driver.is_alive()
    assert workspace.runs.get(mine.id).live and not workspace.runs.get(mine.id).cancel_requested
    eventually(lambda: not workspace.runs.list("queued", "running"))
    drive(workspace, study.id)
    assert read(workspace, study.id).points[0].state == "done"
    once_each(workspace, runs=2)


def test_point_whose_run_fails_is_named_and_tried_again(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin("unknown", step=1)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert (study.state, set(by_target(study).values()), study.best) == ("stopped", {"failed"}, None)
    with pytest.raises(RunError, match="must have a point that is done for this"):
        study.point(None)
    drive(workspace, study.id)
    once_each(workspace, runs=2)


@pytest.mark.parametrize(
    ("error", "raised", "sentence"),
    [
        (RunError("The queue takes no more."), RunError, "^The queue takes no more.$"),
        (
            StoreError("nmtr.db", "disk is full"),
            RunError,
            r"its store cannot be used \(disk is full",
        ),
        (ZeroDivisionError("by\nzero"), ZeroDivisionError, r"nobody foresaw \(ZeroDivisionError by zero\): see"),
    ],
)
def test_error_that_ends_a_study_is_kept_until_it_goes_on(
    workspace: Workspace,
    begin: Begin,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    raised: type[Exception],
    sentence: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    study = begin(step=1)
    with monkeypatch.context() as broken, pytest.raises(raised):
        broken.setattr(workspace.runs, "create", fail)
        drive(workspace, study.id)
    failed = read(workspace, study.id)
    assert failed.state == "stopped" and failed.error is not None and re.search(sentence, failed.error)
    assert revive(workspace) == ()  # it would end in the same way
    drive(workspace, study.id)
    assert (read(workspace, study.id).state, read(workspace, study.id).error) == ("done", None)


def test_data_set_without_validation_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.save(random_dataset(behaviors=("view", "buy"), purchases=2))  # one of them for testing
    with pytest.raises(DataError, match="^a study judges by validation purchases; data set shop holds out nobody's: "):
        create(workspace, Plan.parse({"config": {"data": "shop"}, "step": 0.5}))
    workspace.runs.close()


def test_points_can_be_added_by_place_and_by_number(workspace: Workspace, begin: Begin) -> None:
    study = begin(step=0.5)
    drive(workspace, study.id)
    old, new, again = extend(workspace, study.id, points=[(0.5, 0.5), (0.3, 0.7), (0.3, 0.7)])
    assert new == again and old in {point.number for point in study.points} and new == 3
    extend(workspace, study.id, trials=2)
    assert (read(workspace, study.id).state, read(workspace, study.id).planned) == ("stopped", 6)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert (study.state, len(study.points), study.planned) == ("done", 6, 6)
    assert by_target(study)[0.7] == "done"
    once_each(workspace, runs=6)


def test_points_are_added_while_the_study_is_driven(workspace: Workspace, begin: Begin) -> None:
    study = begin("slow", epochs=15, step=1)
    driver = Thread(target=drive, args=(workspace, study.id))
    driver.start()
    eventually(lambda: workspace.runs.list("running"))
    extend(workspace, study.id, points=[(0.5, 0.5)])
    driver.join(300)
    assert by_target(read(workspace, study.id)) == {0.0: "done", 0.5: "done", 1.0: "done"}


def test_point_is_found_again_in_whatever_order_its_options_stand(workspace: Workspace, begin: Begin) -> None:
    study = begin(sampler="tpe", trials=1, search=("lambdas", "learning_rate"))
    kept, options = storage.load(workspace, study.id), study.points[0].options
    again = {"learning_rate": options["learning_rate"], "lambdas": [0.25, 0.75]}
    for order in (again, dict(reversed(again.items()))):
        kept.enqueue_trial({}, user_attrs={"options": order})
        assert extend(workspace, study.id, points=[(0.25, 0.75)]) == (1,)


def test_points_added_just_as_the_study_ends_are_trained(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come after the driver's last look for points, while it holds the lock, beside a point that failed."""
    study, tell, added = begin("mixed", step=1), StudyDriver._tell, []

    def tell_and_extend(trainer: StudyDriver, *, last: bool) -> None:
        tell(trainer, last=last)
        if last and not added:
            added.append(extend(workspace, study.id, points=[(0.5, 0.5)]))
            start(workspace, study.id)

    monkeypatch.setattr(StudyDriver, "_tell", tell_and_extend)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert added and by_target(study) == {0.0: "failed", 0.5: "done", 1.0: "done"} and study.state == "stopped"
    assert revive(workspace) == ()  # what failed is for the user to go on with
    drive(workspace, study.id)
    once_each(workspace, runs=3)


def test_drawn_points_gather_where_validation_is_best_and_none_is_drawn_twice(
    workspace: Workspace, begin: Begin
) -> None:
    study = begin(sampler="tpe", trials=12, jobs=4, epochs=1)
    assert [point.lambdas for point in study.points] == [(0.5, 0.5)]
    drive(workspace, study.id)
    first = read(workspace, study.id)
    assert (first.state, len(first.points)) == ("done", 12)
    extend(workspace, study.id, trials=4)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert len({point.lambdas for point in study.points}) == len(study.points) == 16
    assert study.points[:12] == tuple(point.model_copy() for point in study.points[:12])
    assert study.best is not None and study.best.lambdas is not None and abs(study.best.lambdas[-1] - PEAK) < 0.1
    once_each(workspace, runs=16)


def test_study_that_can_draw_no_more_says_how_many_it_lacks(
    workspace: Workspace, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    study = begin(sampler="tpe", trials=5, search=("unit",), jobs=1)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert (study.state, len(study.points), study.planned, study.undrawn) == ("done", 3, 3, 2)
    show_points(study, None)
    assert "\n2 more were to be drawn; nearly all that could be are here.\n" in capsys.readouterr().out
    extend(workspace, study.id, trials=1)
    assert read(workspace, study.id).planned == 4
    drive(workspace, study.id)
    assert (read(workspace, study.id).planned, read(workspace, study.id).undrawn) == (3, 3)
    once_each(workspace, runs=3)


def test_study_whose_driver_has_gone_without_a_word_is_stopped_and_started_again(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmtr.sweeps import driver

    lost, ended = begin(), begin(step=0.5)
    stop(workspace, ended.id)
    storage.load(workspace, lost.id).set_user_attr("driver", {"pid": 2**22 + 1, "started": 1.0})
    assert {study.state for study in studies(workspace)} == {"stopped"}
    started: list[str] = []
    monkeypatch.setattr(driver, "start", lambda workspace, study_id: started.append(study_id))
    assert driver.revive(workspace) == (lost.id,) and started == [lost.id]


def test_study_is_kept_in_its_home_whatever_that_is_called(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "shop? {a}%20#b&c"
    odd = Workspace(home)
    study = create(odd, Plan.parse({"config": {"data": "quick", "epochs": 2}, "step": 0.5}))
    assert [one.id for one in studies(odd)] == [study.id]
    assert {path.name for path in home.iterdir()} >= {"nmtr.db", "studies"} and not list(tmp_path.glob("shop"))
    with sqlite3.connect(home / "nmtr.db") as db:
        assert db.execute("select study_name from studies").fetchall() == [(study.id,)]
    db.close()
    odd.runs.close()


def test_driver_that_cannot_be_started_is_one_sentence(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    study = begin(step=1)
    monkeypatch.setattr("subprocess.Popen", full)
    sentence = f"^a study is driven by a process of its own; that of study {study.id} cannot be started in .*Resource"
    with pytest.raises(RunError, match=sentence):
        start(workspace, study.id)
    assert read(workspace, study.id).state == "stopped"


def test_home_without_studies_is_looked_through_without_optuna(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmtr.sweeps import driver

    monkeypatch.setattr("nmtr.sweeps.storage.storage", None)  # what imports it
    assert driver.revive(workspace) == ()


# What is refused


def test_one_driver_a_study(workspace: Workspace, begin: Begin) -> None:
    study = begin("slow", epochs=100, step=1)  # longer than the second driver waits for the first
    first = Thread(target=drive, args=(workspace, study.id))
    first.start()
    eventually(lambda: workspace.runs.list("running"))
    with pytest.raises(RunError, match=f"^a study is driven by one process; another drives study {study.id}"):
        drive(workspace, study.id)
    start(workspace, study.id)  # there is one: nothing happens
    first.join(300)
    once_each(workspace, runs=2)


@pytest.mark.parametrize("act", [read, drive, start, stop])
def test_study_that_is_not_there(workspace: Workspace, act: object) -> None:
    with pytest.raises(RunError, match="^a study must be named by its id; there is no study abcdefgh, so see"):
        act(workspace, "abcdefgh")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ((0.5, 0.6), "lambdas must sum to 1; got 0.5, 0.6, which sum to 1.1."),
        ((-0.5, 1.5), "lambdas must be numbers of at least 0; got -0.5, 1.5."),
        ((0.2, 0.3, 0.5), r"lambdas must have one weight per behavior \(2: view, buy\); got 3."),
    ],
)
def test_point_off_the_simplex_is_refused(
    workspace: Workspace, begin: Begin, points: tuple[float, ...], sentence: str
) -> None:
    study = begin(step=1)
    with pytest.raises(ConfigError, match=f"^{sentence}$"):
        extend(workspace, study.id, points=[(0.5, 0.5), points])
    assert len(read(workspace, study.id).points) == 2


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (
            {"config": {"behaviors": ["buy"]}},
            "a study of lambdas needs two behaviors or more; got buy of data set demo",
        ),
        ({"config": {"behaviors": ["cart", "buy"]}}, "behaviors must be among view, buy of data set demo; got cart."),
        (
            {"config": {"loss": "squared"}, "sampler": "tpe", "trials": 3, "search": ["unit"]},
            "the squared loss needs GMF units; got NMTR-MLP",
        ),
    ],
)
def test_plan_that_does_not_fit_the_data_is_refused_before_anything_is_kept(
    workspace: Workspace, plan: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        create(workspace, Plan.parse(plan))
    assert studies(workspace) == ()


def test_study_of_another_version_of_its_data_is_not_gone_on_with(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(step=1)
    other = INFO.model_copy(update={"fingerprint": "another"})
    monkeypatch.setattr("nmtr.data.library.Library.info", lambda self, name: other)
    for act in (drive, start, extend):
        with pytest.raises(RunError, match=f"^study {study.id} needs data set quick as it was"):
            act(workspace, study.id)  # type: ignore[operator]
    assert read(workspace, study.id).fingerprint == FINGERPRINT


def test_store_that_vanishes_is_one_sentence(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home, slots: None)  # nothing is trained
    study = begin(step=1)

    def vanish(_: Study) -> None:
        for path in workspace.home.glob("nmtr.db*"):
            path.unlink()

    with pytest.raises(RunError, match=f"^study {study.id} needs the store that it began in; .*nmtr.db is gone"):
        drive(workspace, study.id, vanish)
