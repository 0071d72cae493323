"""Suites end to end: cells, tuning, training and what the outcome holds."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from nmtr.compare import leaderboard
from nmtr.config import RunConfig
from nmtr.config.variants import VARIANTS
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError, DataError, NmtrError
from nmtr.evaluation.metrics import summarize
from nmtr.experiment import Experiment
from nmtr.runs import job, schema
from nmtr.runs.checkpoint import load_ranks
from nmtr.suites.figures import rows, standing
from nmtr.suites.numbers import number
from nmtr.suites.outcome import SuiteResult
from nmtr.suites.tables import markdown, tables
from nmtr.workspace import Workspace, presets
from tests.conftest import random_dataset
from tests.suites.conftest import Perform


def test_table3_compares_every_method_with_the_best_that_is_not_nmtr(perform: Perform, workspace: Workspace) -> None:
    outcome = perform("table3", "nmtr-gmf", "bpr", "popularity", seeds=2)
    assert [(row.group, row.label, len(row.runs)) for row in outcome.rows] == [
        *(("nmtr", "NMTR-GMF", 2), ("single", "BPR-MF", 2), ("floor", "Popularity", 2)),
    ]
    (board,) = outcome.boards
    best = max(outcome.rows[1:], key=lambda row: row.validated)
    assert (board.protocol, board.reference, board.test_users) == ("standard", best.label, 40)
    for row in outcome.rows:
        place = standing(board, row)
        assert place is not None and place.seeds == (0, 1)
        ranks = [load_ranks(workspace.runs.folder(run.run))["test"] for run in row.runs]
        expected = np.mean([summarize(one)["HR@100"] for one in ranks])
        assert place.test["HR@100"].value == pytest.approx(expected) == pytest.approx(row.mean("HR@100"))
        assert (place.test["HR@100"].difference is None) == (row is best)
        assert row.chosen_by == ("nothing to choose" if row.label == "Popularity" else "defaults")
        watched = [run.result.best_test for run in row.runs]
        assert all(watched) == (row.label != "Popularity") == (row.best_test("HR@100") is not None)
        assert row.options["epochs"] == 2 if row.label != "Popularity" else "epochs" not in row.options


@pytest.mark.parametrize(
    ("methods", "among"),
    [
        (("nmtr-gmf", "cmf", "ehcf", "popularity"), {"CMF", "EHCF", "Popularity"}),
        (("nmtr-gmf", "nmtr-mlp", "popularity"), {"Popularity"}),
    ],
)
def test_validation_chooses_the_reference_among_all_that_are_not_nmtr(
    perform: Perform, methods: tuple[str, ...], among: set[str]
) -> None:
    outcome = perform("table3", *methods)
    candidates = [row for row in outcome.rows if row.label in among]
    assert {row.label for row in candidates} == among
    best = max(candidates, key=lambda row: (row.mean("HR@100", "valid") or 0, row.mean("NDCG@100", "valid") or 0))
    assert outcome.boards[0].reference == best.label


def test_finding_holds_nmtrs_best_against_the_reference(perform: Perform) -> None:
    outcome = perform("table3", "nmtr-gmf", "bpr")
    finding = tables(outcome)[0].notes[0]
    own, base = (row.mean("HR@100") or 0.0 for row in outcome.rows)
    assert finding.startswith("standard: NMTR-GMF, NMTR's best on validation, has HR@100 ")
    found = re.search(r"; BPR-MF has (\S+): (\S+)%, p ", finding)
    assert found is not None
    assert float(found[1]) == pytest.approx(base, abs=6e-5)
    assert float(found[2]) == pytest.approx(100 * (own / base - 1), abs=0.06)


def test_suite_reports_a_run_that_a_study_trained(perform: Perform, workspace: Workspace) -> None:
    """Nobody chooses by its table, and nothing is trained twice."""
    runs = {run.run for row in perform("fig5", "gmf", "ehcf").rows for run in row.runs}
    with workspace.runs._engine.begin() as db:
        of_suite = schema.runs.c.id.in_(runs)
        db.execute(update(schema.runs).where(of_suite).values(study="abcdefgh"))
    again = perform("fig5", "gmf", "ehcf")
    with workspace.runs._engine.begin() as db:
        db.execute(update(schema.runs).where(of_suite).values(study=None))
    assert {run.run for row in again.rows for run in row.runs} == runs
    assert {run for entry in again.boards[0].entries for run in entry.runs} == runs
    assert {run for entry in again.sparsity[0].entries for run in entry.runs} == runs


def test_finding_of_an_older_result_names_the_baseline_that_it_left_out(perform: Perform, workspace: Workspace) -> None:
    """Kept results are compared with the best learned baseline: one that is ahead of it is not to be missed."""
    outcome = perform("table3", "nmtr-gmf", "bpr", "popularity", "last-behavior")
    baselines = sorted(outcome.rows[1:], key=lambda row: row.validated)
    assert outcome.boards[0].reference == baselines[-1].label and len(tables(outcome)[0].notes) == 5
    runs = [run.run for row in outcome.rows for run in row.runs]
    older = outcome.model_copy(update={"boards": (leaderboard(workspace, runs, reference=baselines[0].runs[0].run),)})
    value, own = baselines[-1].mean("HR@100") or 0.0, outcome.rows[0].mean("HR@100") or 0.0
    has = f"{baselines[-1].label}, has {number(value)}: {'ahead of it' if value > own else 'behind it'}"
    assert tables(older)[0].notes[1] == f"standard: the best on validation of all that are not NMTR, {has}"


def test_every_method_trains_on_its_defaults_and_stands_in_its_family(perform: Perform) -> None:
    outcome = perform("table3")
    assert [row.variant for row in outcome.rows] == list(VARIANTS) and not any(row.failed for row in outcome.rows)
    (board,) = outcome.boards
    others = [row for row in outcome.rows if row.group != "nmtr"]
    best = max(others, key=lambda row: (row.mean("HR@100", "valid") or 0, row.mean("NDCG@100", "valid") or 0))
    assert board.reference == best.label  # chosen on validation, whatever the test says
    assert len(tables(outcome)[0].rows) == len(VARIANTS)


@pytest.mark.parametrize(("suite", "reference"), [("table4", "NMTR-GMF, buy"), ("table5", "NMTR-GMF, joint")])
def test_cells_of_one_method_are_held_against_its_own_reference(perform: Perform, suite: str, reference: str) -> None:
    outcome = perform(suite, "nmtr-gmf", "nmtr-mlp", options={"epochs": 3, "embedding_size": 4})
    assert len(outcome.boards) == 2 and not any(row.failed for row in outcome.rows)
    for board, table in zip(outcome.boards, tables(outcome), strict=True):
        assert len({entry.label.split(",")[0] for entry in board.entries}) == 1
        assert len(table.rows) == len(outcome.rows) / 2
    assert tables(outcome)[0].notes[1].endswith(f"to {reference}")
    (alone,) = tables(perform(suite, "nmtr-gmf", options={"epochs": 3, "embedding_size": 4}))
    assert alone.notes[1].endswith(f"to {reference}")


def test_what_exists_is_not_trained_again(perform: Perform, workspace: Workspace) -> None:
    first = perform("table3", "nmtr-gmf", "popularity")
    count = len(workspace.runs.list())
    again = perform("table3", "popularity", "nmtr-gmf")
    assert len(workspace.runs.list()) == count and again.runs_there == again.runs == 2
    assert [row.runs for row in again.rows] == [row.runs for row in first.rows]


def test_run_that_the_search_has_just_trained_was_not_there_already(perform: Perform) -> None:
    given = {"budget": 2, "options": {"epochs": 1, "embedding_size": 7}, "seeds": 2}
    first = perform("table3", "nmtr-gmf", **given)
    chosen = first.rows[0].search
    assert chosen is not None and chosen.trials[chosen.chosen].rungs[-1].run == first.rows[0].runs[0].run
    assert (first.runs, first.runs_there) == (2, 0)
    assert perform("table3", "nmtr-gmf", **given).runs_there == 2


def test_outcome_comes_back_from_its_file_as_it_was(perform: Perform, tmp_path: Path) -> None:
    outcome = perform("table3", "nmtr-gmf", "popularity")
    outcome.write(tmp_path / "there" / "table3.json")
    assert SuiteResult.read(tmp_path / "there" / "table3.json") == outcome
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"must be the JSON file that `nmtr suite` wrote; .*other\.json is another"):
        SuiteResult.read(tmp_path / "other.json")
    with pytest.raises(ConfigError, match=r"none\.json cannot be read \(No such file"):
        SuiteResult.read(tmp_path / "none.json")


def test_budget_tunes_what_trains_and_keeps_what_was_searched(perform: Perform, workspace: Workspace) -> None:
    outcome = perform("table3", "nmtr-gmf", "bpr", "popularity", budget=4)
    by_label = {row.label: row for row in outcome.rows}
    assert by_label["Popularity"].search is None and by_label["Popularity"].chosen_by == "nothing to choose"
    for label in ("NMTR-GMF", "BPR-MF"):
        row, found = by_label[label], by_label[label].search
        assert found is not None and (found.budget, len(found.trials), row.chosen_by) == (4, 4, "tuning")
        chosen = found.trials[found.chosen]
        assert {name: row.options[name] for name in chosen.options} == {
            name: list(value) if isinstance(value, tuple) else value for name, value in chosen.options.items()
        }
        # The last rung of the chosen trial is the run that is reported, and the best of them on validation.
        assert chosen.rungs[-1].run == row.runs[0].run
        values = [trial.rungs[-1].valid for trial in found.trials if len(trial.rungs) == len(chosen.rungs)]
        assert chosen.rungs[-1].valid == max(values, key=lambda valid: (valid["HR@100"], valid["NDCG@100"]))  # type: ignore[index]


@pytest.fixture
def no_presets(workspace: Workspace) -> Iterator[Path]:
    """Where the home's presets of the shop go, and what is written there goes again."""
    folder = workspace.home / "presets" / "shop"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder.parent)


