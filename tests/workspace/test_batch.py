"""Runs for many configs: what exists is taken, what stopped goes on, what is missing is trained, in real children."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest

from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo
from nmtr.errors import ConfigError
from nmtr.runs.store import Run
from nmtr.runs.supervisor import Supervisor
from nmtr.workspace import Workspace, batch
from nmtr.workspace.batch import Progress, train_all
from tests.conftest import random_dataset
from tests.runs.fakes import FINGERPRINT, GO, JOB, eventually

Train = Callable[..., list[Run]]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(batch, "_TICK", 0.02)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Every name is a data set of the fakes'."""
    workspace = Workspace(tmp_path)
    info = DatasetInfo.of(random_dataset(behaviors=("view", "buy"))).model_copy(update={"fingerprint": FINGERPRINT})
    monkeypatch.setattr(workspace.data, "info", lambda name: info)
    yield workspace
    workspace.runs.close()


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int | None]]:
    """The slots of each supervisor that was asked for; it runs in a thread, and its children are the fakes'."""
    asked: list[int | None] = []
    threads: list[Thread] = []

    def ensure_running(home: Path, slots: int | None = None) -> None:
        asked.append(slots)
        if not any(thread.is_alive() for thread in threads):
            supervisor = Supervisor(home, slots, job=JOB)
            threads.append(Thread(target=supervisor.run, kwargs={"idle": 0.5}, daemon=True))
            threads[-1].start()

    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", ensure_running)
    yield asked
    for thread in threads:
        thread.join(300)


def config(data: str = "quick", seed: int = 0, threads: int = 1) -> RunConfig:
    return RunConfig(data=data, epochs=2, seed=seed, threads=threads)


def test_missing_runs_are_trained_and_then_found(workspace: Workspace, workers: list[int | None]) -> None:
    configs = [config(seed=0), config(seed=1), config(seed=0)]
    heard: list[Progress] = []
    runs = train_all(workspace, configs, 2, heard.append)
    assert [run.state for run in runs] == ["done"] * 3
    assert [run.config.seed for run in runs] == [0, 1, 0]
    assert runs[0].id == runs[2].id and len(workspace.runs.list()) == 2
    assert (heard[0].total, heard[0].there, heard[-1].ended) == (2, 0, 2)
    assert set(workers) == {2}

    workers.clear()
    again = train_all(workspace, [config(seed=1, threads=2), config(seed=0)], on_progress=heard.append)
    assert [run.id for run in again] == [runs[1].id, runs[0].id]
    assert (heard[-1].there, heard[-1].ended, workers) == (2, 2, [])


def test_run_that_watched_its_test_purchases_serves_who_does_not_ask_for_it_and_not_the_reverse(
    workspace: Workspace, workers: list[int | None]
) -> None:
    watching = [config(seed=seed).model_copy(update={"watch_test": True}) for seed in range(2)]
    first, second = train_all(workspace, [watching[0], config(seed=1)])
    found, new = train_all(workspace, [config(seed=0), watching[1]])
    assert found.id == first.id and new.id != second.id


def test_stopped_and_waiting_runs_are_gone_on_with(workspace: Workspace, workers: list[int | None]) -> None:
    resolved = [workspace.prepare(config(seed=seed))[0] for seed in range(3)]
    failed, cancelled, queued = (
        workspace.runs.create(one, FINGERPRINT, foreground=n < 2) for n, one in enumerate(resolved)
    )
    workspace.runs.fail(failed.id, "It ran out of luck.")
    workspace.runs.cancelled(cancelled.id)
    runs = train_all(workspace, [config(seed=seed) for seed in range(3)], jobs=2)
    assert [(run.id, run.state) for run in runs] == [(run.id, "done") for run in (failed, cancelled, queued)]
    assert workers == [2]  # one supervisor, of as many slots as were asked for


def test_run_whose_process_is_gone_is_queued_again(
    workspace: Workspace, workers: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = workspace.runs.create(workspace.prepare(config())[0], FINGERPRINT, foreground=True)
    monkeypatch.setattr("nmtr.runs.process.is_alive", lambda pid, started: False)
    seen: list[str] = []

    def stop(progress: Progress) -> None:
        seen.extend(run.state for run in workspace.runs.list())
        raise KeyboardInterrupt

    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home, slots=None: workers.append(slots))
    with pytest.raises(KeyboardInterrupt):
        train_all(workspace, [config()], jobs=2, on_progress=stop)
    assert (seen, workers) == (["queued"], [2])
    assert workspace.runs.get(lost.id).state == "cancelled"  # it was queued here


def test_run_on_another_version_of_the_data_is_not_taken(workspace: Workspace, workers: list[int | None]) -> None:
    other = workspace.runs.create(workspace.prepare(config())[0], "another version", foreground=True)
    workspace.runs.fail(other.id, "It ran out of luck.")
    (run,) = train_all(workspace, [config()])
    assert run.id != other.id and run.state == "done"


def test_run_that_fails_is_given_back_with_its_sentence(workspace: Workspace, workers: list[int | None]) -> None:
    good, bad = train_all(workspace, [config(), config(data="unknown")])
    assert (good.state, bad.state) == ("done", "failed")
    assert bad.error is not None and bad.error.startswith("data must be the name of a data set")


def test_config_that_does_not_fit_is_refused_before_anything_is_queued(
    workspace: Workspace, workers: list[int | None]
) -> None:
    wrong = RunConfig(data="quick", behaviors=("cart", "buy"))
    with pytest.raises(ConfigError, match="^behaviors must be among view, buy"):
        train_all(workspace, [config(), wrong])
    assert (workspace.runs.list(), workers) == ((), [])


def test_interrupt_cancels_what_has_not_begun_and_the_next_call_goes_on(
    workspace: Workspace, workers: list[int | None]
) -> None:
    configs = [config("gated", seed) for seed in range(3)]

    def interrupt(progress: Progress) -> None:
        if progress.running:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_all(workspace, configs, on_progress=interrupt)
    first = by_seed(workspace.runs.list())
    assert [run.state for run in first] == ["running", "cancelled", "cancelled"]

    (workspace.home / GO).touch()
    runs = train_all(workspace, configs)
    assert [(run.id, run.state) for run in runs] == [(run.id, "done") for run in first]
    eventually(lambda: not workspace.runs.list("queued", "running"))


def test_paused_queue_starts_no_worker_until_it_goes_on(
    workspace: Workspace, workers: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_WORKER_TICK", 0.01)
    workspace.runs.queue.pause()
    looked = 0

    def resume_later(progress: Progress) -> None:
        nonlocal looked
        looked += 1
        if looked == 10:
            assert workers == [] and progress.paused
            workspace.runs.queue.resume()
        elif progress.ended == progress.total:
            assert not progress.paused

    (run,) = train_all(workspace, [config()], 2, resume_later)
    assert run.state == "done" and set(workers) == {2}


def test_interrupt_leaves_what_others_queued(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home, slots=None: None)
    resolved = [workspace.prepare(config(seed=seed))[0] for seed in range(2)]
    waiting, stopped = (workspace.runs.create(one, FINGERPRINT) for one in resolved)
    workspace.runs.request_cancel(stopped.id)

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_all(workspace, [config(seed=seed) for seed in range(3)], on_progress=interrupt)
    assert [run.state for run in by_seed(workspace.runs.list())] == ["queued", "cancelled", "cancelled"]
    assert workspace.runs.get(waiting.id).state == "queued"


def by_seed(runs: Sequence[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: run.config.seed)
