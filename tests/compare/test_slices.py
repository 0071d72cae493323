"""One metric by what held-out items are and by conditions, on ranks that were worked out by hand."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nmtr.compare import slices
from nmtr.compare.filtering import facts, matching
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.evaluation.groups import visited
from nmtr.lists import popularity
from nmtr.workspace import Workspace
from tests.compare.conftest import USERS, Finish, hitting
from tests.conftest import random_dataset

LARGE = 200  # users: enough for groups by category


def catalogued(users: int = USERS) -> Dataset:
    """Items of categories a to d by their number, d of the last three only, one item of none; prices 0, 1, 2, …"""
    dataset = random_dataset(users)
    numbers = np.arange(dataset.num_items)
    category = np.array(["a", "b", "c"], object)[numbers % 3]
    category[-3:], category[0] = "d", None
    return replace(dataset, attributes=pd.DataFrame({"category": category, "price": numbers.astype(float)}))


@pytest.fixture
def dataset(workspace: Workspace) -> Dataset:
    workspace.data.remove("shop")
    workspace.data.save(catalogued(LARGE))
    return workspace.data.load("shop")


def test_categories_that_few_bought_next_are_others(workspace: Workspace, dataset: Dataset, finish: Finish) -> None:
    category = dataset.attributes["category"].to_numpy()[dataset.test_item]  # type: ignore[index]
    run, base = finish(np.where(category == "a", 0.0, 1000.0)), finish(hitting(0.0, LARGE), method="bpr")
    found = slices(workspace, [run.id, base.id], by="category")
    counts = pd.Series(category).value_counts()
    assert 0 < counts["d"] < 30 <= counts[["a", "b", "c"]].min()
    sizes = {group.name: group.users for group in found.groups}
    unknown = int(pd.isna(category).sum())
    assert sizes == {**counts[["a", "b", "c"]], "others": counts["d"]} | ({"not known": unknown} if unknown else {})
    own, other = found.entries
    place = list(sizes).index("a")
    assert [score.value for score in own.groups] == [float(name == "a") for name in sizes]
    assert [score.value for score in other.groups] == [0] * len(sizes)
    difference = own.groups[place].difference
    assert difference is not None and (difference.value, difference.low, difference.high) == (1, 1, 1)
    assert {(row["group"], row["value"]) for row in found.rows() if row["model"] == own.name} == {
        (name, float(name == "a")) for name in sizes
    }


def test_prices_and_buyers_make_quarters_in_order(workspace: Workspace, dataset: Dataset, finish: Finish) -> None:
    run = finish(hitting(0.5, LARGE))
    hit, items = hitting(0.5, LARGE) == 0, dataset.test_item
    by_price = slices(workspace, [run.id], by="price")
    assert len(by_price.groups) == 4 and by_price.groups[0].name.startswith("under ")
    edges = np.quantile(np.arange(dataset.num_items), [0.25, 0.5, 0.75])
    place = np.searchsorted(edges, items, side="right")
    assert [group.users for group in by_price.groups] == np.bincount(place).tolist()
    assert [score.value for score in by_price.entries[0].groups] == pytest.approx(
        [hit[place == n].mean() for n in range(4)]
    )
    bought = popularity(dataset)[items]
    by_buyers = slices(workspace, [run.id], by="buyers")
    assert sum(group.users for group in by_buyers.groups) == LARGE
    last = by_buyers.groups[-1]
    low = int(last.name.removeprefix("> "))
    assert last.users == (bought > low).sum() > 0
    assert by_buyers.entries[0].groups[-1].value == pytest.approx(hit[bought > low].mean())


def test_visited_and_a_condition_part_the_users_in_two(workspace: Workspace, finish: Finish) -> None:
    dataset = workspace.data.load("shop")
    seen = visited(dataset)
    assert 0 < seen.sum() < USERS
    run = finish(np.where(seen, 0.0, 1000.0))
    by_visits = slices(workspace, [run.id], by="visited")
    assert [(group.name, group.users) for group in by_visits.groups] == [
        ("visited", seen.sum()),
        ("not visited", USERS - seen.sum()),
    ]
    condition = "NOT visited AND cart >= 2"
    table = slices(workspace, [run.id], by=condition)
    holds = ~seen & (np.diff(dataset.matrix("cart").indptr) >= 2)
    assert [(group.name, group.users) for group in table.groups] == [
        (condition, holds.sum()),
        ("others", USERS - holds.sum()),
    ]
    assert table.by == condition
    assert [score.value for score in table.entries[0].groups] == pytest.approx([0, seen[~holds].mean()])


def test_what_a_data_set_does_not_tell_makes_no_slices(workspace: Workspace, finish: Finish) -> None:
    run = finish(hitting(0.5))
    with pytest.raises(ConfigError, match="data set shop does not tell it"):
        slices(workspace, [run.id], by="category")
    with pytest.raises(ConfigError, match="over view, cart, buy, user, item, visited, buyers, .*there is no age"):
        slices(workspace, [run.id], by="age")


@pytest.fixture
def asked() -> pd.DataFrame:
    dataset = catalogued()
    return facts(dataset, dataset.test_item >= 0)


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("price < 50", lambda f: f["price"] < 50),
        ("category = 'a' OR category IS NULL", lambda f: (f["category"] == "a") | f["category"].isna()),
        ("category IN ('a', 'b') AND NOT visited", lambda f: f["category"].isin(["a", "b"]) & ~f["visited"]),
        ("NOT category = 'a'", lambda f: f["category"].notna() & (f["category"] != "a")),
        ("PRICE BETWEEN 10 AND 20 + 30 -- of them", lambda f: f["price"].between(10, 50)),
        ("lower(item) LIKE '%1' AND buyers >= 1", lambda f: f["item"].str.endswith("1") & (f["buyers"] >= 1)),
        ("view > cart + 2 * buy - 8", lambda f: f["view"] > f["cart"]),  # all bought four
    ],
)
def test_a_condition_holds_for_whom_it_says(asked: pd.DataFrame, condition: str, same: object) -> None:
    wanted = same(asked).to_numpy(bool)  # type: ignore[operator]
    assert 0 < wanted.sum() < len(asked)
    assert matching(asked, condition).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("price <", "syntax error"),
        ("price < 5; DROP TABLE x", "must be one expression"),
        ("price < 5) OR (1 = 1", "syntax error"),
        ("price < 5 ORDER BY price", "modifiers"),
        ("price < 5 UNION SELECT 1", "cannot be taken"),
        ("nothing > 1", "there is no nothing"),
        ("row_number < 3", "there is no row_number"),
        ("EXISTS (SELECT * FROM read_csv('/etc/passwd'))", "holds subquery"),
        ("read_text('/etc/passwd') = ''", "holds read_text"),
        ("(SELECT count(*) FROM range(100000000000)) > 1", "holds subquery"),
        ("length(repeat('x', 2000000000)) > 2", "holds repeat"),
        ("list_sum(range(1000000000)) > 1", "holds list_sum"),
        ("price > $1", "holds parameter"),
        ("price >= 0", "holds for all"),
        ("price < 0", "holds for none"),
        ("category = 'x'", "holds for none"),
        ("category > 3", "cannot be taken"),
        (
            f"'{'a' * 60}' LIKE '{'%a_' * 40}%b'",
            "holds for none",
        ),  # would take ages where a match is tried step by step
        (" ", "1 to 1,000 characters"),
        ("price < 5 AND " * 100 + "price < 5", "1 to 1,000 characters"),
    ],
)
def test_a_condition_is_an_expression_over_the_facts_and_nothing_else(
    asked: pd.DataFrame, condition: str, why: str
) -> None:
    before = time.perf_counter()
    with pytest.raises(ConfigError, match=why):
        matching(asked, condition)
    assert time.perf_counter() - before < 5


def test_recency_makes_quarters_of_those_who_were_seen(workspace: Workspace, finish: Finish) -> None:
    days = np.arange(USERS) + 19_000  # the last one was seen on the log's last day
    days[0] = -1
    workspace.data.remove("shop")
    workspace.data.save(replace(random_dataset(USERS), last_day=days.astype(np.int32)))
    run = finish(np.where(np.arange(USERS) >= USERS - 10, 0.0, 1000.0))
    table = slices(workspace, [run.id], by="recency")
    assert [(group.name, group.users) for group in table.groups] == [
        ("0–8 days", 9),
        ("9–18 days", 10),
        ("19–28 days", 10),
        ("> 28 days", 10),
        ("not known", 1),
    ]
    assert [score.value for score in table.entries[0].groups] == [1, 0.1, 0, 0, 0]
    recent = slices(workspace, [run.id], by="recency < 10")
    assert [
        (group.users, score.value) for group, score in zip(recent.groups, recent.entries[0].groups, strict=True)
    ] == [
        (10, 1),
        (30, 0),
    ]


def test_without_times_there_is_no_recency(workspace: Workspace, finish: Finish) -> None:
    run = finish(hitting(0.5))
    with pytest.raises(ConfigError, match="slices by recency need times of day; data set shop does not have any"):
        slices(workspace, [run.id], by="recency")
    with pytest.raises(ConfigError, match="there is no recency"):
        slices(workspace, [run.id], by="recency < 10")
