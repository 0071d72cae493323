"""What `nmtr import` says of what is no file with an end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Nmtr

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 43)  # 8 TiB, none of which is on the disk


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifo, "run.zip must be a file, as nmtr export writes it; it is a pipe, a device or the like: name that file."),
        (
            zeros,
            "run.zip must be a file, as nmtr export writes it; it is a pipe, a device or the like: name that file.",
        ),
        (loop, "an import needs a file that can be read; "),
        (huge, "run.zip is read into memory, so it may have "),
        (folder, "an import needs a file that can be read; "),
    ],
)
def test_what_is_no_archive_on_a_disk_is_refused_at_once(
    nmtr: Nmtr, own_home: Path, tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "run.zip"
    make(path)
    answer = nmtr("import", str(path))
    assert (answer.code, answer.out) == (2, "") and answer.err.startswith(said) and answer.err.count("\n") == 1
    assert not [*own_home.glob("runs/*")]
