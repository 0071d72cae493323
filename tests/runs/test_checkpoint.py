from __future__ import annotations

import io
import pickle
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies

from nmtr.errors import RunError
from nmtr.runs import checkpoint

if sys.platform != "win32":
    import resource


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


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The files that the first two epochs leave: the checkpoint, and the one before it."""
    folder = tmp_path_factory.mktemp("whole")
    save_epochs(folder, 1, 2)
    return (folder / "checkpoint.pt").read_bytes(), (folder / "checkpoint.prev.pt").read_bytes()


def loaded_after(two_epochs: tuple[bytes, bytes], damaged: bytes) -> object:
    """The epoch that is gone on from, whose state must be whole, when the checkpoint holds other bytes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoint.pt").write_bytes(damaged)
        (Path(folder) / "checkpoint.prev.pt").write_bytes(two_epochs[1])
        state = checkpoint.load(Path(folder))
    assert state is not None and state.keys() == {"epoch", "model"}
    assert torch.equal(state["model"]["weight"], torch.full((200, 8), float(state["epoch"])))
    return state["epoch"]


def test_checkpoint_cut_off_anywhere_is_never_loaded(two_epochs: tuple[bytes, bytes]) -> None:
    @settings(max_examples=150)
    @given(left=strategies.integers(0, len(two_epochs[0]) - 1))
    def cut_off(left: int) -> None:
        assert loaded_after(two_epochs, two_epochs[0][:left]) == 1

    cut_off()  # a fixture is no argument of it, which a failure would print


def test_checkpoint_with_other_bytes_anywhere_is_loaded_whole_or_not_at_all(two_epochs: tuple[bytes, bytes]) -> None:
    @settings(max_examples=300)
    @given(
        # Names, sizes and offsets stand at both ends; the tensor fills the middle.
        place=strategies.integers(-500, 499) | strategies.integers(0, len(two_epochs[0]) - 1),
        noise=strategies.binary(min_size=1, max_size=64),
    )
    def damaged(place: int, noise: bytes) -> None:
        content = bytearray(two_epochs[0])
        start = place % len(content)
        noise = noise[: len(content) - start]
        content[start : start + len(noise)] = noise
        assert loaded_after(two_epochs, bytes(content)) in ([2] if content == two_epochs[0] else [1, 2])

    damaged()


def test_tensor_with_one_other_bit_is_not_loaded(two_epochs: tuple[bytes, bytes]) -> None:
    content = bytearray(two_epochs[0])
    content[content.index(torch.full((200, 8), 2.0).numpy().tobytes()) + 3001] ^= 1
    assert loaded_after(two_epochs, bytes(content)) == 1


def test_damage_is_told_of_and_never_kept_in_place_of_the_whole_one(tmp_path: Path) -> None:
    save_epochs(tmp_path, 1, 2)
    truncate(tmp_path / "checkpoint.pt")
    said: list[str] = []
    assert epoch_of(checkpoint.load(tmp_path, said.append)) == 1
    assert [sentence.split(",")[0] for sentence in said] == ["checkpoint.pt is damaged (its end is missing)"]
    save_epochs(tmp_path, 2)
    assert epoch_of(checkpoint.load(tmp_path, said.append)) == 2
    truncate(tmp_path / "checkpoint.pt")
    assert epoch_of(checkpoint.load(tmp_path, said.append)) == 1
    assert len(said) == 2


#: Loads checkpoints under one limit after the other, from one that leaves nothing to one that leaves enough.
UNDER_LIMITS = """
import resource, sys
from pathlib import Path
from nmtr.runs import checkpoint

folder, kind = Path(sys.argv[1]), sys.argv[2]
load = getattr(checkpoint, sys.argv[3])
load(folder)  # all that is imported on the way is there
before = resource.getrlimit(getattr(resource, kind))
if kind == "RLIMIT_AS":
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = [pages * resource.getpagesize() + (n << 20) for n in range(0, 160, 4)]
else:
    lowest = len(list(Path("/proc/self/fd").iterdir())) - 1  # without the one that counted
    limits = range(lowest, lowest + 6)
for limit in limits:
    resource.setrlimit(getattr(resource, kind), (limit, before[1]))
    try:
        found = load(folder)
        said = found.get("epoch", "all")
    except Exception as error:
        said = f"{type(error).__name__} {' '.join(str(error).split())}"
    found = None
    resource.setrlimit(getattr(resource, kind), before)
    print(said)
"""


