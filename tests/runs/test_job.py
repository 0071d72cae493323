from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtr.runs import checkpoint, job
from nmtr.runs.store import Run, RunStore
from nmtr.training.report import EpochReport
from tests.runs import fakes
from tests.runs.fakes import FINGERPRINT, Library, config


@pytest.fixture(autouse=True)
def fake_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "new_experiment", fakes.Experiment)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Run:
    store = RunStore(tmp_path / "undisturbed")
    return job.execute(store, Library(tmp_path), foreground(store).id)


def foreground(store: RunStore, data: str = "quick") -> Run:
    return store.create(config(data), FINGERPRINT, foreground=True)


def claimed(store: RunStore) -> Run:
    store.create(config(), FINGERPRINT)
    run = store.claim(1)
    assert run is not None
    return run


def resume(store: RunStore, run: Run) -> Run:
    if run.state != "queued":
        store.requeue(run.id)
    store.claim(1)
    return job.execute(store, Library(store.root), run.id)


def at_epoch(epoch: int, act: Callable[[], object]) -> Callable[[EpochReport], None]:
    def on_report(report: EpochReport) -> None:
        if report.epoch == epoch:
            act()

    return on_report


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def assert_as_undisturbed(store: RunStore, run: Run, undisturbed: Run) -> None:
    assert (run.state, run.result, run.epoch) == ("done", undisturbed.result, undisturbed.epoch)
    assert [report.epoch for report in store.reports(run.id)] == [1, 2, 3]


def test_run_ends_done_with_its_result_ranks_and_series(store: RunStore) -> None:
    heard: list[EpochReport] = []
    run = job.execute(store, Library(store.root), foreground(store).id, on_report=heard.append)
    assert run.state == "done" and run.result is not None and run.error is None
    assert store.reports(run.id) == tuple(heard) and [report.epoch for report in heard] == [1, 2, 3]
    ranks = checkpoint.load_ranks(store.folder(run.id))
    np.testing.assert_array_equal(ranks["test"], [run.result.test["HR@100"], np.nan])
    assert sorted(path.name for path in store.folder(run.id).iterdir()) == ["ranks.npz", "weights.pt"]


def test_run_of_a_data_set_that_changed_fails_with_both_fingerprints(store: RunStore) -> None:
    run = job.execute(store, Library(store.root, fingerprint="fedcba9876543210"), foreground(store).id)
    assert run.state == "failed" and run.error is not None
    assert FINGERPRINT in run.error and "fedcba9876543210" in run.error
    assert store.reports(run.id) == ()


