"""Where a data set is made before it is one: hidden folders beside the data sets, swept once their makers are gone."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from nmtr.errors import DataError

#: What their names begin with: no data set's name begins with a dot.
_MARK = ".making-"
#: What the system says where there is no room for more.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def staging(root: Path) -> Iterator[Path]:
    """A folder of its own under `root`, which may not be there yet; removed with all that is in it.

    What an earlier process left there is removed first. DataError where the disk is full or cannot be written: an
    OSError that is raised inside, too, is taken for that.
    """
    sweep(root)
    place = root / f"{_MARK}{uuid.uuid4().hex}"
    lock = FileLock(f"{place}.lock")  # the system lets go of it when this process ends, however it ends
    there = root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with lock:
            try:
                place.mkdir()
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise refused(root, error) from error
    finally:
        _forget(lock)
        if not there:
            with suppress(OSError):  # it is kept if there is something in it
                root.rmdir()


def doomed(root: Path) -> Path:
    """A place to which to move what is to be deleted: `sweep` goes on with it where that is interrupted."""
    return root / f"{_MARK}{uuid.uuid4().hex}"


def sweep(root: Path) -> None:
    """Remove what processes left that were killed: folders that nobody holds, and locks."""
    for place in {path.with_suffix("") for path in root.glob(f"{_MARK}*")}:
        lock = FileLock(f"{place}.lock")
        # A live one's is held; a home that cannot be written cannot be swept.
        with suppress(Timeout, OSError), lock.acquire(timeout=0):
            shutil.rmtree(place, ignore_errors=True)
            _forget(lock)


def refused(root: Path, error: OSError) -> DataError:
    """What to say where a data set cannot be written."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in FULL:
        return DataError(
            f"a data set needs room to be made in {root}, and there is not enough ({reason}): free some space and "
            "add it again; nothing of it was kept."
        )
    return DataError(
        f"a data set is made in {root}, which must be a folder that can be written, and is not ({reason}): mend that "
        "and add it again; nothing of it was kept."
    )


def _forget(lock: FileLock) -> None:
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
