"""nmtr compare over the small home."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.conftest import Nmtr, events


def test_compare_gives_the_leaderboard_of_the_runs(home: Path, runs: dict[str, str], nmtr: Nmtr) -> None:
    found = nmtr("compare", runs["done"], runs["popularity"], "--metric", "NDCG@5", "--json").json
    assert (found["data"], found["protocol"], found["reference"]) == ("shop", "clean", "Popularity")
    assert {entry["name"] for entry in found["entries"]} == {"NMTR-GMF", "Popularity"}
    said = nmtr("compare", runs["done"], "--reference", runs["popularity"])
    assert said.code == 0 and "shop, clean: HR@100 on test; differences are to Popularity\n" in said.out
    assert "NMTR-GMF" in said.out and "bootstrap" in said.err
    chosen = nmtr("compare", runs["done"], runs["popularity"]).out
    assert "differences are to Popularity, the best on validation of all that are not NMTR" in " ".join(chosen.split())


def test_compare_says_that_every_test_user_had_visited_the_item(own_home: Path, nmtr: Nmtr, tmp_path: Path) -> None:
    """Everybody views five items in a row, and buys three of these: all is seen before it is bought."""
    (tmp_path / "shop.csv").write_text(events(), encoding="utf-8")
    nmtr("data", "add", "shop", "--from", tmp_path / "shop.csv")
    popularity = ("train", "--data", "shop", "--method", "popularity", "--json")
    run = {protocol: nmtr(*popularity, "--protocol", protocol).json["run"] for protocol in ("standard", "clean")}
    for protocol, said in (
        ("standard", "warning: Every test user had visited the held-out item, and standard leaves these visits"),
        ("clean", "Every test user had visited the held-out item. Clean hides these visits"),
    ):
        answer = nmtr("compare", run[protocol])
        assert "visited (12)" in answer.out and "not (0)" in answer.out
        assert said in answer.err and "can leak" not in answer.err
    alone = nmtr(*popularity, "--behaviors", "buy", "--protocol", "standard").json["run"]
    assert "nothing can leak" in nmtr("compare", alone).err


def test_compare_by_sparsity_gives_groups_and_a_csv(
    home: Path, runs: dict[str, str], nmtr: Nmtr, tmp_path: Path
) -> None:
    path = tmp_path / "groups.csv"
    both = ("compare", runs["done"], runs["popularity"], "--by", "sparsity", "--metric", "NDCG@3")
    answer = nmtr(*both, "--csv", path)
    assert answer.code == 0 and "2 (12)" in answer.out and "difference to Popularity" in answer.out
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [(row["group"], row["users"], row["metric"]) for row in rows] == [("2", "12", "NDCG@3")] * 2
    assert nmtr(*both, "--groups", "1", "--json").json["groups"] == [{"name": "1–2", "users": 12}]


def test_compare_by_list_says_what_the_lists_are_like(
    home: Path, runs: dict[str, str], nmtr: Nmtr, tmp_path: Path
) -> None:
    path = tmp_path / "lists.csv"
    both = ("compare", runs["done"], runs["popularity"], "--by", "list", "--top", "3")
    answer = nmtr(*both, "--csv", path)
    assert answer.code == 0 and "the first 3 items of 12 users' lists" in answer.out
    assert "what they bought" in answer.out and "not better by itself" in answer.err
    rows = {(row["model"], row["metric"]): row for row in csv.DictReader(path.read_text("utf-8").splitlines())}
    given = nmtr(*both, "--json").json
    by_name = {entry["name"]: entry["measures"] for entry in given["entries"]}
    assert float(rows["Popularity", "coverage"]["value"]) == by_name["Popularity"]["coverage"]["value"]
    assert by_name["NMTR-GMF"]["novelty"]["difference"]["tests"].keys() == {"t-test"}


def test_compare_by_what_was_bought_next_or_a_condition(
    home: Path, runs: dict[str, str], nmtr: Nmtr, tmp_path: Path
) -> None:
    path = tmp_path / "slices.csv"
    both = ("compare", runs["done"], runs["popularity"])
    three = (*both, "--where", "user in ('u1', 'u2', 'u3')")
    answer = nmtr(*three, "--csv", path)
    assert answer.code == 0 and "by whether the condition holds (users)" in answer.out
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [int(row["users"]) for row in rows if row["model"] == "Popularity"] == [3, 9]
    assert nmtr(*three, "--json").json["groups"] == [
        {"name": "user in ('u1', 'u2', 'u3')", "users": 3},
        {"name": "others", "users": 9},
    ]


def test_compare_by_user_says_who_gains_and_who_loses(
    home: Path, runs: dict[str, str], nmtr: Nmtr, tmp_path: Path
) -> None:
    path = tmp_path / "moves.csv"
    both = ("compare", runs["done"], runs["popularity"], "--by", "user", "--metric", "HR@3", "--top", "2")
    answer = nmtr(*both, "--csv", path)
    assert answer.code == 0 and "into the first 3" in answer.out and "who gains most by NMTR-GMF" in answer.out
    (entry,) = nmtr(*both, "--json").json["entries"]
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [row["user"] for row in rows] == [one["user"] for one in [*entry["gain"], *entry["lose"]]]
    assert 1 <= len(entry["gain"]) <= 2 and entry["up"] + entry["down"] <= 12
    alone = nmtr("compare", runs["done"], "--by", "user")
    assert alone.code == 2 and "needs two models or more" in alone.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--by", "category"], "does not tell it"),
        (["--by", "visited"], "by visited, all are in one: visited"),
        (["--by", "buyers"], "by buyers, all are in one: 2–3"),
        (["--where", "age > 3"], "there is no age"),
        (["--where", ""], "a condition has 1 to 1,000 characters; got 0"),
        (["--where", "buyers > 3", "--by", "price"], "--where makes groups of its own"),
        (["--top", "3"], "--top needs --by list or --by user"),
        (["--by", "list", "--top", "21"], "--top"),
        (["--metric", "MRR"], "metric must be HR@k or NDCG@k"),
        (["--groups", "5,9"], "--groups needs --by sparsity"),
        (["--by", "sparsity", "--groups", "5,x"], "--groups must be whole numbers"),
        (["--by", "sparsity", "--groups", "1,9"], "every group must have users"),
        (["--by", "age"], "age"),
        (["--csv", "/nowhere/at/all.csv"], "--csv needs a file that can be written"),
        (["--reference", "zzzzzzzz"], "there is no run zzzzzzzz"),
    ],
)
def test_mistakes_get_a_sentence(
    home: Path, runs: dict[str, str], nmtr: Nmtr, arguments: list[str], sentence: str
) -> None:
    answer = nmtr("compare", runs["done"], *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err and len(answer.err.strip().splitlines()) == 1


def test_runs_that_are_not_done_are_not_compared(home: Path, runs: dict[str, str], nmtr: Nmtr) -> None:
    answer = nmtr("compare", runs["done"], runs["failed"])
    assert answer.code == 2 and "must be done to be compared; it is failed" in answer.err