SMALL = {"embedding_size": 4}


def test_table2_writes_presets_that_other_suites_take(perform: Perform, no_presets: Path) -> None:
    tuned = perform("table2", "nmtr-gmf", "popularity", "bpr", budget=2, protocol="clean", options=SMALL)
    assert [row.label for row in tuned.rows] == ["NMTR-GMF", "BPR-MF"]
    assert tuned.kept == "kept as presets of shop: nmtr-gmf-clean, bpr-clean" in tables(tuned)[0].notes
    assert {path.stem for path in no_presets.iterdir()} == {"nmtr-gmf-clean", "bpr-clean"}

    after = perform("table3", "nmtr-gmf", "popularity", protocol="clean", options={})
    assert [row.chosen_by for row in after.rows] == ["preset shop/nmtr-gmf-clean", "nothing to choose"]
    assert (after.rows[0].options, after.rows[0].runs) == (tuned.rows[0].options, tuned.rows[0].runs)
    (table,) = tables(after)
    assert [line[table.columns.index("options")] for line in table.rows] == ["preset", "–"]
    assert not any("†" in note for note in table.notes)
    assert perform("table3", "nmtr-gmf").rows[0].chosen_by == "defaults"


def test_preset_repeats_the_run_that_was_chosen(perform: Perform, workspace: Workspace, no_presets: Path) -> None:
    (row,) = perform("table2", "nmtr-gmf", budget=2, options=SMALL).rows
    options = presets.read(workspace.home, "shop", "nmtr-gmf-standard")
    config = RunConfig.parse({"data": "shop", "threads": 1, "watch_test": True, **options})
    assert workspace.prepare(config)[0] == workspace.runs.get(row.runs[0].run).config


