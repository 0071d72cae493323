"""Users by training purchases, and by whether the held-out item was visited."""

from __future__ import annotations

import numpy as np
import pytest

from nmtr.data.split import stands_in
from nmtr.errors import ConfigError
from nmtr.evaluation.groups import by_purchases, purchases, visited
from tests.conftest import random_dataset


def sizes(counts: np.ndarray, lows: tuple[int, ...] | None = None) -> dict[str, int]:
    return {group.name: int(group.members.sum()) for group in by_purchases(counts, lows)}


def test_papers_groups_are_taken_where_the_data_allows_them() -> None:
    counts = np.repeat([5, 8, 9, 12, 16, 20, 21, 300], [40, 1, 30, 2, 30, 30, 29, 1])
    assert sizes(counts) == {"5–8": 41, "9–12": 32, "13–16": 30, "17–20": 30, "> 20": 30}


@pytest.mark.parametrize("count", [4, 22])  # one user below the groups; one group with too few users
def test_fifths_are_taken_where_the_papers_groups_do_not_fit(count: int) -> None:
    counts = np.repeat([5, 9, 13, 17, count], 30 if count == 4 else [30, 30, 30, 30, 29])
    assert "> 20" not in sizes(counts) and sum(sizes(counts).values()) == len(counts)


def test_fifths_hold_about_as_many_users_each() -> None:
    counts = np.random.default_rng(0).geometric(0.05, 5000)
    assert len(sizes(counts)) == 5
    assert all(800 < size < 1200 for size in sizes(counts).values())


def test_few_different_counts_give_fewer_groups_and_none_is_empty() -> None:
    assert sizes(np.array([2, 2, 2, 2, 3, 9])) == {"2": 4, "> 2": 2}
    assert sizes(np.array([4, 4, 4])) == {"4": 3}
    assert sizes(np.array([7])) == {"7": 1}
    assert sizes(np.array([0, 0, 0, 0, 0, 0, 6])) == {"0–6": 7}


def test_given_groups_are_taken_as_they_are() -> None:
    assert sizes(np.array([1, 5, 6, 10]), (5, 7)) == {"5–6": 2, "> 6": 1}  # the user with 1 is in none


@pytest.mark.parametrize(
    ("lows", "sentence"),
    [
        ((1, 4, 6), "every group must have users; nobody who is tested has 4–5 training purchases"),
        ((1, 50), "nobody who is tested has > 49 training purchases"),
        (
            (5, 5),
            "groups must be given by the fewest purchases of each, rising from 0 or more, such as 5,9,13; got 5,5",
        ),
        ((-1, 5), "got -1,5"),
        ((), "got none"),
    ],
)
def test_groups_that_cannot_be_are_refused_in_a_sentence(lows: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        by_purchases(np.array([1, 2, 3, 8]), lows)


def test_purchases_and_visits_are_those_of_the_data_set() -> None:
    dataset = random_dataset()
    assert purchases(dataset).tolist() == [4] * 40  # of five, one is held out
    view, cart = (stands_in(matrix, dataset.test_item) for matrix in dataset.matrices[:-1])
    assert (visited(dataset) == (view | cart)).all() and 0 < visited(dataset).sum() < 40
    assert not visited(dataset.select(("buy",))).any()
