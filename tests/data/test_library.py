"""The library of data sets: whole or not at all, and never another data set than was saved."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from nmtr.data.dataset import Dataset
from nmtr.data.library import Library
from nmtr.errors import DataError
from tests.data.conftest import make_dataset


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "data")


@pytest.mark.parametrize("attributes", [True, False])
def test_library_loads_what_it_saved(library: Library, attributes: bool) -> None:
    saved = make_dataset(attributes=attributes)
    library.save(saved)
    loaded = library.load("shop")
    assert loaded.fingerprint == saved.fingerprint
    assert (loaded.name, loaded.behaviors, loaded.origin) == (saved.name, saved.behaviors, saved.origin)
    for mine, theirs in zip(loaded.matrices, saved.matrices, strict=True):
        np.testing.assert_array_equal(mine.toarray(), theirs.toarray())
        assert mine.dtype == np.uint8 and mine.indices.dtype == np.int32
    assert loaded.users.tolist() == ["ann", "bob", "zoë"]
    assert loaded.items.tolist() == ["1", "2", "03", "x"]
    assert loaded.test_item.tolist() == [1, -1, 3]
    assert [loaded.title(item) for item in range(4)] == (["cup", "mug", None, "jug"] if attributes else [None] * 4)


def test_library_info_counts_held_out_pairs_with_the_target(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    info = library.info("shop")
    assert (info.users, info.items, info.test_users) == (3, 4, 2)
    assert info.interactions == {"view": 6, "buy": 5}
    assert info.fingerprint == dataset.fingerprint


def test_library_is_empty_before_anything_is_saved(library: Library) -> None:
    assert library.names() == []


def test_library_refuses_to_overwrite(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    other = dataclasses.replace(dataset, test_item=np.array([-1, -1, -1], np.int32))
    with pytest.raises(DataError, match="shop is taken"):
        library.save(other)
    assert library.load("shop").fingerprint == dataset.fingerprint


def test_library_forgets_what_is_removed(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    library.remove("shop")
    assert library.names() == [] and list(library.root.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../shop", "a/b", ".hidden", "Shop", "a" * 65, "shop\n", "/etc", "-x"])
def test_library_never_makes_a_path_of_a_name_that_is_none(library: Library, dataset: Dataset, name: str) -> None:
    with pytest.raises(DataError, match="name must be"):
        library.save(dataclasses.replace(dataset, name=name))
    for method in (library.load, library.info, library.remove):
        with pytest.raises(DataError, match="data set must be one of those added"):
            method(name)


def test_library_names_the_available_data_sets_when_asked_for_another(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    with pytest.raises(DataError, match=r"\(shop\); got 'beibei'; add it with `nmtr data add`"):
        library.load("beibei")


@pytest.mark.parametrize("file", ["interactions.parquet", "users.parquet", "items.parquet"])
@pytest.mark.parametrize("damage", ["missing", "cut", "garbage"])
def test_library_says_in_one_sentence_that_a_folder_is_damaged(
    library: Library, dataset: Dataset, file: str, damage: str
) -> None:
    library.save(dataset)
    path = library.root / "shop" / file
    match damage:
        case "missing":
            path.unlink()
        case "cut":
            path.write_bytes(path.read_bytes()[:-20])
        case "garbage":
            path.write_bytes(b"\x00" * 100)
    with pytest.raises(DataError, match="shop must be readable, but its folder is damaged") as caught:
        library.load("shop")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "shop"}'])
def test_library_says_that_a_description_is_damaged(library: Library, dataset: Dataset, text: str) -> None:
    library.save(dataset)
    (library.root / "shop" / "dataset.json").write_text(text)
    with pytest.raises(DataError, match="dataset.json does not hold what it should"):
        library.info("shop")


def test_library_removes_what_is_damaged(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    (library.root / "shop" / "dataset.json").unlink()
    with pytest.raises(DataError, match="shop must be readable, but its folder is damaged"):
        library.load("shop")
    library.remove("shop")
    library.save(dataset)
    assert library.names() == ["shop"]


def test_library_notices_other_pairs_than_were_saved(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    other = Library(library.root.parent / "other")
    other.save(dataclasses.replace(dataset, matrices=dataset.matrices[::-1]))
    (other.root / "shop" / "interactions.parquet").replace(library.root / "shop" / "interactions.parquet")
    with pytest.raises(DataError, match="fingerprint"):
        library.load("shop")


def test_library_notices_an_item_that_is_not_in_the_data_set(library: Library, dataset: Dataset) -> None:
    library.save(dataset)
    path = library.root / "shop" / "dataset.json"
    description = json.loads(path.read_text())
    small = dataclasses.replace(
        dataset, items=dataset.items[:2], attributes=None, matrices=tuple(m[:, :2] for m in dataset.matrices)
    )
    other = Library(library.root.parent / "other")
    other.save(small)
    (other.root / "shop" / "items.parquet").replace(library.root / "shop" / "items.parquet")
    assert description["items"] == 4
    with pytest.raises(DataError, match="damaged"):
        library.load("shop")