def test_run_of_a_data_set_that_is_gone_fails_with_the_librarys_sentence(store: RunStore) -> None:
    run = job.execute(store, Library(store.root), foreground(store, "gone").id)
    assert (run.state, run.error) == ("failed", "data must be the name of a data set; got gone.")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ZeroDivisionError("x / 0"), "unexpected ZeroDivisionError; see the log"),
        (MemoryError(), "needed more memory than is free"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "needed more memory than is free"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_run_that_breaks_fails_with_a_sentence_keeps_the_traceback_and_can_be_resumed(
    store: RunStore, undisturbed: Run, error: Exception, sentence: str
) -> None:
    run = job.execute(store, Library(store.root), foreground(store).id, on_report=at_epoch(2, raising(error)))
    assert run.state == "failed" and run.error is not None and sentence in run.error
    assert type(error).__name__ in (store.folder(run.id) / "log.txt").read_text()
    assert_as_undisturbed(store, resume(store, run), undisturbed)


def test_run_whose_checkpoint_does_not_fit_the_disk_resumes_from_the_one_before(
    store: RunStore, undisturbed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = checkpoint.save

    def fill_the_disk(folder: Path, state: Any) -> None:
        if state["epoch"] == 2:
            raise OSError(28, "No space left on device")
        save(folder, state)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", fill_the_disk)
        run = job.execute(store, Library(store.root), foreground(store).id)
    assert run.state == "failed" and run.epoch == 2
    assert_as_undisturbed(store, resume(store, run), undisturbed)


def test_cancelled_run_stops_at_a_batch_and_resumes_to_the_same_result(store: RunStore, undisturbed: Run) -> None:
    run = foreground(store, "gated")  # waits in its second epoch until it is stopped
    ended = job.execute(store, Library(store.root), run.id, at_epoch(1, lambda: store.request_cancel(run.id)))
    assert (ended.state, ended.epoch) == ("cancelled", 1)
    (store.root / fakes.GO).touch()
    assert_as_undisturbed(store, resume(store, ended), undisturbed)


def test_caller_can_stop_a_foreground_run(store: RunStore) -> None:
    run = job.execute(store, Library(store.root), foreground(store).id, should_stop=lambda: True)
    assert (run.state, run.epoch) == ("cancelled", 0)


def test_interrupted_foreground_run_is_cancelled_and_the_interrupt_goes_on(store: RunStore) -> None:
    run = foreground(store)
    with pytest.raises(KeyboardInterrupt):
        job.execute(store, Library(store.root), run.id, on_report=at_epoch(2, raising(KeyboardInterrupt())))
    assert store.get(run.id).state == "cancelled"


def test_background_run_whose_process_is_told_to_end_goes_back_to_the_queue(store: RunStore, undisturbed: Run) -> None:
    run = claimed(store)
    with pytest.raises(SystemExit):
        job.execute(store, Library(store.root), run.id, on_report=at_epoch(2, raising(SystemExit(143))))
    assert (store.get(run.id).state, store.get(run.id).deaths) == ("queued", 0)
    assert_as_undisturbed(store, resume(store, store.get(run.id)), undisturbed)


def test_run_that_was_taken_away_stops_and_leaves_it_alone(store: RunStore) -> None:
    run = claimed(store)
    ended = job.execute(store, Library(store.root), run.id, at_epoch(1, lambda: store.fail(run.id, "Taken.")))
    assert (ended.state, ended.error) == ("failed", "Taken.")


@pytest.mark.parametrize("damaged", [["checkpoint.pt"], ["checkpoint.pt", "checkpoint.prev.pt"]])
def test_run_with_a_damaged_checkpoint_resumes_from_an_earlier_one(
    store: RunStore, undisturbed: Run, damaged: list[str]
) -> None:
    run = job.execute(store, Library(store.root), foreground(store).id, at_epoch(3, raising(ValueError())))
    for name in damaged:
        (store.folder(run.id) / name).write_bytes(b"PK\x03\x04 torn")
    assert_as_undisturbed(store, resume(store, run), undisturbed)


def test_store_is_asked_about_a_cancel_rarely(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[float] = []
    now = 1000.0
    monkeypatch.setattr(store, "beat", lambda run_id: beats.append(now))

    def later() -> bool:
        nonlocal now
        now += 0.1  # seconds a batch
        return False

    monkeypatch.setattr("time.monotonic", lambda: now)
    job.execute(store, Library(store.root), foreground(store).id, should_stop=later)
    assert beats == pytest.approx([1000.1, 1000.4, 1000.7, 1001.0])  # of 3 epochs of 4 batches


def test_process_that_finds_its_run_taken_exits_without_training(store: RunStore) -> None:
    run = claimed(store)
    store.attach(run.id)
    child = subprocess.run([*fakes.JOB, str(store.root), run.id], capture_output=True, text=True)
    assert child.returncode == 1 and "belongs to another" in child.stderr
    assert store.get(run.id).epoch == 0


def test_job_and_supervisor_start_without_numpy_and_torch() -> None:
    """The threads of their libraries are set by the environment, before the first import."""
    script = "import sys, nmtr.runs.job, nmtr.runs.supervisor; print({'numpy', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "set()\n"
