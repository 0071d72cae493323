"""What may go wrong around a training, and what must come of it; see test_kills for processes that are killed."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from sqlalchemy import update

from nmtr.errors import RunError, StoreError
from nmtr.runs import process, schema, supervisor
from nmtr.runs.store import Run, RunStore
from nmtr.runs.supervisor import Supervisor, ensure_running
from tests.runs import fakes
from tests.runs.fakes import GO, JOB, eventually
from tests.runs.test_supervisor import assert_done, in_second_epoch, starts, submit, supervising, value

__all__ = ["value"]  # a fixture

FULL = StoreError("nmtr.db", "database or disk is full")


# The store is locked


@contextmanager
def locked(store: RunStore, seconds: float) -> Iterator[None]:
    """Another process writes to the store for so long; over once it has let go."""
    script = (
        "import sqlite3, sys, time\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "time.sleep(float(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(store.root / "nmtr.db"), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "locked\n"
        yield


def test_store_waits_for_twice_as_long_as_another_process_may_lock_it() -> None:
    assert schema.LOCK_TIMEOUT >= 2 * 30


def test_job_supervisor_and_page_wait_for_a_locked_store_and_go_on(store: RunStore, value: float) -> None:
    run = submit(store, "gated")
    with supervising(store.root):
        in_second_epoch(store, run)
        with locked(store, seconds=2):
            (store.root / GO).touch()  # and the job has an epoch to report
            other = submit(store)  # as a page does; it waits too
        assert store.get(run.id).epoch >= 1
    for each in (run, other):
        assert_done(store.get(each.id), value)
        assert [report.epoch for report in store.reports(each.id)] == [1, 2, 3]
        assert (starts(store, each), store.get(each.id).deaths) == (1, 0)


# The clock is set back, a pid is used again


def test_clock_that_is_set_back_changes_no_order_no_seconds_and_no_life(
    store: RunStore, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", time.time)  # what it is after the test
    runs = [submit(store, "backwards"), submit(store, "gated")]
    fakes.set_clock_back()
    runs.append(submit(store, "backwards"))
    with supervising(store.root):
        in_second_epoch(store, runs[1])
        assert [store.get(run.id).state for run in runs] == ["done", "running", "queued"]
        fakes.set_clock_back()
        time.sleep(3 * supervisor._TICK)  # the supervisor looks at it again
        (store.root / GO).touch()
    for run in runs:
        assert_done(store.get(run.id), value)
        assert (starts(store, run), store.get(run.id).seconds) == (1, 1.5)


def test_start_of_a_process_is_the_same_after_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    start, booted = process.started(os.getpid()), psutil.boot_time()
    assert start is not None
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted - 3600)  # which Linux works out of the clock
    assert psutil.boot_time() == booted - 3600
    assert process.is_alive(os.getpid(), start)


def test_process_that_was_given_a_runs_pid_is_neither_waited_for_nor_killed(store: RunStore, value: float) -> None:
    run, cancelled = submit(store), submit(store)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as stranger:
        start = process.started(stranger.pid)
        assert start is not None
        for each in (run, cancelled):
            store.claim(2)
            with schema.open_database(store.root / "nmtr.db").begin() as db:
                reused = {"pid": stranger.pid, "process_started": start - 1}
                db.execute(update(schema.runs).where(schema.runs.c.id == each.id).values(reused))
        store.request_cancel(cancelled.id)
        assert Supervisor(store.root, job=JOB).run(idle=0)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert_done(store.get(run.id), value)
    assert (starts(store, run), store.get(cancelled.id).state) == (1, "cancelled")


# Many at once

ENDS_AT_ONCE = """
import sqlite3, sys
home, run = sys.argv[1:]
print("started", flush=True)
with sqlite3.connect(home + "/nmtr.db", timeout=300) as db:
    db.execute("UPDATE runs SET state = 'done' WHERE id = ? AND state = 'running'", (run,))
"""


def test_of_two_hundred_queued_runs_and_fifty_cancels_at_random_each_run_ends_once(store: RunStore) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    runs = [submit(store).id for _ in range(200)]
    chosen = chance.sample(runs, 50)
    too_late: set[str] = set()
    for run in chosen[:10]:
        store.request_cancel(run)
    worker = Supervisor(store.root, slots=8, job=[sys.executable, "-I", "-S", "-c", ENDS_AT_ONCE])
    thread = Thread(target=worker.run, kwargs={"idle": 0}, daemon=True)
    thread.start()
    for run in chosen[10:]:
        time.sleep(chance.uniform(0, 0.1))
        try:
            store.request_cancel(run)
        except RunError as refused:
            assert f"run {run} is done" in str(refused)
            too_late.add(run)
    thread.join(300)
    assert not thread.is_alive()

    ended = {run.id: run for run in store.list()}
    states = Counter(run.state for run in ended.values())
    assert states["done"] + states["cancelled"] == len(ended) == 200
    started = {run: starts(store, ended[run]) if (store.folder(run) / "log.txt").exists() else 0 for run in runs}
    for run in runs:
        if run not in chosen or run in too_late:
            assert (ended[run].state, started[run]) == ("done", 1)
        elif run in chosen[:10]:
            assert (ended[run].state, started[run]) == ("cancelled", 0)
        else:  # it may have ended before it heard of it
            assert started[run] == 1 or (ended[run].state, started[run]) == ("cancelled", 0)


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
    with pytest.raises(StoreError):
        Supervisor(store.root, job=JOB).run(idle=0)


def test_supervisor_whose_log_cannot_be_written_is_refused_with_a_sentence(store: RunStore) -> None:
    run = submit(store)
    (store.root / "worker.log").mkdir()  # as little of a file as one that does not fit the disk
    with pytest.raises(RunError, match=r"cannot be started in .* \(Is a directory\): mend that, and nmtr queue or"):
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
