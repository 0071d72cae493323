"""Small data sets and configs that the core's tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.data import reading
from nmtr.data.dataset import Dataset, Origin
from nmtr.data.download import Progress
from nmtr.native.build import LEVELS, level, levels, library

# Nothing asserts a time: neither of an example nor of drawing one.
settings.register_profile("busy machines", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machines")

#: What the kernels are tested as: all that this processor can execute and NMTR_NATIVE allows; none without a compiler.
HERE = levels() if library() else ()


def pytest_report_header() -> str:
    missing = [each for each in LEVELS if each not in HERE]
    return f"kernels: tested for {', '.join([*HERE, 'PyTorch'])}; not here or forbidden: {', '.join(missing) or 'none'}"


FUNNEL = ("view", "cart", "buy")


def random_dataset(
    num_users: int = 40, num_items: int = 150, behaviors: Sequence[str] = FUNNEL, purchases: int = 5, seed: int = 0
) -> Dataset:
    """Users who each bought so many items, the last one held out; two in three were touched before."""
    rng = np.random.default_rng(seed)
    bought = np.stack([rng.permutation(num_items)[:purchases] for _ in range(num_users)])
    users = np.arange(num_users)[:, None]
    matrices = []
    for _ in behaviors[:-1]:
        touched = rng.random((num_users, num_items)) < 0.1
        touched[users, bought] = rng.random(bought.shape) < 2 / 3
        matrices.append(csr_array(touched.astype(np.uint8)))
    target = np.zeros((num_users, num_items), np.uint8)
    target[users, bought[:, :-1]] = 1
    return Dataset(
        name="shop",
        behaviors=tuple(behaviors),
        matrices=(*matrices, csr_array(target)),
        test_item=bought[:, -1].astype(np.int32),
        given_valid_item=np.full(num_users, -1, np.int32),
        users=np.array([f"u{number}" for number in range(num_users)]),
        items=np.array([f"i{number}" for number in range(num_items)]),
        origin=Origin("test"),
    )


def resolved(dataset: Dataset, **options: Any) -> RunConfig:
    """A quick config for the data set, on one thread; standard, so that training hides no pair of a lower behavior."""
    quick = {"data": dataset.name, "protocol": "standard", "threads": 1}
    if "epochs" in METHODS[options.get("method", "nmtr")].options:
        quick |= {"embedding_size": 4, "epochs": 4}
    return RunConfig.parse(quick | options).resolve(dataset.behaviors)


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources are read in this process, in a tenth of the time; that it is one of its own is tested by itself."""

    def read(order: reading.Order, tell: Progress) -> None:
        tell(f"reading {order.source}", 0.0)
        reading.carry_out(order)

    monkeypatch.setattr("nmtr.data.catalogue.read_apart", read)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums are added in one order, so that results are the same to the bit."""
    import torch  # which takes seconds, and not every test needs it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=HERE)
def every_level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The test runs on the kernels as compiled for each level that this processor has."""
    yield from _path(request.param, monkeypatch)


@pytest.fixture(params=[*HERE, "PyTorch"])
def every_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """As `every_level`, and once more without the kernels."""
    yield from _path(request.param, monkeypatch)


#: For what takes long: the kernels as they are used here and PyTorch; `tests/native` tests each level's numbers.
in_short = pytest.mark.parametrize("every_path", [*HERE[:1], "PyTorch"], indirect=True)


def _path(wanted: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NMTR_NATIVE", wanted if wanted in LEVELS else "0")
    library.cache_clear()
    assert (level() or "PyTorch") == wanted
    yield wanted
    monkeypatch.undo()
    library.cache_clear()


#: What is said where a data set does not fit the disk.
FULL = r"^a data set needs room to be made in .*, and there is not enough \(No space left on device\): free some space"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk of one megabyte needs Linux, root and the right to mount")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
