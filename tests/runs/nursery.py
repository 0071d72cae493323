"""A process that has imported torch and forks what would be started anew, so that a start takes milliseconds.

Pages, supervisors and jobs run their own code in processes of their own, which only their birth tells from real ones: a
process with an open database must not be forked, so supervisors and pages ask the nursery for their children.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from nmtr.runs import job, process, supervisor
from nmtr.runs.store import Run

MODULES = PAGE, SUPERVISOR, JOB = "page", "nmtr.runs.supervisor", "nmtr.runs.job"
TWICE = "trained-twice"  # a file in the home, if two processes ever trained one run at once
_KEY = b"nursery"


class Child:
    """What `subprocess.Popen` is to who starts `python -m MODULE ARGUMENTS`."""

    def __init__(self, command: Sequence[str], *, stdout: BinaryIO, **_: object) -> None:
        with Client(("127.0.0.1", int(os.environ["NURSERY"])), authkey=_KEY) as nursery:
            nursery.send((*command[2:], stdout.name))
            self.pid: int = nursery.recv()
        self.module, self.start = command[2], process.started(self.pid)

    def poll(self) -> int | None:
        return None if self.start is not None and process.is_alive(self.pid, self.start) else 0

    def wait(self, timeout: float = float("inf")) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.module, timeout)
            time.sleep(0.01)
        return 0


def main() -> None:
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    with Listener(("127.0.0.1", 0), backlog=64, authkey=_KEY) as listener, open(sys.argv[1], "a") as births:
        os.environ["NURSERY"] = str(listener.address[1])
        print(os.environ["NURSERY"], flush=True)
        while True:
            with suppress(EOFError, OSError), listener.accept() as asked:  # who asked may be killed meanwhile
                module, *arguments, log = asked.recv()
                if not (pid := os.fork()):
                    asked.close()
                    listener.close()
                    live(module, arguments, log)
                print(module, pid, process.started(pid), file=births, flush=True)
                asked.send(pid)


def import_all() -> None:
    """What takes seconds: what a job imports, up to its first epoch."""
    import pyarrow.dataset  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401

    from nmtr.experiment import Experiment
    from tests.conftest import random_dataset, resolved

    dataset = random_dataset()
    next(Experiment(resolved(dataset, loss="sampled", optimizer="adam"), dataset).epochs())


def live(module: str, arguments: Sequence[str], log: str) -> None:
    """The life of a child; does not return."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(log, "ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    status: Any = 1
    try:
        sys.argv = [module, *arguments]
        job._train = once(job._train)
        os.nice = lambda _: 0  # a busy machine would let it wait
        process.subprocess = SimpleNamespace(Popen=Child, DEVNULL=subprocess.DEVNULL)  # type: ignore[assignment]
        {PAGE: page, SUPERVISOR: supervisor.main, JOB: job.main}[module]()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def page() -> None:
    """What every page does once a second, ten times as often."""
    from nmtr.workspace import Workspace

    workspace = Workspace(Path(sys.argv[1]))
    while True:
        workspace.start_worker()
        time.sleep(0.1)


def once(train: Callable[..., None]) -> Callable[..., None]:
    """The training of a run, which leaves a file if another process is at it; a killed one's lock is gone with it."""

    def alone(store: Any, library: Any, run: Run, *rest: Any) -> None:
        with open(store.folder(run.id) / "alone", "w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                (store.root / TWICE).touch()
            train(store, library, run, *rest)

    return alone


if __name__ == "__main__":
    main()