@pytest.mark.parametrize(
    ("options", "budget", "why"),
    [
        ({"epochs": 2, **SMALL}, 2, "which later suites would take: --epochs is less than the usual 60"),
        (SMALL, 0, "nothing was tuned"),
    ],
)
def test_table2_keeps_no_presets_that_would_spoil_later_suites(
    perform: Perform, no_presets: Path, options: dict[str, int], budget: int, why: str
) -> None:
    outcome = perform("table2", "nmtr-gmf", budget=budget, options=options)
    assert why in outcome.kept and outcome.kept in tables(outcome)[0].notes
    assert not list(no_presets.iterdir())


def test_table2_keeps_no_preset_of_a_method_whose_trials_failed(
    perform: Perform, no_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_at_once(monkeypatch, "bpr")
    outcome = perform("table2", "nmtr-gmf", "bpr", budget=2, options={"embedding_size": 5})
    assert {path.stem for path in no_presets.iterdir()} == {"nmtr-gmf-standard"} and outcome.rows[1].failed


def test_preset_of_some_behaviors_is_kept_apart(perform: Perform, no_presets: Path) -> None:
    perform("table2", "nmtr-gmf", budget=2, behaviors=("cart", "buy"), options=SMALL)
    assert {path.stem for path in no_presets.iterdir()} == {"nmtr-gmf-standard-cart+buy"}
    rows = {row.group: row for row in perform("table4", "nmtr-gmf").rows}
    taken = {group for group, row in rows.items() if row.chosen_by == "preset shop/nmtr-gmf-standard-cart+buy"}
    assert taken == {"cart+buy", "50%cart+buy"}
    assert {row.chosen_by for group, row in rows.items() if group not in taken} == {"defaults"}
    assert rows["50%cart+buy"].tuned_for == "all pairs, epochs 60"


def test_row_on_a_preset_that_was_tuned_for_something_else_says_so(perform: Perform, no_presets: Path) -> None:
    (no_presets / "nmtr-gmf-standard.json").write_text('{"learning_rate": 0.1, "training": "joint"}', encoding="utf-8")
    outcome = perform("table5", "nmtr-gmf", options={"epochs": 3, **SMALL})
    assert [(row.chosen_by, row.tuned_for) for row in outcome.rows] == [
        ("preset shop/nmtr-gmf-standard", ""),
        ("preset shop/nmtr-gmf-standard", "training joint"),
    ]
    (table,) = tables(outcome)
    assert [line[table.columns.index("options")] for line in table.rows] == ["preset", "preset †"]
    assert "†: by a preset that was tuned for something else: training joint" in table.notes
    assert {row["tuned for"] for row in rows(outcome)} == {"", "training joint"}


def test_table_says_where_validation_is_not_the_usual(perform: Perform, no_presets: Path) -> None:
    newest = perform("table3", "nmtr-gmf", "popularity", options={"validation": "newest", "refit": True, **SMALL})
    said = "epoch chosen on validation (newest purchases), tested after a refit on training + validation"
    (table,) = tables(newest)
    assert any(note.endswith(said) for note in table.notes)
    (table,) = tables(perform("table3", "nmtr-gmf", "popularity", options=SMALL))
    assert any(note.endswith("epoch chosen on validation") for note in table.notes)


def test_leak_takes_presets_only_where_both_protocols_have_one(perform: Perform, no_presets: Path) -> None:
    (no_presets / "nmtr-gmf-standard.json").write_text('{"learning_rate": 0.1}', encoding="utf-8")
    outcome = perform("leak", "nmtr-gmf", "popularity")
    assert [row.chosen_by for row in outcome.rows if row.label == "NMTR-GMF"] == ["defaults"] * 2
    assert [line[2] for line in tables(outcome)[0].rows] == ["defaults", "–"]

    clean = no_presets / "nmtr-gmf-clean.json"
    clean.write_text('{"learning_rate": 0.3, "validation": "newest"}', encoding="utf-8")
    outcome = perform("leak", "nmtr-gmf", "popularity")
    assert [row.chosen_by for row in outcome.rows if row.label == "NMTR-GMF"] == ["defaults"] * 2

    clean.write_text('{"learning_rate": 0.3}', encoding="utf-8")
    outcome = perform("leak", "nmtr-gmf", "popularity")
    own = [row for row in outcome.rows if row.label == "NMTR-GMF"]
    assert [row.chosen_by for row in own] == ["preset shop/nmtr-gmf-standard", "preset shop/nmtr-gmf-clean"]
    assert [row.options["learning_rate"] for row in own] == [0.1, 0.3]
    assert [line[2] for line in tables(outcome)[0].rows] == ["preset", "–"]


@pytest.mark.parametrize("budget", [0, 1])
def test_usual_loss_that_is_too_dear_gives_way_and_the_row_says_so(
    perform: Perform, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    monkeypatch.setattr("nmtr.estimate._LONGEST_EPOCH", 0.0)  # which refuses the exact loss, however small the data
    outcome = perform("table3", "nmtr-gmf", "bpr", budget=budget)
    own, other = outcome.rows
    assert own.options["loss"] == "sampled" and own.runs and other.runs
    chosen_by = [row.chosen_by for row in outcome.rows]
    assert chosen_by == (["tuning"] * 2 if budget else ["defaults, sampled loss", "defaults"])
    assert tables(outcome)[0].rows[0][2] == ("tuned" if budget else "defaults, sampled loss")


def test_leak_reports_both_protocols_side_by_side_and_ranks_them_apart(perform: Perform) -> None:
    outcome = perform("leak", "nmtr-gmf", "bpr", "last-behavior")
    assert [board.protocol for board in outcome.boards] == ["standard", "clean"]
    assert outcome.boards[0].visited_users == outcome.boards[1].visited_users > 0
    (table,) = tables(outcome)
    assert table.columns[2:6] == ["options", "standard all", "standard visited", "standard not visited"]
    assert [line[1] for line in table.rows] == ["NMTR-GMF", "BPR-MF", "Touched before, not bought"]
    assert all(len(line) == len(table.columns) for line in table.rows)


def test_fig2_keeps_a_point_an_epoch(perform: Perform) -> None:
    outcome = perform("fig2", "nmtr-gmf", "popularity", seeds=2)
    (row,) = outcome.rows
    assert [point.epoch for point in row.runs[0].curve] == [1, 2]
    assert [set(point.loss) for point in row.runs[0].curve] == [{"view", "cart", "buy"}] * 2
    figures = rows(outcome)
    assert "seed 0" in tables(outcome)[0].notes[0]  # which is drawn; the figures are of all
    assert len(figures) == 4 and {"epoch", "loss buy", "validation HR@100", "test HR@100"} <= set(figures[0])


def test_fig2_has_figures_of_the_ranked_epochs_alone(perform: Perform) -> None:
    outcome = perform("fig2", "nmtr-gmf", "bpr", options={**SMALL, "epochs": 5, "rank_every": 2})
    assert outcome.command.endswith("--rank-every 2")
    for row in outcome.rows:
        assert [point.valid is not None for point in row.runs[0].curve] == [False, True, False, True, True]
        assert all((point.valid is None) == (point.test is None) for point in row.runs[0].curve)
        assert row.runs[0].result.best_epoch in (2, 4, 5)
    figures = rows(outcome)
    assert [("validation HR@100" in row, "loss buy" in row) for row in figures[:2]] == [(False, True), (True, True)]
    (table,) = tables(outcome)
    assert [name for name in table.columns if name.startswith("epoch ")] == ["epoch 2", "epoch 5"]


def test_runs_that_rank_other_epochs_are_others(perform: Perform) -> None:
    one, other = (perform("table3", "bpr", options={**SMALL, "rank_every": n}).rows[0].runs[0].run for n in (1, 4))
    assert one != other


def test_fig4_marks_the_weights_that_validation_chooses(perform: Perform) -> None:
    outcome = perform("fig4", "nmtr-gmf", behaviors=("view", "buy"))
    assert len(outcome.rows) == 11 and outcome.boards[0].reference.endswith("λ .50/.50")
    (table,) = tables(outcome)
    at = table.columns.index("validation")
    marked = [line for line in table.rows if line[at].endswith(" *")]
    best = max(outcome.rows, key=lambda row: row.mean("HR@100", "valid") or 0)
    assert [line[0] for line in marked] == [best.group]


def test_fig5_has_a_column_for_each_group_of_users(perform: Perform) -> None:
    outcome = perform("fig5", "nmtr-gmf", "nmtr-neumf")
    assert [found.metric for found in outcome.sparsity] == ["HR@100", "NDCG@100"]
    for table, found in zip(tables(outcome), outcome.sparsity, strict=True):
        assert len(table.columns) == len(found.groups) + 3 and len(table.rows) == 2
    assert {row["group"] for row in rows(outcome)} == {group.name for group in outcome.sparsity[0].groups}


def test_table1_counts_and_trains_nothing(perform: Perform, workspace: Workspace) -> None:
    before = len(workspace.runs.list())
    outcome = perform("table1", options={})
    figures = {row["statistic"]: row["value"] for row in rows(outcome)}
    assert (figures["users"], figures["items"], figures["test users"]) == (40, 150, 40)
    assert len(workspace.runs.list()) == before and outcome.runs == 0


@pytest.mark.parametrize("suite", ["table1", "table3", "fig2", "fig5", "leak"])
def test_every_figure_names_what_it_holds_of(perform: Perform, suite: str) -> None:
    outcome = perform(suite, *([] if suite == "table1" else ["nmtr-gmf"]))
    for table in tables(outcome):
        notes = " ".join(table.notes)
        assert "shop" in notes
        if suite != "table1":
            assert all(word in notes for word in ("view, cart, buy", *outcome.protocols, "seed 0", "validation"))
    text = markdown(outcome)
    assert f"`{outcome.command}`" in text and "python" in text
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in lines}) == 1 or suite in ("fig5",)
    if values := rows(outcome):
        csv.DictWriter(io.StringIO(), list(dict.fromkeys(name for row in values for name in row))).writerows(values)


