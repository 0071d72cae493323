"""nmtr whatif, and nmtr recommend for a shopper who is not in the data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Nmtr


def test_whatif_keeps_its_contract(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    plain = nmtr("whatif", runs["done"], "--user", "u1", "--json").json
    assert set(plain) == {"user", "start", "without", "history", "method", "notes", "agreement", "items"}
    seen = [entry["item"] for entry in plain["history"] if entry["behavior"] == "view"]
    changed = nmtr(
        *(
            "whatif",
            runs["done"],
            "--user",
            "u1",
            "--add",
            "view=i2,i4",
            "--add",
            "cart=i2",
            "--remove",
            f"view={seen[0]}",
        ),
        *("--without", "cart", "--item", "i2", "--top", 3, "--json"),
    ).json
    pairs = {(entry["behavior"], entry["item"]) for entry in changed["history"]}
    before = {(entry["behavior"], entry["item"]) for entry in plain["history"]}
    assert pairs == (before | {("view", "i2"), ("view", "i4"), ("cart", "i2")}) - {("view", seen[0])}
    assert (changed["start"], changed["without"], len(changed["items"])) == ("u1", "cart", 3)
    assert any("not retrained" in note for note in changed["notes"])
    explanation = changed["explanation"]
    assert [stage["own"] == stage["bias"] == 0 for stage in explanation["stages"]] == [False, True, False]
    assert {"reasons", "left_out", "entries", "method"} <= set(explanation["reasons"])
    assert all({"behavior", "item", "drop", "rank"} <= set(reason) for reason in explanation["reasons"]["reasons"])


def test_whatif_tells_people_how_it_was_done(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    answer = nmtr("whatif", runs["done"], "--add", "view=i1", "--item", "i1")
    assert answer.code == 0 and "User new shopper: the first" in answer.out and "item i1 (Thing 1)" in answer.out
    assert "Only the shopper's vector is fitted" in answer.err


def test_recommend_serves_a_shopper_who_is_not_in_the_data_set(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    asked = ("--history", "view=i1,i2", "--history", "buy=i3", "--top", 9, "--json")
    value = nmtr("recommend", runs["done"], *asked).json
    assert value["user"] == "new shopper"
    assert {item["item"] for item in value["items"]} == {f"i{n}" for n in range(9)} - {"i3"}
    same = nmtr("whatif", runs["done"], "--add", "view=i1,i2", "--add", "buy=i3", "--top", 9, "--json").json
    assert same["items"] == value["items"]
    off = nmtr("whatif", runs["done"], "--add", "view=i1", "--without", "cart", "--json").json
    assert all("chance" in item and item["chance"] is not None for item in value["items"])
    assert all(item.get("chance") is None for item in off["items"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("recommend",), "--users all or --history"),
        (("recommend", "--user", "u1", "--history", "view=i1"), "got --user and --history"),
        (("recommend", "--history", "view"), "must look like view=item"),
        (("recommend", "--history", "view=i1,,i2"), "must look like view=item"),
        (("whatif", "--add", "wish=i1"), "a behavior must be one of view, cart, buy"),
        (("whatif", "--remove", "view=i1"), "a pair to remove must be in the history"),
        (("whatif", "--without", "wish"), "the stage to switch off must be one of"),
    ],
)
def test_mistakes_are_one_sentence(
    given: tuple[str, ...], said: str, nmtr: Nmtr, home: Path, runs: dict[str, str]
) -> None:
    answer = nmtr(given[0], runs["done"], *given[1:])
    assert (answer.code, answer.out) == (2, "") and said in answer.err and answer.err.count("\n") == 1
