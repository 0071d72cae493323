from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nmtr.errors import RunError
from nmtr.runs import checkpoint


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = pytest.mark.parametrize("damage", [truncate, flip, empty, Path.unlink])


def save_epochs(folder: Path, *epochs: int) -> None:
    for epoch in epochs:
        checkpoint.save(folder, {"epoch": epoch, "model": {"weight": torch.full((200, 8), float(epoch))}})


def epoch_of(state: dict[str, object] | None) -> object:
    return state and state["epoch"]


def test_last_state_saved_is_loaded(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path) is None
    save_epochs(tmp_path, 1, 2, 3)
    state = checkpoint.load(tmp_path)
    assert state is not None and state["epoch"] == 3
    assert torch.equal(state["model"]["weight"], torch.full((200, 8), 3.0))


@DAMAGES
def test_damaged_checkpoint_falls_back_to_the_one_before_then_to_none(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    save_epochs(tmp_path, 1, 2)
    damage(tmp_path / "checkpoint.pt")
    assert epoch_of(checkpoint.load(tmp_path)) == 1
    damage(tmp_path / "checkpoint.prev.pt")
    assert checkpoint.load(tmp_path) is None


def test_save_after_a_damaged_checkpoint_is_loaded(tmp_path: Path) -> None:
    save_epochs(tmp_path, 1, 2)
    truncate(tmp_path / "checkpoint.pt")
    save_epochs(tmp_path, 2)
    assert epoch_of(checkpoint.load(tmp_path)) == 2


def test_save_that_fails_leaves_the_checkpoint_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_epochs(tmp_path, 1)

    def fill_the_disk(_: object, file: io.BytesIO) -> None:
        file.write(b"some")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        save_epochs(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert epoch_of(checkpoint.load(tmp_path)) == 1


def test_checkpoint_that_would_run_code_is_not_loaded(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "harm",)

    torch.save({"epoch": Harm()}, tmp_path / "checkpoint.pt", pickle_module=pickle)
    assert checkpoint.load(tmp_path) is None
    assert not (tmp_path / "harm").exists()


def test_clear_removes_both_checkpoints_and_nothing_else(tmp_path: Path) -> None:
    save_epochs(tmp_path, 1, 2)
    checkpoint.save_weights(tmp_path, {})
    checkpoint.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pt"]
    checkpoint.clear(tmp_path)


def test_weights_and_ranks_come_back_as_they_were(tmp_path: Path) -> None:
    weights = {"users": torch.randn(5, 3), "items": torch.randn(7, 3)}
    ranks = {"valid": np.array([1.0, np.nan, 2.5]), "test": np.array([0, 3, -1], np.int32)}
    checkpoint.save_weights(tmp_path, weights)
    checkpoint.save_ranks(tmp_path, ranks)
    loaded = checkpoint.load_weights(tmp_path)
    assert list(loaded) == list(weights) and all(torch.equal(loaded[name], weights[name]) for name in weights)
    for name, values in checkpoint.load_ranks(tmp_path).items():
        np.testing.assert_array_equal(values, ranks[name], strict=True)


@DAMAGES
def test_damaged_weights_and_ranks_are_refused_with_a_sentence(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    checkpoint.save_weights(tmp_path, {"users": torch.randn(500, 3)})
    checkpoint.save_ranks(tmp_path, {"test": np.random.default_rng(0).random(500)})
    damage(tmp_path / "weights.pt")
    damage(tmp_path / "ranks.npz")
    with pytest.raises(RunError, match="weights.pt is missing or damaged"):
        checkpoint.load_weights(tmp_path)
    with pytest.raises(RunError, match="ranks.npz is missing or damaged"):
        checkpoint.load_ranks(tmp_path)