# Small data and mistakes


def test_single_user_has_figures_without_intervals(perform: Perform, workspace: Workspace) -> None:
    workspace.data.save(replace(random_dataset(num_users=1), name="lonely"))
    for suite in ("table3", "fig5", "leak"):
        outcome = perform(suite, "nmtr-gmf", "nmtr-mlp", data="lonely")
        assert not any("±" in cell for table in tables(outcome) for line in table.rows for cell in line)
        assert all(row.runs for row in outcome.rows)


def test_suite_without_test_users_is_refused_before_it_trains(perform: Perform, workspace: Workspace) -> None:
    dataset = random_dataset(num_users=3)
    workspace.data.save(replace(dataset, name="all-bought", test_item=np.full(3, -1, np.int32)))
    with pytest.raises(DataError, match="^a suite needs test users; data set all-bought holds out nobody's purchase"):
        perform("table3", "nmtr-gmf", data="all-bought")
    assert perform("table1", data="all-bought", options={}).summary is not None


def test_order_that_fits_nothing_is_refused_in_a_sentence(perform: Perform) -> None:
    with pytest.raises(ConfigError, match=r"^behaviors must be in the order view, cart, buy, .* target buy last"):
        perform("table4", behaviors=("view", "cart"))
    with pytest.raises(ConfigError, match=r"^protocol must be one of standard or clean; got dirty"):
        perform("table3", protocol="dirty")
    with pytest.raises(ConfigError, match=r"^a suite must be one of table1.*; got table9"):
        perform("table9")
    with pytest.raises(ConfigError, match=r"^methods must be among .*; got svd"):
        perform("table3", "svd")
    with pytest.raises(DataError, match=r"^data set must be one of those added .*; got 'nowhere'"):
        perform("table3", data="nowhere")


def failing_at_once(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Every run of the method fails from now on."""
    build = job.new_experiment

    def failing(config: RunConfig, dataset: Dataset) -> Experiment:
        if config.method == method:
            raise NmtrError("it ran out of luck.")
        return build(config, dataset)

    monkeypatch.setattr(job, "new_experiment", failing)


def test_run_that_fails_is_named_in_its_row_and_the_others_stand(
    perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_at_once(monkeypatch, "bpr")
    outcome = perform("table3", "nmtr-gmf", "bpr", options={"epochs": 1, "embedding_size": 3})
    good, bad = outcome.rows
    assert good.runs and not good.failed and not bad.runs
    assert len(bad.failed) == 1 and "(seed 0) it ran out of luck." in bad.failed[0]
    assert [line[1] for line in tables(outcome)[0].rows] == ["NMTR-GMF"]

    monkeypatch.undo()
    mended = perform("table3", "nmtr-gmf", "bpr", options={"epochs": 1, "embedding_size": 3})
    assert [row.failed for row in mended.rows] == [(), ()] and bad.failed[0].startswith(
        f"run {mended.rows[1].runs[0].run}"
    )
