from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy import update

from nmtr.runs import alone, job, process, schema, supervisor
from nmtr.runs.store import Run, RunStore
from nmtr.runs.supervisor import Supervisor, ensure_running
from tests.runs import fakes
from tests.runs.fakes import FINGERPRINT, GO, JOB, Library, config, eventually

Spawn = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """What a run ends in that nothing disturbs."""
    with monkeypatch.context() as patch:
        patch.setattr(job, "new_experiment", fakes.Experiment)
        store = RunStore(tmp_path / "undisturbed")
        run = store.create(config(), FINGERPRINT, foreground=True)
        result = job.execute(store, Library(tmp_path), run.id).result
    assert result is not None
    return result.test["HR@100"]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Start a supervisor in a process of its own, as often as wanted."""
    spawned: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.runs.fakes", "supervise", str(tmp_path)]
            spawned.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        return spawned[-1]

    yield start
    for each in spawned:
        each.terminate()
        each.wait(300)


@contextmanager
def supervising(home: Path, slots: int | None = 1) -> Iterator[None]:
    """A supervisor in a thread, until it has nothing left to do."""
    thread = Thread(target=Supervisor(home, slots, JOB).run, kwargs={"idle": 0}, daemon=True)
    thread.start()
    yield
    thread.join(300)
    assert not thread.is_alive()


def submit(store: RunStore, data: str = "quick") -> Run:
    return store.create(config(data), FINGERPRINT)


def in_second_epoch(store: RunStore, run: Run) -> int:
    """Wait until the run is past its first checkpoint; the pid of its process."""
    saved = store.folder(run.id) / "checkpoint.pt"
    return int(eventually(lambda: saved.exists() and (now := store.get(run.id)).state == "running" and now.pid))


def is_gone(pid: int) -> bool:
    return process.started(pid) is None


def starts(store: RunStore, run: Run) -> int:
    return (store.folder(run.id) / "log.txt").read_text().count("started")


def ended(store: RunStore, run: Run) -> Run:
    return eventually(lambda: not store.get(run.id).live) and store.get(run.id)


def assert_done(run: Run, value: float) -> None:
    assert run.state == "done" and run.result is not None
    assert run.result.test["HR@100"] == value


def test_queued_runs_are_done_in_order_one_at_a_time(store: RunStore, value: float) -> None:
    queued = [submit(store) for _ in range(2)]
    assert Supervisor(store.root, job=JOB).run(idle=0)
    first, second = (store.get(run.id) for run in queued)
    assert_done(first, value)
    assert_done(second, value)
    assert first.finished is not None and second.started is not None and first.finished < second.started
    assert [starts(store, run) for run in queued] == [1, 1]


def test_as_many_runs_train_at_once_as_there_are_slots(store: RunStore) -> None:
    queued = [submit(store, "gated") for _ in range(3)]
    with supervising(store.root, slots=2):
        for run in queued[:2]:
            in_second_epoch(store, run)
        assert store.get(queued[2].id).state == "queued"
        (store.root / GO).touch()
    assert [store.get(run.id).state for run in queued] == ["done"] * 3


def test_run_whose_process_is_killed_goes_on_from_its_checkpoint_to_the_same_result(
    store: RunStore, value: float
) -> None:
    run = submit(store, "gated")
    with supervising(store.root):
        os.kill(in_second_epoch(store, run), signal.SIGKILL)
        eventually(lambda: starts(store, run) == 2)
        (store.root / GO).touch()
    assert_done(store.get(run.id), value)
    assert [report.epoch for report in store.reports(run.id)] == [1, 2, 3]


def test_run_whose_process_dies_three_times_within_an_epoch_fails(store: RunStore) -> None:
    run = submit(store, "deadly")
    assert Supervisor(store.root, job=JOB).run(idle=0)
    failed = store.get(run.id)
    assert failed.state == "failed" and failed.error is not None and "ended 3 times" in failed.error
    assert starts(store, run) == 3


def test_run_goes_on_when_its_supervisor_is_killed_and_is_not_started_twice(
    store: RunStore, spawn: Spawn, value: float
) -> None:
    run, waiting = submit(store, "gated"), submit(store)
    killed = spawn()
    pid = in_second_epoch(store, run)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not is_gone(pid)
    with supervising(store.root):
        (store.root / GO).touch()
        assert_done(ended(store, run), value)
    assert starts(store, run) == 1
    assert_done(store.get(waiting.id), value)


def test_run_whose_process_and_supervisor_are_killed_is_taken_up_by_the_next(
    store: RunStore, spawn: Spawn, value: float
) -> None:
    run = submit(store, "gated")
    killed = spawn()
    pid = in_second_epoch(store, run)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid))
    (store.root / GO).touch()
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)
    assert starts(store, run) == 2


def test_claimed_run_whose_supervisor_was_killed_before_it_started_a_process_is_run(
    store: RunStore, value: float
) -> None:
    run = submit(store)
    store.claim(1)
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)


def test_supervisor_told_to_end_gives_its_runs_back_to_the_queue(store: RunStore, spawn: Spawn, value: float) -> None:
    run = submit(store, "gated")
    told = spawn()
    pid = in_second_epoch(store, run)
    told.terminate()
    assert told.wait(300) == process.TERMINATED
    assert is_gone(pid)
    waiting = store.get(run.id)
    assert (waiting.state, waiting.epoch, waiting.deaths) == ("queued", 1, 0)
    (store.root / GO).touch()
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)


def test_second_supervisor_of_a_home_leaves_it_to_the_first(store: RunStore, spawn: Spawn, value: float) -> None:
    run = submit(store, "gated")
    spawn()
    in_second_epoch(store, run)
    assert not Supervisor(store.root, job=JOB).run(idle=0)
    (store.root / GO).touch()
    assert_done(ended(store, run), value)
    assert starts(store, run) == 1


def test_supervisors_started_at_once_run_everything_once(store: RunStore, spawn: Spawn, value: float) -> None:
    queued = [submit(store) for _ in range(2)]
    supervisors = [spawn() for _ in range(3)]
    for run in queued:
        assert_done(ended(store, run), value)
        assert starts(store, run) == 1
    eventually(lambda: sum(each.poll() is None for each in supervisors) == 1)


def test_cancelled_run_stops_by_itself_and_resumes_to_the_same_result(
    store: RunStore, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        supervisor, "PATIENCE", 300
    )  # so that it is not killed; how soon it stops: benchmarks, sweep-stop
    run = submit(store, "gated")
    with supervising(store.root):
        pid = in_second_epoch(store, run)
        store.request_cancel(run.id)
        eventually(lambda: store.get(run.id).state == "cancelled")
        eventually(lambda: is_gone(pid))
    (store.root / GO).touch()
    store.requeue(run.id)
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)


def test_cancelled_run_whose_process_does_not_listen_is_killed(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE", 0.5)
    run = submit(store, "deaf")
    with supervising(store.root):
        pid = in_second_epoch(store, run)
        store.request_cancel(run.id)
        eventually(lambda: store.get(run.id).state == "cancelled")
        assert is_gone(pid)


def test_run_cancelled_in_the_queue_is_never_started(store: RunStore) -> None:
    run, other = submit(store), submit(store)
    store.request_cancel(run.id)
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert (store.get(run.id).state, store.get(other.id).state) == ("cancelled", "done")
    assert not (store.folder(run.id) / "log.txt").exists()


def foreground_of(store: RunStore, pid: int, start: float | None) -> Run:
    run = store.create(config(), FINGERPRINT, foreground=True)
    with schema.open_database(store.root / "nmtr.db").begin() as db:
        db.execute(update(schema.runs).where(schema.runs.c.id == run.id).values(pid=pid, process_started=start))
    return store.get(run.id)


def test_process_that_reuses_a_pid_is_not_taken_for_the_runs_own(store: RunStore) -> None:
    start = process.started(os.getpid())
    assert start is not None
    reused = foreground_of(store, os.getpid(), start - 1)
    cancelled = foreground_of(store, os.getpid(), start - 1)
    store.request_cancel(cancelled.id)
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert store.get(reused.id).error == "Its process ended after epoch 0; resume it to go on from there."
    assert store.get(cancelled.id).state == "cancelled"  # and this process, which has the pid, lives


def test_foreground_run_of_a_living_process_is_left_alone_even_when_cancelled(store: RunStore) -> None:
    run = store.create(config(), FINGERPRINT, foreground=True)
    other = submit(store)
    store.request_cancel(run.id)
    with supervising(store.root):
        ended(store, other)
        assert store.get(run.id).state == "running"  # its own process hears of the cancel, and this is it
        store.cancelled(run.id)


def test_zombie_is_gone(store: RunStore) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert process.started(child.pid) is None
    child.wait()


def test_run_queued_while_the_supervisor_ends_is_not_forgotten(store: RunStore) -> None:
    late: list[Run] = []

    class Ending(Supervisor):
        def _work(self, idle: float) -> None:
            super()._work(idle)
            if not late:  # after the last look, with the lock still held
                late.append(submit(store))

    assert Ending(store.root, job=JOB).run(idle=0)
    assert store.get(late[0].id).state == "done"


def test_run_whose_process_cannot_be_started_fails_with_a_sentence(store: RunStore) -> None:
    run = submit(store)
    assert Supervisor(store.root, job=["/nonexistent"]).run(idle=0)
    assert (error := store.get(run.id).error) is not None and "could not be started (No such file" in error


def test_paused_queue_is_left_alone_and_keeps_no_supervisor(store: RunStore, value: float) -> None:
    run = submit(store)
    store.queue.pause()
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert store.get(run.id).state == "queued"
    store.queue.resume()
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)


def test_run_that_trains_when_the_queue_is_paused_is_trained_to_its_end(store: RunStore, value: float) -> None:
    run, waiting = submit(store, "gated"), submit(store)
    with supervising(store.root):
        in_second_epoch(store, run)
        store.queue.pause()
        (store.root / GO).touch()
    assert_done(store.get(run.id), value)
    assert store.get(waiting.id).state == "queued"


def test_supervisor_holds_to_the_limits_that_it_was_started_with_and_says_them(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTR_JOBS", "2")
    monkeypatch.setenv("NMTR_JOBS_PER_OWNER", "1")
    runs = [store.create(config("gated"), FINGERPRINT, owner=owner) for owner in ("ann", "ann", "bob")]
    with supervising(store.root, slots=None):
        eventually(lambda: len(store.list("running")) == 2)
        assert [store.get(run.id).state for run in runs] == ["running", "queued", "running"]
        assert (state := store.queue.state()).slots == 2 and state.per_owner == 1
        (store.root / GO).touch()
    assert [store.get(run.id).state for run in runs] == ["done"] * 3


def test_ensure_running_starts_one_supervisor_that_outlives_its_caller(store: RunStore) -> None:
    script = f"from pathlib import Path; from nmtr.runs.supervisor import *; ensure_running(Path({str(store.root)!r}))"

    def supervisors() -> list[psutil.Process]:
        command = ["nmtr.runs.supervisor", str(store.root)]
        return [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-2:] == command]

    def has_lock() -> bool:
        return not Supervisor(store.root, job=JOB).run(idle=0)

    subprocess.run([sys.executable, "-c", script], check=True)
    eventually(has_lock)
    ensure_running(store.root)
    (only,) = supervisors()
    only.terminate()
    eventually(lambda: not supervisors())


#: A page's process, whose visitors come one close upon the other, and what it started.
PAGES = """
import sys, threading, time
from pathlib import Path
from nmtr.runs import process
from nmtr.runs.supervisor import ensure_running

