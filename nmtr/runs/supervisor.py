"""The supervisor of a home: starts queued runs, each in a child process of its own, and tidies up after them.

There is one supervisor a home, held by a file lock that it has from its start (`nmtr.runs.alone`). It needs no memory
of its own: what it has to know is in the store, so it can be killed at any time. Its children go on without it, and the
next supervisor watches them as if they were its own. A run whose process is gone is queued again (a foreground run
fails, to be resumed by its user), and fails when that happens MOST_DEATHS times without an epoch being finished. Of a
cancelled run the process is asked to end, and killed after PATIENCE seconds. SIGTERM to the supervisor ends its
children too and gives their runs back to the queue, for the next supervisor to go on with.

Faults. A run whose process cannot be started fails with a sentence. A store that cannot be written, as on a full disk,
is tried again every RETRY seconds, and given up after MOST_FAILURES; a supervisor that gave up, or could not begin, is
not started again by the same process within RETRY seconds. What is wrong stands in the home's worker.log.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from nmtr.errors import NmtrError, RunError, StoreError
from nmtr.runs import alone, limits, process
from nmtr.runs.job import LOG
from nmtr.runs.store import Run, RunStore

MOST_DEATHS = 3
#: Seconds between asking a process to end and killing it, which loses no more than asking: what is kept is on the disk
#: by then. With a tick before and two after, a cancel takes effect within 2 seconds, whatever the process is doing.
PATIENCE = 1.3
IDLE = 30.0  # seconds without work after which a supervisor ends
RETRY = 5.0  # seconds to wait after a fault
MOST_FAILURES = 12  # of the store, one after another
_LOCK = "supervisor.lock"
_TICK = 0.2  # seconds between two looks at the store

#: By home, the time before which no other supervisor is started, where this process started one that failed.
_not_before: dict[Path, float] = {}


def ensure_running(home: Path, slots: int | None = None) -> None:
    """Start a supervisor for this home, in a process of its own that outlives this one, unless there is one.

    slots: how many runs it trains at once ($NMTR_JOBS, else 1); one that is there keeps its own number.
    Raises RunError where one cannot be started, or has just failed: what is queued waits.
    """
    if time.monotonic() < _not_before.get(home, 0.0):
        raise RunError(
            f"a supervisor must look after what is queued, and the last one failed: see {home / 'worker.log'}, mend "
            f"that, and nmtr queue or the next page starts another {RETRY:.0f} seconds later."
        )
    command = [sys.executable, "-m", "nmtr.runs.supervisor", str(home), *([] if slots is None else [str(slots)])]
    try:
        worker = alone.start(home / _LOCK, command, home / "worker.log")
    except OSError as error:
        raise RunError(
            f"a supervisor must look after what is queued, and cannot be started in {home} ({error.strerror}): mend "
            "that, and nmtr queue or the next page starts it."
        ) from error
    if worker is not None:  # or it stays a zombie once it ends
        threading.Thread(target=_await, args=(home, worker), daemon=True).start()


def _await(home: Path, worker: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a supervisor, and note when one failed."""
    status = worker.wait()
    if status > 0 and status != process.TERMINATED:  # below 0 it was killed
        _not_before[home] = time.monotonic() + RETRY


