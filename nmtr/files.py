"""Files that a reader sees whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from nmtr.errors import ConfigError


@contextmanager
def whole(path: Path, *, durable: bool = False, keep_as: Path | None = None) -> Iterator[BinaryIO]:
    """A file, to be written and read, that takes the path's place once it is complete; OSError where that cannot be.

    keep_as: where to what stood there before is moved. Two processes may do this at once: the last one's file stays.
    durable: of a file that one process alone writes; it is on the disk when this ends, and what a process left that was
    killed meanwhile is written over.
    """
    draft = path.with_suffix(".tmp") if durable else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w+b") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if keep_as is not None and path.exists():
            os.replace(path, keep_as)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text, and the folders above it; ConfigError where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise ConfigError(f"{path} must be a file that can be written, and is not ({error.strerror}).") from None


@contextmanager
def kept_if_there_is_room() -> Iterator[None]:
    """What can be worked out again is not kept where it cannot be written, as on a full disk: that costs but time."""
    with suppress(OSError):
        yield
