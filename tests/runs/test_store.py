from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pytest

from nmtr.config import RunConfig
from nmtr.errors import RunError, StoreError
from nmtr.runs import process
from nmtr.runs.store import Run, RunStore, State
from tests.runs.fakes import FINGERPRINT, config, report, result


def queued(store: RunStore) -> Run:
    return store.create(config(), FINGERPRINT)


def running(store: RunStore) -> Run:
    return store.create(config(), FINGERPRINT, foreground=True)


MAKE: dict[State, Callable[[RunStore], Run]] = {
    "queued": queued,
    "running": running,
    "done": lambda store: store.finish(running(store).id, result()),
    "failed": lambda store: store.fail(running(store).id, "It broke."),
    "cancelled": lambda store: store.cancelled(running(store).id),
}
STEPS: dict[str, Callable[[RunStore, Run], object]] = {
    "report": lambda store, run: store.report(run.id, report(1)),
    "finish": lambda store, run: store.finish(run.id, result()),
    "fail": lambda store, run: store.fail(run.id, "It broke."),
    "request_cancel": lambda store, run: store.request_cancel(run.id),
    "cancelled": lambda store, run: store.cancelled(run.id),
    "requeue": lambda store, run: store.requeue(run.id),
    "release": lambda store, run: store.release(run),
    "move": lambda store, run: store.move(run.id),
    "pin": lambda store, run: store.pin(run.id),
}
ALLOWED: dict[tuple[State, str], State] = {
    ("queued", "request_cancel"): "cancelled",
    ("queued", "move"): "queued",
    ("done", "pin"): "done",
    ("running", "report"): "running",
    ("running", "finish"): "done",
    ("running", "fail"): "failed",
    ("running", "request_cancel"): "running",
    ("running", "cancelled"): "cancelled",
    ("running", "release"): "queued",
    ("failed", "requeue"): "queued",
    ("cancelled", "requeue"): "queued",
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", get_args(State))
def test_step_is_taken_from_its_states_and_refused_from_others(store: RunStore, state: State, step: str) -> None:
    run = MAKE[state](store)
    if (state, step) in ALLOWED:
        STEPS[step](store, run)
        assert store.get(run.id).state == ALLOWED[state, step]
    else:
        with pytest.raises(RunError, match=f"run {run.id} is {state}"):
            STEPS[step](store, run)
        assert store.get(run.id) == run


@pytest.mark.parametrize("step", STEPS)
def test_step_of_an_unknown_run_is_refused(store: RunStore, step: str) -> None:
    with pytest.raises(RunError, match="there is no run aaaaaaaa"):
        STEPS[step](store, dataclasses.replace(queued(store), id="aaaaaaaa"))


def test_new_run_is_queued_and_keeps_its_config(store: RunStore) -> None:
    chosen = RunConfig(unit={"view": "gmf", "buy": "mlp"}, lambdas=(0.3, 0.7), epochs=7).resolve(("view", "buy"))
    run = store.create(chosen, FINGERPRINT)
    assert (run.state, run.config, run.fingerprint, run.epochs) == ("queued", chosen, FINGERPRINT, 7)
    assert store.get(run.id) == run
    assert store.folder(run.id).is_dir()


def test_one_run_of_a_data_set_is_pinned_at_most(store: RunStore) -> None:
    first, second = MAKE["done"](store), MAKE["done"](store)
    elsewhere = store.finish(store.create(config(), "another version", foreground=True).id, result())
    assert store.pin(elsewhere.id).pinned and store.pin(first.id).pinned and store.pin(second.id).pinned
    assert {run.id for run in RunStore(store.root).list() if run.pinned} == {second.id, elsewhere.id}
    assert not store.pin(second.id, False).pinned
    assert store.get(second.id) == second and store.get(elsewhere.id).pinned


def test_store_reopened_has_the_same_runs(store: RunStore) -> None:
    runs = [make(store) for make in MAKE.values()]
    assert store.list() == RunStore(store.root).list() == tuple(reversed(runs))


def test_list_is_newest_first_and_by_state_though_the_clock_is_set_back(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = queued(store)
    monkeypatch.setattr("time.time", lambda: first.created - 3600)
    second, third = running(store), queued(store)
    assert [run.id for run in store.list()] == [third.id, second.id, first.id]
    assert [run.id for run in store.list("queued")] == [third.id, first.id]
    claimed = store.claim(1)
    assert claimed is not None and claimed.id == first.id


@pytest.mark.parametrize("name", ["", "../../etc", "aaaaaaa", "aaaaaaaaa", "AAAAAAAA", "aaaaaaa1", "aaaaaaaa\n"])
def test_folder_is_made_of_an_id_only(store: RunStore, name: str) -> None:
    with pytest.raises(RunError, match="is not one"):
        store.folder(name)


def test_claim_starts_the_oldest_while_there_are_slots(store: RunStore) -> None:
    running(store)  # in the foreground: takes no slot
    runs = [queued(store) for _ in range(3)]
    claims = [store.claim(2) for _ in range(3)]
    assert [claim and claim.id for claim in claims] == [runs[0].id, runs[1].id, None]
    assert [store.get(run.id).state for run in runs] == ["running", "running", "queued"]
    store.finish(runs[0].id, result())
    assert (claim := store.claim(2)) is not None and claim.id == runs[2].id


def claim_all(root: Path, slots: int) -> list[str]:
    """In a process of its own: open the store, claim until nothing is given."""
    store = RunStore(root)
    claimed = []
    while run := store.claim(slots):
        claimed.append(run.id)
    return claimed


def test_each_run_is_claimed_once_by_processes_that_race(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(claim_all, [tmp_path] * 4, [1] * 4))  # also: four open a new store at once
        store = RunStore(tmp_path)
        ids = {queued(store).id for _ in range(60)}
        claimed = [run_id for claims in pool.map(claim_all, [tmp_path] * 4, [60] * 4) for run_id in claims]
    assert len(claimed) == 60 and set(claimed) == ids


def test_slots_are_not_exceeded_by_threads_that_race(store: RunStore) -> None:
    for _ in range(20):
        queued(store)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: store.claim(3), range(40)))
    assert sum(claim is not None for claim in claims) == len(store.list("running")) == 3


