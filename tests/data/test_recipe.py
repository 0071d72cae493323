"""The recipe: each of its steps by hand, and that it makes the same data set again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtr.data.catalogue import add, rebuild
from nmtr.data.cleaning import at_least, implied
from nmtr.data.dataset import Dataset, pairs_of
from nmtr.data.importing import read
from nmtr.data.library import Library
from nmtr.data.recipe import Recipe
from nmtr.data.rows import Rows
from nmtr.errors import DataError

pytestmark = pytest.mark.usefixtures("read_here")


def made(folder: Path, text: str, recipe: Recipe, header: str = "user,item,behavior,time") -> Dataset:
    path = folder / "log.csv"
    path.write_text(f"{header}\n{text}", encoding="utf-8")
    return read(path, name="shop", recipe=recipe)


def named(dataset: Dataset, behavior: str) -> set[tuple[str, str]]:
    users, items = pairs_of(dataset.matrix(behavior))
    return {(str(dataset.users[u]), str(dataset.items[i])) for u, i in zip(users, items, strict=True)}


def held_out(dataset: Dataset) -> dict[str, str]:
    return {str(dataset.users[u]): str(dataset.items[i]) for u, i in enumerate(dataset.test_item) if i >= 0}


LOG = "u,a,view,1\nu,a,buy,2\nu,b,BUY,3\nu,c,view,4\nv,a,view,1\nv,a,Buy,9\nv,b,view,5\n"


def test_behaviors_are_taken_for_others_and_counted(tmp_path: Path) -> None:
    dataset = made(tmp_path, LOG, Recipe(behaviors=("view", "buy"), merged={"BUY": "buy", "Buy": "buy"}))
    assert held_out(dataset) == {"u": "b"} and named(dataset, "buy") == {("u", "a"), ("v", "a")}
    assert {"1 row of BUY taken as buy", "1 row of Buy taken as buy"} <= set(dataset.origin.steps)


def test_a_behavior_that_is_not_there_is_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no BOUGHT: leave it out"):
        made(tmp_path, LOG, Recipe(behaviors=("view", "buy"), merged={"BOUGHT": "buy"}))


def test_steps_below_a_purchase_are_added_at_its_time(tmp_path: Path) -> None:
    text = "u,a,buy,5\nu,b,cart,2\nu,b,view,1\nu,c,buy,1\nv,a,view,3\nv,b,buy,4\n"
    dataset = made(tmp_path, text, Recipe(behaviors=("view", "cart", "buy"), implied=True))
    assert named(dataset, "cart") == {("u", "a"), ("u", "b"), ("u", "c"), ("v", "b")}
    assert named(dataset, "view") == {("u", "a"), ("u", "b"), ("u", "c"), ("v", "a"), ("v", "b")}
    assert "6 pairs of lower behaviors added that later ones imply" in dataset.origin.steps


def test_what_a_source_holds_out_implies_nothing_to_learn_from(tmp_path: Path) -> None:
    text = "u,a,buy,train\nu,b,buy,test\nu,c,view,train\n"
    dataset = made(tmp_path, text, Recipe(implied=True, hold_out="source"), "user,item,behavior,split")
    assert held_out(dataset) == {"u": "b"} and named(dataset, "view") == {("u", "a"), ("u", "c")}


def test_users_and_items_with_few_pairs_fall_away_until_none_is_left(tmp_path: Path) -> None:
    """w has three pairs, but c and d, which only w bought, fall away, and then w does."""
    text = "".join(f"{user},{item},buy,{n}\n" for n, (user, item) in enumerate("ua ub va vb wa wc wd".split()))
    dataset = made(tmp_path, text, Recipe(least_of_user=2, least_of_item=2))
    assert dataset.users.tolist() == ["u", "v"] and dataset.items.tolist() == ["a", "b"]
    said = "1 user with fewer than 2 pairs and 2 items with fewer than 2 pairs left out, 3 pairs with them"
    assert said in dataset.origin.steps


@pytest.mark.parametrize(
    ("hold_out", "expected", "said"),
    [
        ("auto", "c", "held out of 1 user: the last buy by time"),
        ("last", "c", "held out of 1 user: the last buy by time"),
        ("source", "a", "held out of 1 user: the buy that the source names"),
    ],
)
def test_the_test_purchase_is_chosen_as_asked(tmp_path: Path, hold_out: str, expected: str, said: str) -> None:
    text = "u,a,buy,1,test\nu,b,buy,2,train\nu,c,buy,3,train\n"
    dataset = made(tmp_path, text, Recipe.parse({"hold_out": hold_out}), "user,item,behavior,time,split")
    assert held_out(dataset) == {"u": expected} and said in dataset.origin.steps


def test_at_random_neither_time_nor_split_decides(tmp_path: Path) -> None:
    text = "".join(f"u{n},{item},buy,{at},{part}\n" for n in range(60) for at, (item, part) in enumerate(
        [("a", "test"), ("b", "train"), ("c", "train")]
    ))  # fmt: skip
    dataset = made(tmp_path, text, Recipe(hold_out="random", seed=3), "user,item,behavior,time,split")
    assert set(held_out(dataset).values()) == {"a", "b", "c"}
    assert "the source's split not used, as asked for" in dataset.origin.steps
    again = made(tmp_path, text, Recipe(hold_out="random", seed=3), "user,item,behavior,time,split")
    assert again.fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("asked", "header", "row", "sentence"),
    [
        ({"hold_out": "last"}, "user,item,behavior", "u,a,buy", "must have times, and has none"),
        ({"hold_out": "source"}, "user,item,behavior,time", "u,a,buy,1", "a split of its own with test rows"),
        ({"hold_out": "first"}, "user,item,behavior", "u,a,buy", "hold_out must be one of auto, last, source, random"),
        ({"least_of_user": -1}, "user,item,behavior", "u,a,buy", "least_of_user must be input should be greater"),
        (
            {"hold_out": "random", "cut_later": True},
            "user,item,behavior,time",
            "u,a,buy,1\nu,b,buy,2",
            "needs times",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, asked: dict[str, object], header: str, row: str, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        made(tmp_path, f"{row}\n", Recipe.parse(asked), header)


def test_a_data_set_is_made_again_by_its_recipe(tmp_path: Path) -> None:
    library = Library(tmp_path / "data")
    path = tmp_path / "log.csv"
    path.write_text(f"who,what,did,at\n{LOG}", encoding="utf-8")
    columns = {"user": "who", "item": "what", "behavior": "did", "time": "at"}
    recipe = Recipe(behaviors=("view", "buy"), columns=columns, merged={"BUY": "buy", "Buy": "buy"}, implied=True)
    first = add(library, "first", path, recipe=recipe)
    kept = json.loads((library.root / "first" / "dataset.json").read_text("utf-8"))
    assert Recipe.model_validate(kept["recipe"]) == recipe and tuple(kept["steps"]) == first.origin.steps
    again, same = rebuild(library, "first", path, "again")
    assert same and again.fingerprint == first.fingerprint and again.origin.recipe == recipe
    path.write_text(path.read_text("utf-8") + "v,c,buy,10\n", encoding="utf-8")
    other, same = rebuild(library, "first", path, "other")
    assert not same and other.fingerprint != first.fingerprint


def test_a_data_set_of_an_older_version_opens_and_has_no_recipe(tmp_path: Path) -> None:
    library = Library(tmp_path / "data")
    path = tmp_path / "log.csv"
    path.write_text("user,item,behavior\nu,a,buy\nu,b,buy\n", encoding="utf-8")
    add(library, "old", path)
    file = library.root / "old" / "dataset.json"
    kept = json.loads(file.read_text("utf-8"))
    file.write_text(
        json.dumps({name: value for name, value in kept.items() if name not in ("recipe", "steps")}), "utf-8"
    )
    assert library.load("old").origin.steps == () and library.load("old").origin.made
    with pytest.raises(DataError, match="that of old was not kept; add it anew"):
        rebuild(library, "old", path, "new")


PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 4)), min_size=1, unique=True)


def rows_of(pairs: list[tuple[int, int, int]]) -> Rows:
    behavior, user, item = np.array(sorted(pairs), np.int32).T
    labels = np.array([str(n) for n in range(6)])
    time = np.arange(len(pairs), dtype=float)
    return Rows(user, item, behavior.astype(np.int8), labels, labels[:5], ("view", "cart", "buy"), time)


@given(PAIRS)
@settings(max_examples=200)
def test_implied_pairs_are_those_of_a_naive_closure(pairs: list[tuple[int, int, int]]) -> None:
    found, added = implied(rows_of(pairs))
    closed = {(low, user, item) for behavior, user, item in pairs for low in range(behavior + 1)}
    assert [*zip(found.behavior.tolist(), found.user.tolist(), found.item.tolist(), strict=True)] == sorted(closed)
    assert added == len(closed) - len(pairs)


@given(PAIRS, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=200)
def test_least_numbers_are_those_of_a_naive_loop(pairs: list[tuple[int, int, int]], users: int, items: int) -> None:
    frame = pd.DataFrame(sorted(pairs), columns=["behavior", "user", "item"])
    while True:
        counts = (frame.groupby("user")["user"].transform("size") >= users) & (
            frame.groupby("item")["item"].transform("size") >= items
        )
        if counts.all():
            break
        frame = frame[counts]
    found, users_gone, items_gone = at_least(rows_of(pairs), users, items)
    rows = [*zip(found.behavior.tolist(), found.user.tolist(), found.item.tolist(), strict=True)]
    assert rows == [*frame.itertuples(index=False, name=None)]
    assert users_gone == len({user for _, user, _ in pairs}) - frame["user"].nunique()
    assert items_gone == len({item for _, _, item in pairs}) - frame["item"].nunique()


def test_a_sample_keeps_so_many_users_with_all_that_they_did(tmp_path: Path) -> None:
    users = [f"u{number:02}" for number in range(30)]
    rows = [f"{u},{item},{behavior},{n}" for n, u in enumerate(users) for item in "abc" for behavior in ("view", "buy")]
    rows += ["looker,a,view,1"]
    whole = made(tmp_path, "\n".join(rows), Recipe())
    some = made(tmp_path, "\n".join(rows), Recipe(sample_users=12))
    assert len(some.users) == 12 and set(some.users) < set(whole.users)
    assert some.matrix("view").nnz == 36 and some.matrix("buy").nnz + (some.test_item >= 0).sum() == 36
    assert "18 users left out of a sample (seed 0)" in some.origin.steps
    np.testing.assert_array_equal(made(tmp_path, "\n".join(reversed(rows)), Recipe(sample_users=12)).users, some.users)
    assert set(made(tmp_path, "\n".join(rows), Recipe(sample_users=12, seed=1)).users) != set(some.users)
    everyone = made(tmp_path, "\n".join(rows), Recipe(sample_users=30))
    assert everyone.fingerprint == whole.fingerprint and not any("sample" in step for step in everyone.origin.steps)