detached, started = process.detached, []
process.detached = lambda *args, **options: started.append(detached(*args, **options)) or started[-1]
threads = [threading.Thread(target=ensure_running, args=(Path(sys.argv[1]),)) for _ in range(5)]
print("ready", flush=True)
sys.stdin.readline()
for thread in threads:
    thread.start()
    time.sleep(0.1)
for thread in threads:
    thread.join()
print(*(child.pid for child in started))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows hands no lock over")
def test_twenty_page_loads_at_once_start_one_supervisor_however_slowly_it_begins(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four processes with five threads each; what they start is held up for longer than they take."""
    slow = "import sys, time\nif 'nmtr.runs.supervisor' in sys.orig_argv: time.sleep(2)"
    (tmp_path / "sitecustomize.py").write_text(slow)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    command = [sys.executable, "-c", PAGES, str(store.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    pages = [subprocess.Popen(command, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for page in pages:
        assert page.stdout.readline() == "ready\n"
    for page in pages:
        page.stdin.write("now\n")
        page.stdin.flush()
    started = [int(pid) for page in pages for pid in page.communicate()[0].split()]
    assert [page.returncode for page in pages] == [0] * 4
    (only,) = started
    psutil.Process(only).terminate()
    eventually(lambda: process.started(only) is None)
    assert not (store.root / "worker.log").read_text()


SLEEPS = "import time; time.sleep(60)"


def test_supervisor_that_dies_at_its_start_is_in_nobodys_way(store: RunStore, value: float) -> None:
    """The lock that it was given goes with it."""
    run = submit(store)
    dead = alone.start(store.root / "supervisor.lock", [sys.executable, "-c", SLEEPS], store.root / "worker.log")
    assert dead is not None and not Supervisor(store.root, job=JOB).run(idle=0)
    dead.kill()
    dead.wait()
    assert Supervisor(store.root, job=JOB).run(idle=0)
    assert_done(store.get(run.id), value)


def test_ensure_running_hands_on_how_many_train_at_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def start(command: list[str], **_: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(wait=lambda: 0)

    slots: list[int | None] = []
    monkeypatch.setattr(supervisor.subprocess, "Popen", start)
    monkeypatch.setattr(supervisor.process, "exit_on_sigterm", lambda: None)
    monkeypatch.setattr(supervisor, "Supervisor", lambda home, given: SimpleNamespace(run=lambda: slots.append(given)))
    for given in (3, None):
        ensure_running(store.root, given)
        monkeypatch.setattr(sys, "argv", commands[-1][2:])
        supervisor.main()
    assert slots == [3, None]