def test_one_process_only_can_take_a_claimed_run(store: RunStore) -> None:
    run = queued(store)
    with pytest.raises(RunError, match="is queued"):
        store.attach(run.id)
    store.claim(1)
    taken = store.attach(run.id)
    assert taken.pid == os.getpid() and taken.process_started == process.started(os.getpid())
    with pytest.raises(RunError, match=f"belongs to another \\(pid {os.getpid()}\\)"):
        store.attach(run.id)


def test_reports_are_one_for_each_phase_and_epoch_in_order(store: RunStore) -> None:
    run = running(store)
    series = [report(1), report(2), report(1, phase="refit")]
    for each in series:
        store.report(run.id, each)
    assert store.reports(run.id) == tuple(series)
    assert store.reports(run.id, since=2) == tuple(series[2:])
    now = store.get(run.id)
    assert (now.epoch, now.epochs, now.seconds) == (1, 9, 1.5)
    assert store.reports(running(store).id) == ()


def test_epoch_trained_again_replaces_its_report_and_those_that_followed(store: RunStore) -> None:
    run = running(store)
    for each in (report(1), report(2), report(3), report(1, phase="refit"), report(2, loss=7.0)):
        store.report(run.id, each)
    assert store.reports(run.id) == (report(1), report(2, loss=7.0))
    assert store.get(run.id).seconds == 2.5


def test_report_of_a_loss_that_diverged_is_kept(store: RunStore) -> None:
    run = running(store)
    store.report(run.id, report(1, loss=float("inf")))
    assert store.reports(run.id)[0].loss == {"buy": float("inf")}


def test_refused_report_leaves_the_series_as_it_was(store: RunStore) -> None:
    run = running(store)
    store.report(run.id, report(1))
    store.cancelled(run.id)
    with pytest.raises(RunError):
        store.report(run.id, report(1, loss=7.0))
    assert store.reports(run.id) == (report(1),)


def test_result_of_a_finished_run_is_kept(store: RunStore) -> None:
    run = store.finish(running(store).id, result(0.25))
    assert store.get(run.id).result == result(0.25)
    assert run.finished is not None and run.error is None


