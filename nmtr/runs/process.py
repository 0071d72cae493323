"""Processes by pid and start time, so that a reused pid is never taken for the process that had it before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

TERMINATED = 143  # the exit status of a process that SIGTERM ended

_CLOCK_TICK = 0.01  # seconds: what start times are measured in


def detached(command: Sequence[str], log: Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one and adds what it says to a log; OSError where that cannot be."""
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=stdin, stdout=output, stderr=output, start_new_session=True)


def started(pid: int) -> float | None:
    """When the process started, in seconds after the machine did; None if it is gone.

    Not by the clock, which may be set back. A zombie is gone: it only waits for its parent to notice.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int, start: float) -> bool:
    """Whether the process that had this pid and start time still runs."""
    now = started(pid)
    return now is not None and abs(now - start) < _CLOCK_TICK / 2


def end(pid: int, *, kill: bool) -> None:
    """Ask the group of processes that `pid` leads to end, or kill it; nothing happens if it is gone."""
    if sys.platform == "win32":  # which has no groups and cannot ask
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL if kill else signal.SIGTERM)


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit in this process, once: what it does on its way out is not to be interrupted."""

    def leave(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(TERMINATED)

    signal.signal(signal.SIGTERM, leave)
