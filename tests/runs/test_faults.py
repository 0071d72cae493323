"""What may go wrong around a training, and what must come of it; see test_kills for processes that are killed."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from nmtr.errors import RunError
from nmtr.runs import supervisor
from nmtr.runs.store import Run, RunStore
from nmtr.runs.supervisor import Supervisor, ensure_running
from tests.runs.fakes import JOB, eventually
from tests.runs.test_supervisor import assert_done, submit, value

__all__ = ["value"]  # a fixture

FULL = OperationalError("UPDATE", {}, sqlite3.OperationalError("database or disk is full"))


# The supervisor cannot work


def refuse(error: BaseException) -> Any:
    def refusing(*_: object, **__: object) -> None:
        raise error

    return refusing


def test_supervisor_that_can_start_no_process_fails_each_run_once_with_a_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def refused(*arguments: object, **_: object) -> None:
        tries.append(arguments)
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    runs = [submit(store) for _ in range(3)]
    monkeypatch.setattr(supervisor.subprocess, "Popen", refused)
    assert Supervisor(store.root).run(idle=0)
    sentence = "The run's process could not be started (Resource temporarily unavailable); resume it later."
    assert [store.get(run.id).error for run in runs] == [sentence] * 3
    assert len(tries) == 3


@pytest.fixture
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RETRY", 0.01)


def test_supervisor_waits_while_the_store_cannot_be_written_and_says_so_once(
    store: RunStore, value: float, quick_retry: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = submit(store)
    claim, tries = RunStore.claim, iter(range(1000))

    def full_at_first(self: RunStore, *limits: Any) -> Run | None:
        if next(tries) < supervisor.MOST_FAILURES - 1:
            raise FULL
        return claim(self, *limits)

    monkeypatch.setattr(RunStore, "claim", full_at_first)
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)
    said = "The store of runs cannot be used (database or disk is full); it is tried again for a while.\n"
    assert capfd.readouterr().err == said


def test_supervisor_gives_up_on_a_store_that_can_never_be_written(
    store: RunStore, quick_retry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(store)
    monkeypatch.setattr(RunStore, "claim", refuse(FULL))
    with pytest.raises(OperationalError):
        Supervisor(store.root, job=JOB).run(idle=0)


def test_supervisor_whose_log_cannot_be_written_is_refused_with_a_sentence(store: RunStore) -> None:
    run = submit(store)
    (store.root / "worker.log").mkdir()  # as little of a file as one that does not fit the disk
    with pytest.raises(RunError, match=r"cannot be started in .* \(Is a directory\): mend that and try again\."):
        ensure_running(store.root)
    assert store.get(run.id).state == "queued"
    (store.root / "worker.log").rmdir()


def test_supervisor_that_failed_is_not_started_again_at_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    home: Path = store.root / "other"
    home.mkdir()
    (home / "nmtr.db").write_text("no database" * 100)
    monkeypatch.setattr(supervisor, "_not_before", {})
    ensure_running(home)
    eventually(lambda: supervisor._not_before)
    with pytest.raises(RunError, match=r"the last one failed: see .*worker\.log, mend that"):
        ensure_running(home)
    [line] = (home / "worker.log").read_text().splitlines()
    assert line.startswith("The store of runs needs a database")
    later = time.monotonic() + supervisor.RETRY
    monkeypatch.setattr("time.monotonic", lambda: later)
    ensure_running(home)  # it is tried again
