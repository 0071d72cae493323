"""Small data sets, and the real ones where they are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from nmtr.data.dataset import Dataset, Origin


def make_dataset(name: str = "shop", attributes: bool = True) -> Dataset:
    """Three users, four items, view and buy; the second user has one purchase and so none held out."""
    view = csr_array(np.array([[1, 1, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0]], np.uint8))
    buy = csr_array(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], np.uint8))
    table = {"title": ["cup", "mug", None, "jug"], "price": [1.5, 2.0, 3.0, 4.0]}
    return Dataset(
        name=name,
        behaviors=("view", "buy"),
        matrices=(view, buy),
        test_item=np.array([1, -1, 3], np.int32),
        given_valid_item=np.array([-1, -1, -1], np.int32),
        users=np.array(["ann", "bob", "zoë"]),
        items=np.array(["1", "2", "03", "x"]),
        origin=Origin("test", made="By hand."),
        attributes=pd.DataFrame(table) if attributes else None,
    )


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets, which the project does not ship."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("NMTR_DATA_DIR", default))
    if not (folder / "beibei" / "train.txt").is_file():
        pytest.skip(f"no real data under {folder}; set NMTR_DATA_DIR to a folder with beibei/, beibei_1k/, tmall/")
    return folder
