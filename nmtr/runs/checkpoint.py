"""The files in a run's folder: its checkpoint, and the weights and ranks of a finished run.

Each is written beside its place, brought to the disk and renamed, so that a reader sees a whole file or none, and what
cannot be written (OSError: the disk is full) leaves what was there and nothing else. Two checkpoints are kept: one that
is not what was written, by the checksums in it, is removed and the one before it taken, else the run begins again.
Nothing is unpickled but tensors and plain values.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nmtr.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor  # torch takes seconds to import: only inside the functions that need it

_CHECKPOINT, _PREVIOUS = "checkpoint.pt", "checkpoint.prev.pt"
WEIGHTS, RANKS = "weights.pt", "ranks.npz"


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a training (tensors and plain values), keeping the one before it; OSError if it cannot be."""
    with _whole(folder / _CHECKPOINT, keep_as=folder / _PREVIOUS) as file:
        _save(state, file)


def load(folder: Path, say: Callable[[str], None] = lambda sentence: None) -> dict[str, Any] | None:
    """The last state that can be read whole: the checkpoint, else the one before it, else None.

    Each that is damaged is removed, and told of with `say`; MemoryError where there is no room for a whole one.
    """
    for path in (folder / _CHECKPOINT, folder / _PREVIOUS):
        try:
            return _load(path)
        except FileNotFoundError:
            continue
        except MemoryError:
            raise
        except Exception as error:  # damaged bytes raise whatever they happen to decode to
            say(
                f"{path.name} is damaged ({type(error).__name__}), so the run goes on from the checkpoint before it, "
                "or from its start where there is none."
            )
            path.unlink(missing_ok=True)  # or the next save would keep it in place of the whole one
    return None


def clear(folder: Path) -> None:
    """Remove the checkpoints of a run that is done."""
    for name in (_CHECKPOINT, _PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def save_weights(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Write the fitted model's tensors by name; OSError if that cannot be."""
    with _whole(folder / WEIGHTS) as file:
        _save(weights, file)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The fitted model's tensors by name, on the CPU; RunError where they are missing or damaged."""
    try:
        return _load(folder / WEIGHTS)
    except Exception as error:
        raise _unreadable(folder / WEIGHTS) from error


def save_ranks(folder: Path, ranks: Mapping[str, NDArray[Any]]) -> None:
    """Write each user's ranks by name ("valid", "test"); OSError if that cannot be."""
    with _whole(folder / RANKS) as file:
        np.savez_compressed(file, allow_pickle=False, **ranks)


def load_ranks(folder: Path) -> dict[str, NDArray[Any]]:
    """Each user's ranks by name; RunError where they are missing or damaged."""
    try:
        with (folder / RANKS).open("rb") as file, np.load(file, allow_pickle=False) as ranks:
            return dict(ranks)
    except Exception as error:
        raise _unreadable(folder / RANKS) from error


@contextmanager
def _whole(path: Path, keep_as: Path | None = None) -> Iterator[BinaryIO]:
    """A file that takes the path's place once it is complete and on the disk."""
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if keep_as is not None and path.exists():
            os.replace(path, keep_as)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _save(values: Mapping[str, Any], file: BinaryIO) -> None:
    """Write tensors and plain values in torch's format."""
    import torch

    try:
        torch.save(dict(values), file)
    except RuntimeError as error:  # its writer's complaint about an offset, where the file took no more
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _load(path: Path) -> dict[str, Any]:
    """The values in a file of torch's, on the CPU; raises whatever is wrong with it."""
    import torch

    with zipfile.ZipFile(path) as archive:  # torch itself does not compare the checksums
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(damaged)
    values: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return values


def _unreadable(path: Path) -> RunError:
    return RunError(
        f"The run's {path.name} must be a whole file; {path} is missing or damaged, so train the run again."
    )
