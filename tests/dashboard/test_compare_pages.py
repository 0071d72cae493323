"""The Compare, the Groups and the Lists page in-process, on real data and real runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dashboard.address import PAGES
from dashboard.text import metric, share
from nmtr.cli.main import app as cli
from nmtr.compare import compare_lists, leaderboard, moves, slices, sparsity
from nmtr.config import RunConfig
from nmtr.workspace import Workspace
from tests.conftest import random_dataset
from tests.dashboard.conftest import APP, Open, Runs, address, words


@pytest.fixture
def standard(runs: Runs) -> list[str]:
    """The two finished runs of shop, standard."""
    return [runs["shop standard nmtr"], runs["shop standard popularity"]]


@pytest.fixture
def seeds(home: Path) -> Iterator[list[str]]:
    """Two runs that differ in the seed only."""
    workspace = Workspace(home)
    options = {"data": "five", "method": "bpr", "epochs": 1, "embedding_size": 4, "threads": 1}
    ids = [workspace.train(RunConfig.parse(options | {"seed": seed})).id for seed in (1, 2)]
    yield ids
    for run in ids:
        workspace.delete(run)


@pytest.fixture
def catalogued(home: Path) -> Iterator[list[str]]:
    """Two runs on a data set whose items have a category and a price."""
    workspace = Workspace(home)
    attributes = pd.DataFrame({"category": [f"c{n % 3}" for n in range(150)], "price": [float(n) for n in range(150)]})
    workspace.data.save(replace(random_dataset(), name="catalogued", attributes=attributes))
    configs = [{"data": "catalogued", "protocol": "clean", "method": m} for m in ("popularity", "last-behavior")]
    ids = [workspace.train(RunConfig.parse(config)).id for config in configs]
    yield ids
    for run in ids:
        workspace.delete(run)
    workspace.data.remove("catalogued")


def test_compare_shows_what_the_core_finds(open_page: Open, home: Path, standard: list[str]) -> None:
    app = open_page("compare", data="shop", runs=",".join(standard), metric="HR@10")
    assert not app.error and not app.exception
    board = leaderboard(Workspace(home), standard, metric="HR@10")
    first = board.entries[0]
    assert f"{first.name} leads: HR@10" in words(app)
    shown = app.dataframe[0].value
    assert list(shown["model"]) == [entry.name for entry in board.entries]
    assert [float(cell.split(" ")[0]) for cell in shown["HR@10"]] == pytest.approx(
        [entry.test["HR@10"].value for entry in board.entries], abs=6e-4
    )
    assert list(shown[f"to {board.reference}"]).count("–") == 1
    assert "Every test shopper had visited the held-out item" in words(app)
    assert "shop · standard" in words(app)


def test_compare_tells_what_visits_give_away(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    workspace.data.save(replace(random_dataset(), name="loose"))
    options = {"data": "loose", "protocol": "standard"}
    ids = [workspace.train(RunConfig.parse({**options, "method": m})).id for m in ("popularity", "last-behavior")]
    app = open_page("compare", runs=",".join(ids), metric="HR@10")
    board = leaderboard(workspace, ids, metric="HR@10")
    visited, other = (part["HR@10"].value for part in (board.entries[0].visited, board.entries[0].not_visited))
    assert visited > other  # "touched before" finds what was touched before
    assert f"Had the shopper visited the item before, Touched before, not bought reaches {metric(visited)}" in words(
        app
    )
    assert f"if not, {metric(other)}" in words(app) and "Standard leaves those visits" in words(app)
    for run in ids:
        workspace.delete(run)
    workspace.data.remove("loose")


def test_compare_chooses_runs_of_one_protocol_by_itself_and_the_address_follows(
    open_page: Open, runs: Runs, standard: list[str]
) -> None:
    app = open_page("compare", data="shop")
    assert app.selectbox(key="compare_protocol").value == "standard"  # the newest run's
    assert set(address(app)["runs"].split(",")) == set(standard)
    app.selectbox(key="compare_protocol").set_value("clean").run()
    assert address(app)["runs"] == runs["shop clean nmtr"]
    assert "reaches HR@100" in words(app) and "Choose a second model" in words(app)
    assert not app.error and not app.exception


def test_compare_refuses_runs_of_another_protocol_in_a_sentence_and_shows_the_rest(
    open_page: Open, runs: Runs, standard: list[str]
) -> None:
    app = open_page("compare", data="shop", runs=",".join([*standard, runs["shop clean nmtr"]]))
    assert "compared runs must be of one data set, version and protocol" in app.warning[0].value.replace("\\", "")
    assert [warning.icon for warning in app.warning] == [":material/block:", ":material/warning:"]  # the leak's
    assert list(app.dataframe[0].value["model"]) != [] and len(app.dataframe[0].value) == 2


def test_compare_holds_against_the_chosen_reference_by_the_chosen_metric(open_page: Open, standard: list[str]) -> None:
    app = open_page("compare", data="shop", runs=",".join(standard))
    app.selectbox(key="compare_against").set_value(standard[0]).run()
    app.selectbox(key="compare_metric").set_value("NDCG@10").run()
    assert address(app)["against"] == standard[0] and address(app)["metric"] == "NDCG@10"
    assert "to NMTR-GMF" in app.dataframe[0].value.columns and "NDCG@10" in app.dataframe[0].value.columns
    app.selectbox(key="compare_against").set_value("best").run()
    assert "against" not in address(app) and "to Popularity" in app.dataframe[0].value.columns


def test_compare_counts_seeds_as_one_model(open_page: Open, seeds: list[str]) -> None:
    app = open_page("compare", runs=seeds[0])
    assert address(app)["data"] == "five"
    (row,) = app.dataframe[0].value.to_dict("records")
    assert row["model"] == "BPR-MF" and row["seeds"].startswith("2, sd .")


def test_compare_draws_no_validation_curves_of_other_purchases_beside_each_other(
    open_page: Open, home: Path, seeds: list[str]
) -> None:
    workspace = Workspace(home)
    options = {"data": "five", "epochs": 1, "embedding_size": 4, "threads": 1, "validation": "newest"}
    ids = [workspace.train(RunConfig.parse(options | {"method": method})).id for method in ("bpr", "gmf")]
    app = open_page("compare", runs=",".join([seeds[0], *ids]))
    board = leaderboard(workspace, [*seeds, *ids])
    (other,) = (entry.name for entry in board.entries if entry.options["validation"] == "random")
    assert f"Not drawn: {other}. Their validation purchases" in words(app).replace("\\", "")
    assert f"On validation {other}" not in words(app).replace("\\", "")
    assert "Not drawn" not in words(open_page("compare", runs=",".join(ids)))
    for run in ids:
        workspace.delete(run)


def test_compare_lists_the_options_that_runs_differ_in_only(open_page: Open, standard: list[str]) -> None:
    app = open_page("compare", data="shop", runs=",".join(standard))
    options = app.dataframe[1].value
    # λ is NMTR's alone, and both have the same seed.
    assert list(options.columns) == ["model", "method", "runs"]
    assert set(options["method"]) == {"nmtr", "popularity"}


def test_compare_warns_where_every_test_shopper_had_visited_the_item(
    open_page: Open, runs: Runs, standard: list[str]
) -> None:
    app = open_page("compare", data="shop", runs=",".join(standard))  # whose shoppers view and cart what they buy
    assert "##### Every test shopper had visited the held-out item" in words(app) and "Nothing can leak" not in words(
        app
    )
    assert "each figure here may be memory" in app.warning[0].value
    app = open_page("compare", runs=runs["shop clean nmtr"])
    assert "Clean hides these visits from every model" in words(app) and not app.warning


def test_compare_of_one_behavior_says_that_nothing_leaks(open_page: Open, runs: Runs) -> None:
    app = open_page("compare", runs=runs["one standard nmtr"])
    assert "Nothing can leak" in words(app) and not app.error and not app.exception


def test_compare_leaves_no_words_of_its_own_in_other_pages_addresses(open_page: Open, standard: list[str]) -> None:
    app = open_page("compare", data="shop", runs=",".join(standard))
    assert "runs" in address(app)
    app.query_params.clear()  # as a click in the navigation does
    app.switch_page(PAGES["data"]).run()
    assert set(address(app)) == {"data"}
    app.query_params.clear()
    app.switch_page(PAGES["groups"]).run()
    assert address(app)["runs"] == ",".join(standard)


def test_sparsity_shows_what_the_core_finds(open_page: Open, home: Path, standard: list[str]) -> None:
    app = open_page("groups", data="shop", runs=",".join(standard), metric="NDCG@10")
    assert not app.error and not app.exception
    table = sparsity(Workspace(home), standard, metric="NDCG@10")
    shown = app.dataframe[0].value
    assert list(shown.columns)[:-1] == ["model", *(f"{g.name} (n {g.users:,})" for g in table.groups)]
    for row, entry in zip(shown.to_dict("records"), table.entries, strict=True):
        cells = [float(row[column].split(" ")[0]) for column in shown.columns[1:-1]]
        assert cells == pytest.approx([score.value for score in entry.groups], abs=6e-4)
    assert f"Shoppers who bought {table.groups[0].name}: " in words(app)
    assert f"difference to {table.reference} over the same shoppers" in words(app)


def test_sparsity_of_one_run_has_no_differences(open_page: Open, runs: Runs) -> None:
    app = open_page("groups", runs=runs["one standard nmtr"])
    assert "One model alone" in words(app) and len(app.dataframe) == 1
    assert not app.error and not app.exception


def test_groups_are_made_by_what_is_chosen_and_the_address_follows(
    open_page: Open, home: Path, catalogued: list[str]
) -> None:
    app = open_page("groups", runs=",".join(catalogued), metric="HR@10")
    app.selectbox(key="groups_by").set_value("price").run()
    assert address(app)["by"] == "price" and not app.error and not app.exception
    table = slices(Workspace(home), catalogued, by="price", metric="HR@10")
    shown = app.dataframe[0].value
    assert [*zip(shown["group"], shown["shoppers"], strict=True)] == [(g.name, g.users) for g in table.groups]
    for entry in table.entries:
        cells = [float(cell.split(" ")[0]) for cell in shown[entry.name]]
        assert cells == pytest.approx([score.value for score in entry.groups], abs=6e-4)
    assert "has the highest HR@10 in " in words(app)
    app.selectbox(key="groups_by").set_value("purchases").run()
    assert "by" not in address(app) and "Shoppers who bought" in words(app)


def test_groups_by_a_condition_of_the_visitors_own(open_page: Open, home: Path, catalogued: list[str]) -> None:
    app = open_page("groups", runs=",".join(catalogued))
    app.selectbox(key="groups_by").set_value("condition").run()
    assert "Write a condition" in words(app) and "title" not in app.text_input(key="groups_where").label
    app.text_input(key="groups_where").set_value("price < 70 AND NOT visited").run()
    assert address(app)["by"] == "price < 70 AND NOT visited"
    table = slices(Workspace(home), catalogued, by="price < 70 AND NOT visited")
    assert list(app.dataframe[0].value["shoppers"]) == [group.users for group in table.groups]
    again = open_page("groups", runs=",".join(catalogued), by="price < 70 AND NOT visited")
    assert again.text_input(key="groups_where").value == "price < 70 AND NOT visited"
    assert list(again.dataframe[0].value["shoppers"]) == [group.users for group in table.groups]
    app.text_input(key="groups_where").set_value("EXISTS (SELECT 1)").run()
    assert "it holds subquery" in app.error[0].value and not app.dataframe and not app.exception
    app.text_input(key="groups_where").set_value("").run()
    assert "by" not in address(app) and not app.error


def test_groups_say_who_gains_and_who_loses(open_page: Open, home: Path, catalogued: list[str]) -> None:
    app = open_page("groups", runs=",".join(catalogued), by="user", metric="HR@10")
    assert not app.error and not app.exception
    found = moves(Workspace(home), catalogued, metric="HR@10")
    (entry,) = found.entries
    assert f"it wins {entry.into:,} and loses {entry.out_of:,}" in words(app)
    assert f"{entry.up:,} gain" in words(app) and f"{entry.down:,} lose" in words(app)
    alone = open_page("groups", runs=catalogued[0], by="user")
    assert "One model alone" in words(alone) and not alone.error


@pytest.mark.parametrize(
    ("page", "parameters"),
    [
        ("compare", {}),
        ("groups", {}),
        ("groups", {"by": "price"}),
        ("groups", {"by": "price < 70 AND item <> 'it''s'"}),
        ("groups", {"by": "user"}),
        ("lists", {}),
    ],
)
def test_the_code_that_a_page_shows_makes_what_the_page_shows(
    open_page: Open,
    home: Path,
    catalogued: list[str],
    page: str,
    parameters: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = open_page(page, runs=",".join(catalogued), against=catalogued[0], metric="HR@10", **parameters)
    command, python = (block.value for block in app.code)
    imports, _, call = python.rpartition("\n")
    names: dict[str, object] = {}
    exec(imports, names)
    rows = eval(call, names)
    assert {row["reference"] for row in rows} == {"Popularity"} and len(rows) > 1
    words = shlex.split(command)
    assert words[-2:] == ["--csv", "compare.csv"]
    monkeypatch.chdir(tmp_path)
    cli(words[1:], standalone_mode=False)
    written = pd.read_csv(tmp_path / "compare.csv")
    assert len(written) == len(rows) and set(written["model"]) == {row["model"] for row in rows}


def test_groups_offer_what_the_data_set_tells(open_page: Open, standard: list[str]) -> None:
    app = open_page("groups", data="shop", runs=",".join(standard), by="category")
    assert "category of the next purchase" not in app.selectbox(key="groups_by").options
    assert "data set shop does not tell it" in app.error[0].value and not app.exception
    app = open_page("groups", data="shop", runs=",".join(standard), by="visited")
    assert "by visited, all are in one" in app.error[0].value.replace("\\", "") and not app.exception


def test_lists_shows_what_the_core_finds(open_page: Open, home: Path, standard: list[str]) -> None:
    app = open_page("lists", data="shop", runs=",".join(standard), metric="HR@10")
    assert not app.error and not app.exception
    found = compare_lists(Workspace(home), standard, metric="HR@10")
    shown = app.dataframe[0].value.set_index("model")
    assert list(shown.index) == [*(entry.name for entry in found.entries), "what they bought"]
    for entry in found.entries:
        of_catalogue, buyers = shown.loc[entry.name, ["of the catalogue", "buyers an item"]]
        assert of_catalogue == share(entry.measures["coverage"].value)
        assert float(buyers.partition(" ±")[0]) == pytest.approx(entry.measures["popularity"].value, abs=0.05)
    bought = shown.loc["what they bought"]
    assert bought["of the catalogue"] == bought["HR@10"] == "–"  # of all lists together, and of lists only
    assert float(bought["buyers an item"].partition(" ±")[0]) == pytest.approx(
        found.bought["popularity"].value, abs=0.05
    )
    first, value = found.entries[0].name, found.entries[0].measures["popularity"].value
    assert f"{first} lists items that are " in words(app) and f" {value:.1f} buyers each" in words(app)
    assert "No categories to compare" in words(app)  # shop has none


def test_lists_draws_what_they_are_made_of(open_page: Open, home: Path, catalogued: list[str]) -> None:
    app = open_page("lists", runs=",".join(catalogued), metric="NDCG@100")
    found = compare_lists(Workspace(home), catalogued, metric="NDCG@100")
    parts = found.makeup["category"]
    most = max(parts, key=lambda part: abs(part.listed[0] - part.bought))
    assert f"{found.entries[0].name} lists {most.name} " in words(app)
    assert f"{share(most.listed[0])} of its lists, {share(most.bought)} of purchases" in words(app)
    assert {"price", "of two categories"} <= set(app.dataframe[0].value.columns)


@pytest.mark.parametrize("page", ["compare", "groups", "lists"])
def test_pages_without_runs_or_data_lead_to_where_they_come_from(
    open_page: Open, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(page, runs="zzzzzzzz", data="shop")
    assert "There is no run zzzzzzzz any more" in app.warning[0].value.replace("\\", "")
    assert not app.error and not app.exception  # and the usual ones are compared
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    empty = open_page(page)
    assert empty.button(key="empty_go").label == "Add a data set" and not empty.error


def test_compared_run_whose_ranks_are_gone_gives_a_sentence(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    run = workspace.train(RunConfig.parse({"data": "one", "method": "popularity", "protocol": "clean"}))
    (workspace.runs.folder(run.id) / "ranks.npz").unlink()
    app = open_page("compare", runs=run.id)
    assert "missing or damaged" in app.error[0].value and not app.exception
    workspace.delete(run.id)


@pytest.mark.parametrize("page", ["compare", "groups"])
def test_pages_compare_without_torch(page: str, tmp_path: Path) -> None:
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
from dashboard import cache
from nmtr.demo import install
from nmtr.workspace import Workspace
install(Workspace())
cache.warm_up = lambda: None
app = AppTest.from_file({str(APP)!r}, default_timeout=300)
app.query_params["data"] = "nothing"  # the first run only registers the pages
app.run()
app.query_params.clear()
del app.session_state["selected_data"]
app.switch_page("{PAGES[page]}").run()
assert app.dataframe and not app.error and not app.exception, app
assert "torch" not in sys.modules
"""
    environment = {**os.environ, "NMTR_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