class Supervisor:
    """Runs what is queued in one home, `slots` at a time ($NMTR_JOBS, else 1) and $NMTR_JOBS_PER_OWNER of one owner."""

    def __init__(
        self,
        home: Path,
        slots: int | None = None,
        job: Sequence[str] = (sys.executable, "-m", "nmtr.runs.job"),
    ) -> None:
        """`job` is the command of a child, to be followed by the home and the run's id."""
        self._home, self._job = home, job
        self._slots = slots or limits.slots()
        self._per_owner = limits.per_owner()
        self._store = RunStore(home)
        self._children: dict[str, subprocess.Popen[bytes]] = {}  # by run
        self._asked: dict[str, float] = {}  # run -> when its process was asked to end

    def run(self, idle: float = IDLE) -> bool:
        """Work until there was nothing to do for `idle` seconds; False if another supervisor has the home."""
        while True:
            with alone.held(self._home / _LOCK, timeout=1) as mine:  # ensure_running may hold it for a moment
                if not mine:
                    return False
                self._work(idle)
            # Who queued a run, or ended the pause, after the last look saw the lock held and relies on this supervisor.
            if not self._store.queue.has_work():
                return True

    def _work(self, idle: float) -> None:
        self._store.queue.served(self._slots, self._per_owner)
        last_work, failures = time.monotonic(), 0
        try:
            while True:
                try:
                    if self._tick():
                        last_work = time.monotonic()
                    elif time.monotonic() - last_work >= idle:
                        return
                    failures = 0
                except StoreError as error:
                    failures += 1
                    if failures == MOST_FAILURES:
                        raise
                    if failures == 1:
                        _note(f"The store of runs cannot be used ({error.reason}); it is tried again for a while.")
                    time.sleep(RETRY)
                time.sleep(_TICK)
        finally:
            self._end_children()

    def _tick(self) -> bool:
        """Look at every run once; whether there is any work."""
        self._children = {run_id: child for run_id, child in self._children.items() if child.poll() is None}
        running = self._store.list("running")
        for run in running:
            if not self._is_alive(run):
                settle(self._store, run)
            elif run.cancel_requested and not run.foreground:
                self._end(run)
        unreadable = self._store.unreadable("running")
        for lost in unreadable:
            if lost.abandoned:
                self._store.give_up(lost)
        while claimed := self._store.claim(self._slots, self._per_owner):
            self._spawn(claimed)
        return bool(running or unreadable or self._children)

    def _spawn(self, run: Run) -> None:
        self._asked.pop(run.id, None)
        try:
            command = [*self._job, str(self._home), run.id]
            self._children[run.id] = process.detached(command, self._store.folder(run.id) / LOG)
        except OSError as error:
            self._store.fail(run.id, f"The run's process could not be started ({error.strerror}); resume it later.")

    def _is_alive(self, run: Run) -> bool:
        if run.id in self._children:
            return True
        return run.pid is not None and process.is_alive(run.pid, run.process_started or 0.0)

    def _end(self, run: Run) -> None:
        """Ask the run's process to end, and kill it when it was asked long enough ago."""
        pid = self._children[run.id].pid if run.id in self._children else run.pid
        assert pid is not None, "it was found alive"
        asked = self._asked.setdefault(run.id, time.monotonic())
        process.end(pid, kill=time.monotonic() - asked > PATIENCE)

    def _end_children(self) -> None:
        for child in self._children.values():
            process.end(child.pid, kill=False)
        deadline = time.monotonic() + PATIENCE
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.end(child.pid, kill=True)
                child.wait()
        for run in self._store.list("running"):
            if run.id in self._children:
                settle(self._store, run, died=False)
        self._children.clear()


def settle(store: RunStore, run: Run, *, died: bool = True) -> None:
    """Decide what becomes of a run whose process is gone."""
    with suppress(RunError):  # it has ended since it was read
        if run.cancel_requested:
            store.cancelled(run.id)
        elif run.foreground:
            store.fail(run.id, f"Its process ended after epoch {run.epoch}; resume it to go on from there.")
        elif died and run.deaths + 1 >= MOST_DEATHS:
            store.fail(
                run.id,
                f"Its process ended {MOST_DEATHS} times without finishing an epoch, as when memory runs out; "
                "see the log.",
            )
        else:
            store.release(run, died=died)


def _note(sentence: str) -> None:
    """Say something in the log, if it takes it."""
    with suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)


def main() -> None:
    process.exit_on_sigterm()
    try:
        Supervisor(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else None).run()
    except NmtrError as error:
        _note(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
