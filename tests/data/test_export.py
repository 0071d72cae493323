"""A data set that is exported and read again is the same."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtr.data.dataset import Dataset
from nmtr.data.export import write_events
from nmtr.data.importing import read
from nmtr.data.library import Library
from nmtr.data.summary import describe
from tests.conftest import random_dataset

LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4).filter(
    lambda text: text == text.strip() and text.lower() not in {"", "nan", "none", "null", "<na>", "\\n"}
)
IDS = st.integers(-(2**63), 2**63 - 1).map(str)


def logs(labels: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, str, str, int]]]:
    """Events of few shoppers and items; the first two make the log one that can be tested on."""
    some = st.lists(labels, min_size=2, max_size=5, unique=True)
    behaviors = st.sampled_from(["view", "cart", "buy"])

    def events(users: list[str], items: list[str]) -> st.SearchStrategy[list[tuple[str, str, str, int]]]:
        drawn = st.tuples(st.sampled_from(users), st.sampled_from(items), behaviors, st.integers(0, 3))
        begun = [(users[0], item, behavior, 5) for item in items[:2] for behavior in ("view", "cart", "buy")]
        return st.lists(drawn, max_size=25).map(lambda more: [*begun, *more])

    return st.tuples(some, some).flatmap(lambda drawn: events(*drawn))


def same(one: Dataset, other: Dataset) -> None:
    assert other.fingerprint == one.fingerprint
    assert other.users.tolist() == one.users.tolist() and other.items.tolist() == one.items.tolist()


@pytest.mark.parametrize("labels", [LABELS, IDS], ids=["text", "numbers"])
def test_export_and_import_are_the_identity(labels: st.SearchStrategy[str]) -> None:
    @given(logs(labels), st.booleans(), st.randoms(use_true_random=False))
    @settings(max_examples=15)
    def identical(events: list[tuple[str, str, str, int]], timed: bool, random: object) -> None:
        frame = pd.DataFrame(events, columns=["user", "item", "behavior", "time"])
        frame = frame if timed else frame.drop(columns="time")
        with tempfile.TemporaryDirectory() as folder:
            frame.to_parquet(Path(folder) / "log.parquet")
            first = read(Path(folder) / "log.parquet", name="shop")
            shuffled = frame.sample(frac=1, random_state=np.random.RandomState(1))  # row order changes nothing
            shuffled.to_parquet(Path(folder) / "log.parquet")
            same(first, read(Path(folder) / "log.parquet", name="shop"))
            with (Path(folder) / "out.parquet").open("wb") as file:
                assert write_events(first, file) == 0
            same(first, read(Path(folder) / "out.parquet", name="shop", behaviors=first.behaviors))

    identical()


def test_validation_attributes_and_untouched_items_are_told(tmp_path: Path) -> None:
    made = random_dataset(behaviors=("saw", "took"))
    valid = np.array([row.indices[0] for row in made.matrices[-1]], np.int32)
    titles = pd.DataFrame({"title": [None if n % 3 else f"Thing {n}" for n in range(150)], "price": np.arange(150) / 4})
    touched = np.zeros(150, bool)
    for matrix in made.matrices:
        touched[matrix.indices] = True
    touched[made.test_item] = True
    made = Dataset(
        **{
            name: getattr(made, name)
            for name in ("name", "behaviors", "matrices", "test_item", "users", "items", "origin")
        },
        given_valid_item=valid,
        attributes=titles,
    )
    file = io.BytesIO()
    assert write_events(made, file) == int((~touched).sum())
    (tmp_path / "out.parquet").write_bytes(file.getvalue())
    again = read(tmp_path / "out.parquet", name="shop", behaviors=("saw", "took"))
    order = [made.item_index(label) for label in again.items]
    assert again.attributes is not None
    pd.testing.assert_frame_equal(again.attributes, titles.iloc[order].reset_index(drop=True), check_dtype=False)
    users = [made.user_index(label) for label in again.users]
    assert [order[item] for item in again.given_valid_item] == valid[users].tolist()
    assert [order[item] for item in again.test_item] == made.test_item[users].tolist()
    assert describe(again).interactions == describe(made).interactions


def test_the_command_writes_a_new_file_whole(tmp_path: Path) -> None:
    Library(tmp_path / "home" / "data").save(random_dataset())

    def export(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nmtr", "data", "export", "shop", *words]
        environment = {"NMTR_HOME": str(tmp_path / "home"), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    told = json.loads(export("--json").stdout)
    path = tmp_path / "shop.parquet"
    assert (told["file"], told["bytes"]) == ("shop.parquet", path.stat().st_size)
    again = export()
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == (
        "an export needs a new file; shop.parquet is there: name another, or remove that one first.\n"
    )
    nowhere = export("missing/shop.parquet")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert nowhere.stderr == (
        "an export needs a file that can be written; missing/shop.parquet cannot (No such file or directory).\n"
    )