def under_limits(folder: Path, kind: str, load: str) -> tuple[list[str], list[str]]:
    """What came of loading under each of the limits: the errors that were raised, and what was loaded."""
    command = [sys.executable, "-c", UNDER_LIMITS, str(folder), kind, load]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if " " in line], [line for line in lines if " " not in line]


@pytest.mark.skipif(sys.platform != "linux", reason="by Linux's limits")
@pytest.mark.parametrize(
    ("kind", "said"), [("RLIMIT_AS", "allocate memory|MemoryError"), ("RLIMIT_NOFILE", "Too many open files")]
)
def test_whole_checkpoint_that_cannot_be_read_for_want_of_memory_or_files_is_kept(
    tmp_path: Path, kind: str, said: str
) -> None:
    for epoch in (1, 2):
        checkpoint.save(tmp_path, {"epoch": epoch, "model": torch.ones(12 << 20)})  # 48 MiB
    files = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    errors, loaded = under_limits(tmp_path, kind, "load")
    assert errors and any(re.search(said, error) for error in errors), errors
    assert loaded and set(loaded) == {"2"}
    assert {path.name: path.stat().st_ino for path in tmp_path.iterdir()} == files


@pytest.mark.skipif(sys.platform != "linux", reason="by Linux's limits")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("RLIMIT_AS", "needs more memory than is free now, so try again when other programs need less"),
        ("RLIMIT_NOFILE", r"cannot be read now \(Too many open files\), so mend that and try again"),
    ],
)
def test_weights_that_cannot_be_read_for_want_of_memory_or_files_are_not_called_damaged(
    tmp_path: Path, kind: str, said: str
) -> None:
    checkpoint.save_weights(tmp_path, {"users": torch.ones(12 << 20)})
    errors, loaded = under_limits(tmp_path, kind, "load_weights")
    assert loaded and errors and all(re.match(f"RunError .*{said}\\.$", error) for error in errors), errors


def test_checkpoint_from_before_there_was_a_checksum_is_loaded_unless_its_members_are_damaged(tmp_path: Path) -> None:
    state = {"epoch": 7, "model": torch.arange(3000.0)}
    torch.save(state, tmp_path / "checkpoint.pt")
    found = checkpoint.load(tmp_path)
    assert found is not None and torch.equal(found["model"], state["model"])
    torch.save(state | {"epoch": 6}, tmp_path / "checkpoint.prev.pt")
    flip(tmp_path / "checkpoint.pt")
    said: list[str] = []
    assert epoch_of(checkpoint.load(tmp_path, said.append)) == 6
    assert len(said) == 1 and "checksum of" in said[0] and not (tmp_path / "checkpoint.pt").exists()


def test_checkpoint_is_one_that_torch_and_older_versions_read(tmp_path: Path) -> None:
    save_epochs(tmp_path, 3)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["epoch"] == 3
    with zipfile.ZipFile(tmp_path / "checkpoint.pt") as archive:
        assert archive.testzip() is None


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the size of files")
@pytest.mark.parametrize("room", [0, 100, 4096, 5000])
def test_disk_that_is_full_at_any_byte_leaves_the_checkpoint_as_it_was(tmp_path: Path, room: int) -> None:
    """By a limit on the size of files: the system refuses to write, wherever torch's writer is."""
    save_epochs(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_epochs(tmp_path, 2)
        with pytest.raises(OSError, match="File too large"):
            checkpoint.save_weights(tmp_path, {"users": torch.randn(500, 30)})
        with pytest.raises(OSError, match="File too large"):
            checkpoint.save_ranks(tmp_path, {"test": np.random.default_rng(0).random(5000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
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
