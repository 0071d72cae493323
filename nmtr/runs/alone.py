"""One process at a time: a file lock that can be handed over to a new process, and that the system drops with it.

Who starts a process that is to be alone takes the lock first and gives it to the child as its standard input, so that
there is no moment between two looks at the lock in which another could be started, however slowly the child begins; a
child that ends drops it. (Windows hands no lock over: the child takes it when it has begun.)
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor, unlock_descriptor

from nmtr.runs import process

_LOOK = 0.05  # seconds between two looks at a lock that another process has


def start(lock: Path, command: Sequence[str], log: Path) -> subprocess.Popen[bytes] | None:
    """Start a detached process that has the lock; None where another has it. OSError where that cannot be."""
    descriptor = _open(lock)
    try:
        if not lock_descriptor(descriptor, blocking=False):
            return None
        return process.detached(command, log, stdin=descriptor)
    finally:
        os.close(descriptor)  # the lock is dropped once the child has closed it, too


@contextmanager
def held(lock: Path, timeout: float) -> Iterator[bool]:
    """Have the lock, which this process was given at its start or takes; False where another has it for so long."""
    deadline = time.monotonic() + timeout
    descriptor = _given(lock)
    if descriptor is None:
        descriptor = _open(lock)
    try:
        while not (mine := lock_descriptor(descriptor, blocking=False)) and time.monotonic() < deadline:
            time.sleep(_LOOK)
        yield mine
        if mine:
            unlock_descriptor(descriptor)
    finally:
        os.close(descriptor)


def _open(lock: Path) -> int:
    lock.parent.mkdir(parents=True, exist_ok=True)
    return os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)


def _given(lock: Path) -> int | None:
    """The lock's file that `start` gave as standard input, where nobody who is started from here can inherit it."""
    with suppress(OSError):  # there is no standard input, or no such lock yet
        if os.path.samestat(os.fstat(0), os.stat(lock)):
            descriptor = os.dup(0)
            with open(os.devnull) as nothing:
                os.dup2(nothing.fileno(), 0)
            return descriptor
    return None
