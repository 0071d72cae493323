from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

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
        (OSError(28, "No space left on device"), "could not use its files (No space left on device)"),
    ],
)
def test_run_that_breaks_fails_with_a_sentence_keeps_the_traceback_and_can_be_resumed(
    store: RunStore, undisturbed: Run, error: Exception, sentence: str
) -> None:
    run = job.execute(store, Library(store.root), foreground(store).id, on_report=at_epoch(2, raising(error)))
    assert run.state == "failed" and run.error is not None and sentence in run.error
    assert type(error).__name__ in (store.folder(run.id) / "log.txt").read_text()
    assert_as_undisturbed(store, resume(store, run), undisturbed)


class FullDisk:
    """Refuses the files with these names as a full disk does, after their first bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: set[str] = set()
        whole = checkpoint.whole

        @contextmanager
        def until_full(path: Path, *args: Any, **kwargs: Any) -> Iterator[BinaryIO]:
            with whole(path, *args, **kwargs) as file:
                yield file
                if path.name in self.refused:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(checkpoint, "whole", until_full)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def log(store: RunStore, run: Run) -> str:
    return (store.folder(run.id) / job.LOG).read_text()


def test_training_goes_on_while_checkpoints_do_not_fit_the_disk_and_the_log_says_so(
    store: RunStore, undisturbed: Run, full_disk: FullDisk
) -> None:
    full_disk.refused = {"checkpoint.pt"}
    run = job.execute(store, Library(store.root), foreground(store).id)
    assert_as_undisturbed(store, run, undisturbed)
    assert [line.split(" of select")[0] for line in log(store, run).splitlines()] == [
        f"The checkpoint after epoch {epoch}" for epoch in (1, 2, 3)
    ]
    assert "(No space left on device)" in log(store, run)
    assert sorted(path.name for path in store.folder(run.id).iterdir()) == ["log.txt", "ranks.npz", "weights.pt"]


def test_run_that_ends_while_the_disk_is_full_resumes_from_its_last_checkpoint(
    store: RunStore, undisturbed: Run, full_disk: FullDisk
) -> None:
    def on_report(report: EpochReport) -> None:
        full_disk.refused = {"checkpoint.pt"}  # from epoch 2 on
        if report.epoch == 3:
            raise SystemExit(143)

    run = claimed(store)
    with pytest.raises(SystemExit):
        job.execute(store, Library(store.root), run.id, on_report)
    assert sorted(path.name for path in store.folder(run.id).iterdir()) == ["checkpoint.pt", "log.txt"]
    full_disk.refused = set()
    trained: list[int] = []
    store.claim(1)
    ended = job.execute(store, Library(store.root), run.id, lambda report: trained.append(report.epoch))
    assert trained == [2, 3]
    assert_as_undisturbed(store, ended, undisturbed)


@pytest.mark.parametrize("file", ["ranks.npz", "weights.pt"])
def test_run_that_cannot_be_finished_on_a_full_disk_fails_with_a_sentence_and_keeps_its_checkpoint(
    store: RunStore, undisturbed: Run, full_disk: FullDisk, file: str
) -> None:
    full_disk.refused = {file}
    run = job.execute(store, Library(store.root), foreground(store).id)
    assert (run.state, run.error) == (
        "failed",
        "The run could not use its files (No space left on device); mend that and resume it.",
    )
    left = {path.name for path in store.folder(run.id).iterdir()}
    assert {"checkpoint.pt", "checkpoint.prev.pt", "log.txt"} <= left and not any(
        name.endswith(".tmp") for name in left
    )
    full_disk.refused = set()
    trained: list[int] = []
    store.requeue(run.id)
    store.claim(1)
    ended = job.execute(store, Library(store.root), run.id, lambda report: trained.append(report.epoch))
    assert trained == []
    assert_as_undisturbed(store, ended, undisturbed)


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
    told = [line.split(",")[0] for line in log(store, run).splitlines() if "damaged" in line]
    assert told == [f"{name} is damaged (its end is missing)" for name in damaged]


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