def test_resumed_run_keeps_its_series_and_loses_its_end(store: RunStore) -> None:
    run = running(store)
    store.report(run.id, report(1))
    store.request_cancel(run.id)
    store.cancelled(run.id)
    again = store.requeue(run.id)
    assert (again.cancel_requested, again.finished, again.error, again.pid) == (False, None, None, None)
    assert not again.foreground and again.epoch == 1
    assert store.reports(run.id) == (report(1),)
    assert (claim := store.claim(1)) is not None and claim.id == run.id


def test_reason_of_a_cancel_is_the_first_that_was_given_until_the_run_is_resumed(store: RunStore) -> None:
    run = running(store)
    assert store.request_cancel(run.id).reason is None
    assert store.request_cancel(run.id, "It was pruned.").reason == "It was pruned."
    store.request_cancel(run.id, "The study was stopped.")
    store.request_cancel(run.id)
    assert store.cancelled(run.id).reason == "It was pruned."
    assert store.requeue(run.id).reason is None
    assert store.request_cancel(run.id, "It was pruned.").reason == "It was pruned.", "of a queued run, too"


def test_run_that_is_done_before_it_learns_of_a_cancel_has_no_reason(store: RunStore) -> None:
    run = running(store)
    store.request_cancel(run.id, "It was pruned.")
    assert store.finish(run.id, result()).reason is None


def test_release_of_a_run_that_another_process_has_taken_is_refused(store: RunStore) -> None:
    queued(store)
    claimed = store.claim(1)
    assert claimed is not None
    store.attach(claimed.id)
    with pytest.raises(RunError, match="belongs to another"):
        store.release(claimed)


def test_release_of_a_run_that_is_to_be_cancelled_is_refused(store: RunStore) -> None:
    run = running(store)
    store.request_cancel(run.id)
    with pytest.raises(RunError):
        store.release(run)


def test_deaths_count_until_an_epoch_is_finished_for_the_first_time(store: RunStore) -> None:
    run = queued(store)

    def die_after(*epochs: int) -> int:
        claimed = store.claim(1)
        assert claimed is not None
        for epoch in epochs:
            store.report(run.id, report(epoch))
        return store.release(claimed, died=True).deaths

    assert [die_after(), die_after(1), die_after(1), die_after(), die_after(2)] == [1, 1, 2, 3, 1]


def test_release_that_was_asked_for_is_no_death(store: RunStore) -> None:
    assert store.release(running(store)).deaths == 0


def test_beat_says_when_to_stop(store: RunStore) -> None:
    run = running(store)
    assert not store.beat(run.id)
    assert (store.get(run.id).heartbeat or 0) >= (run.heartbeat or 0)
    store.request_cancel(run.id)
    assert store.beat(run.id)
    store.cancelled(run.id)
    assert store.beat(run.id)


@pytest.mark.parametrize("state", [state for state in get_args(State) if state != "running"])
def test_deleted_run_leaves_nothing_behind(store: RunStore, state: State) -> None:
    run, other = MAKE[state](store), queued(store)
    (store.folder(run.id) / "log.txt").write_text("…")
    store.delete(run.id)
    assert store.list() == (other,)
    assert not store.folder(run.id).exists() and store.folder(other.id).exists()


def test_deleted_run_takes_its_reports_with_it(store: RunStore) -> None:
    run = running(store)
    store.report(run.id, report(1))
    store.finish(run.id, result())
    store.delete(run.id)
    assert store.reports(run.id) == ()
    with pytest.raises(RunError, match="there is no run"):
        store.delete(run.id)


def test_delete_of_a_running_run_is_refused(store: RunStore) -> None:
    run = running(store)
    with pytest.raises(RunError, match="is running, so cancel it first"):
        store.delete(run.id)
    assert store.get(run.id) == run and store.folder(run.id).exists()


def test_file_that_is_no_store_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "nmtr.db").write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match="file is not a database"):
        RunStore(tmp_path)
    with pytest.raises(StoreError, match="nmtr.db"):
        RunStore(tmp_path / "nmtr.db")
