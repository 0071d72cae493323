"""The Runs and the Data page in-process, on real data and real runs."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from streamlit.testing.v1 import AppTest

from dashboard.address import PAGES
from dashboard.text import metric
from nmtr import demo
from nmtr.audit import audit
from nmtr.config import RunConfig
from nmtr.config.written import command
from nmtr.data.catalogue import add
from nmtr.data.demo import generate
from nmtr.runs.labels import MOST_TAGS
from nmtr.workspace import Workspace
from tests.conftest import FULL, random_dataset
from tests.dashboard.conftest import APP, HOSTILE, Open, Runs, address, events, words


def test_runs_of_different_protocols_stand_in_tables_of_their_own(open_page: Open, runs: Runs) -> None:
    app = open_page("runs")
    ids = [set(frame.value["run"]) for frame in app.dataframe]
    assert {runs["shop clean nmtr"]} in ids
    assert {runs["shop standard nmtr"], runs["shop standard popularity"]} in ids
    assert "shop · clean" in words(app) and "shop · standard" in words(app)


def test_runs_whose_intervals_overlap_are_not_told_apart(open_page: Open, runs: Runs) -> None:
    app = open_page("runs")  # among 40 items, everything is within the first 100
    findings = [line for line in words(app).splitlines() if line.startswith("##### ")]
    assert any("leads with 1.000" in finding and "overlap" in finding for finding in findings)


def test_runs_of_a_study_are_not_ranked_by_their_test_figures(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    config = {"data": "one", "protocol": "clean", "epochs": 1, "embedding_size": 4, "threads": 1}
    resolved, info = workspace.prepare(RunConfig.parse(config))
    run = workspace.runs.create(resolved, info.fingerprint, foreground=True, study="abcdefgh")
    try:
        workspace.continue_training(run)
        app = open_page("runs")
        assert "##### Runs of studies alone: the λ lab chooses among them" in words(app)
        (row,) = (row for frame in app.dataframe for row in frame.value.itertuples() if row.run == run.id)
        assert row[3:6] == ("–", "–", "–")  # its test figures
        assert "its test figures are not shown" in open_page("train", run=run.id).info[0].value.replace("\\", "")
        workspace.train(RunConfig.parse(config | {"epochs": 2}))
        app = open_page("runs")
        assert "Without 1 run of studies: a study chooses on validation" in words(app)
    finally:
        workspace.delete(run.id)
        for other in workspace.finished(info):
            if other.config.protocol == "clean":
                workspace.delete(other.id)


def test_a_run_that_this_version_cannot_read_is_named_and_can_be_deleted(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    resolved, info = workspace.prepare(RunConfig.parse({"data": "one", "method": "popularity"}))
    run = workspace.runs.create(resolved, info.fingerprint, foreground=True)
    workspace.runs.fail(run.id, "It broke.")
    with closing(sqlite3.connect(home / "nmtr.db")) as db, db:
        db.execute("UPDATE runs SET config = json_set(config, '$.option_of_tomorrow', 7) WHERE id = ?", (run.id,))
    app = open_page("runs")
    assert not app.exception and not app.error and len(app.dataframe)
    assert f"run {run.id} must be one that this nmtr can read" in words(app)
    app.button(key=f"delete-{run.id}").click().run()
    assert not app.error and "must be one that this nmtr can read" not in words(app)
    assert not workspace.runs.unreadable()


def test_runs_show_only_the_options_that_are_not_the_default(open_page: Open, runs: Runs) -> None:
    app = open_page("runs")
    options = {row.run: row.options for frame in app.dataframe for row in frame.value.itertuples()}
    assert options[runs["shop standard nmtr"]] == "λ .20/.30/.50 · epochs 2 · embedding_size 4"
    assert options[runs["shop standard popularity"]] == ""


@pytest.fixture
def spare(home: Path) -> Iterator[str]:
    """A finished run that a test may delete, the only one of its protocol."""
    run = Workspace(home).train(RunConfig.parse({"data": "one", "protocol": "clean", "method": "popularity"}))
    yield run.id
    if run.id in [other.id for other in Workspace(home).runs.list()]:
        Workspace(home).delete(run.id)


def choose(app: AppTest, run: str) -> AppTest:
    """Select the row of a run, which stands alone in its table."""
    frame = next(frame for frame in app.dataframe if list(frame.value["run"]) == [run])
    app.session_state[frame.key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    return app.run()


def test_a_run_is_deleted_only_after_a_second_word(open_page: Open, home: Path, spare: str) -> None:
    app = choose(open_page("runs"), spare)
    app.button(key=f"delete-{spare}").click().run()
    app.button(key="keep").click().run()
    assert Workspace(home).runs.get(spare).state == "done"
    app = choose(app, spare)
    app.button(key=f"delete-{spare}").click().run()
    assert "For a day it can be brought back" in words(app)
    app.button(key="confirm_delete").click().run()
    assert spare not in [run.id for run in Workspace(home).runs.list()] and not app.error
    app.button(key=f"undelete-{spare}").click().run()
    assert Workspace(home).runs.get(spare).state == "done" and not app.error


def test_the_last_run_that_was_deleted_can_be_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    workspace = Workspace(tmp_path)
    demo.install(workspace)
    first, *_ = runs = workspace.runs.list()
    for run in runs:
        workspace.delete(run.id)
    app = AppTest.from_file(str(APP), default_timeout=300).run()
    app.switch_page(PAGES["runs"]).run()
    assert "Each training is listed here" in words(app)
    app.button(key=f"undelete-{first.id}").click().run()
    assert not app.exception and [list(frame.value["run"]) for frame in app.dataframe] == [[first.id]]


def test_a_run_is_named_tagged_noted_and_found(open_page: Open, home: Path, spare: str) -> None:
    app = choose(open_page("runs"), spare)
    app.text_input(key=f"name-{spare}").set_value(HOSTILE)
    app.multiselect(key=f"tags-{spare}").set_value(["for Ana"])
    app.text_area(key=f"note-{spare}").set_value("Why it was done.")
    app.button(key=f"keep-labels-{spare}").click().run()
    run = Workspace(home).runs.get(spare)
    assert (run.name, run.tags, run.note) == (HOSTILE.strip(), ("for Ana",), "Why it was done.")
    app = open_page("runs")
    app.text_input(key="runs_find").set_value("WHY done").run()
    assert [list(frame.value["run"]) for frame in app.dataframe] == [[spare]]
    assert app.dataframe[0].value["name"][0] == HOSTILE.strip() and app.dataframe[0].value["tags"][0] == ["for Ana"]
    app.text_input(key="runs_find").set_value("nothing is called so").run()
    assert not app.dataframe and "No run is like that." in words(app)
    app.text_input(key="runs_find").set_value("").run()
    app.multiselect(key="runs_tags").set_value(["for Ana"]).run()
    assert [list(frame.value["run"]) for frame in app.dataframe] == [[spare]]


def test_an_archived_run_is_shown_where_it_is_asked_for(open_page: Open, home: Path, spare: str) -> None:
    app = choose(open_page("runs"), spare)
    app.button(key=f"archive-{spare}").click().run()
    assert Workspace(home).runs.get(spare).archived
    app = open_page("runs")
    assert spare not in [run for frame in app.dataframe for run in frame.value["run"]]
    app.toggle(key="runs_archived").set_value(True).run()
    app = choose(app, spare)
    app.button(key=f"archive-{spare}").click().run()
    assert not Workspace(home).runs.get(spare).archived


@pytest.fixture
def other(home: Path) -> Iterator[str]:
    """Another finished run of the data set and protocol of `spare`."""
    small = {"epochs": 1, "embedding_size": 4, "threads": 1}
    run = Workspace(home).train(RunConfig.parse({"data": "one", "protocol": "clean", **small}))
    yield run.id
    Workspace(home).delete(run.id)


def test_several_runs_are_compared_tagged_and_deleted_at_once(
    open_page: Open, home: Path, spare: str, other: str
) -> None:
    def both() -> AppTest:
        app = open_page("runs")
        frame = next(frame for frame in app.dataframe if {*frame.value["run"]} == {spare, other})
        app.session_state[frame.key] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
        return app.run()

    table = f"runs-one-{Workspace(home).data.info('one').fingerprint}-clean"
    app = both()
    app.multiselect(key=f"more-tags-{table}").set_value(["pair"]).run()
    app.button(key=f"add-tags-{table}").click().run()
    assert [Workspace(home).runs.get(run).tags for run in (spare, other)] == [("pair",), ("pair",)]
    full = ("pair", *(f"t{number}" for number in range(MOST_TAGS - 1)))
    Workspace(home).runs.label(spare, tags=full)
    app = both()
    app.multiselect(key=f"more-tags-{table}").set_value(["t0", "more"]).run()
    app.button(key=f"add-tags-{table}").click().run()
    assert "at most 20 items" in words(app).replace("\\", "") and not app.exception
    assert [Workspace(home).runs.get(run).tags for run in (spare, other)] == [full, ("pair",)], "all of them or none"
    app = both()
    app.button(key=f"delete-several-{table}").click().run()
    app.button(key="confirm_delete").click().run()
    assert not {spare, other} & {run.id for run in Workspace(home).runs.list()} and not app.error
    for run in (spare, other):
        Workspace(home).runs.undelete(run)
    app = both()
    app.button(key=f"compare-{table}").click().run()
    assert not app.exception and {*address(app)["runs"].split(",")} == {spare, other}


def test_a_runs_page_has_its_figures_files_log_and_command(open_page: Open, home: Path, spare: str) -> None:
    lines = "".join(f"line {number}\n" for number in range(500))
    (Workspace(home).runs.folder(spare) / "log.txt").write_text(lines)
    app = choose(open_page("runs"), spare)
    app.button(key=f"details-{spare}").click().run()
    assert address(app)["run"] == spare and not app.error and not app.exception
    assert app.code[-1].value.splitlines() == lines.splitlines()[-200:]
    run = Workspace(home).runs.get(spare)
    assert app.code[0].value == command(run.config)
    assert app.code[1].value.endswith(f"Workspace().train(RunConfig.parse({run.config.to_json()!r}))")
    assert run.result is not None
    figures = app.dataframe[1].value.set_index("metric")["test"]
    assert figures["HR@10"] == metric(run.result.test["HR@10"], run.result.intervals["HR@10"])
    assert "log.txt · 4.4 kB" in [text.value for text in app.text]


def test_a_run_of_usual_options_shows_what_they_are_and_differences_to_another(
    open_page: Open, home: Path, spare: str, runs: dict[str, str]
) -> None:
    app = open_page("run", run=spare)
    options = Workspace(home).runs.get(spare).config.to_json()
    assert f"All {len(options)} options are the usual ones" in words(app)
    assert list(app.dataframe[0].value["option"]) == [name.replace("_", " ") for name in options]
    other = runs["shop standard nmtr"]
    app.selectbox(key=f"beside-{spare}").set_value(other).run()
    shown = app.dataframe[0].value.set_index("option")
    there = Workspace(home).runs.get(other).config
    assert f"those of {other}" in shown.columns and "data" in shown.index
    assert tuple(shown.loc["method"]) == ("popularity", "nmtr")
    assert tuple(shown.loc["embedding size"]) == ("–", str(there.embedding_size))
    assert "epochs" not in shown.index or options.get("epochs") != there.epochs


def test_a_run_page_without_a_run_leads_to_the_list(open_page: Open) -> None:
    app = open_page("run")
    assert "all about one run" in words(app)
    app.button(key="empty_go").click().run()
    assert not app.error and not app.exception and app.dataframe


def test_a_runs_page_lets_go_of_a_run_that_is_deleted_there(open_page: Open, home: Path, spare: str) -> None:
    app = open_page("run", run=spare)
    app.button(key=f"delete-{spare}").click().run()
    app.button(key="confirm_delete").click().run()
    assert "all about one run" in words(app) and not app.error and not app.exception
    Workspace(home).runs.undelete(spare)


def test_a_run_is_exported_and_imported_again(open_page: Open, home: Path, spare: str) -> None:
    app = choose(open_page("runs"), spare)
    assert f"export-{spare}" in [button.key for button in app.get("download_button")]
    workspace, file = Workspace(home), io.BytesIO()
    run = workspace.runs.get(spare)
    workspace.export_run(spare, file)
    workspace.delete(spare)
    for said in (f"Popularity {spare} is imported.", f"Popularity {spare} is here already, as it is in the file."):
        app = open_page("runs")
        app.file_uploader(key="import_file").upload("../run.zip", file.getvalue()).run()
        app.button(key="import").click().run()
        assert [success.value for success in app.success] == [said] and not app.error
    assert workspace.runs.get(spare).result == run.result
    app = open_page("runs")
    app.file_uploader(key="import_file").upload("run.zip", file.getvalue()[:-40]).run()
    app.button(key="import").click().run()
    assert "run.zip must be a whole archive of a run" in words(app) and not app.success


def test_imported_run_whose_data_set_is_not_here_is_shown_and_opens_with_a_sentence(
    open_page: Open, home: Path, lonely: str
) -> None:
    workspace, file = Workspace(home), io.BytesIO()
    workspace.export_run(lonely, file)
    workspace.delete(lonely)
    workspace.data.remove("lonely")
    app = open_page("runs")
    app.file_uploader(key="import_file").upload("run.zip", file.getvalue()).run()
    app.button(key="import").click().run()
    assert "To recommend by it, add data set lonely as it was there" in app.success[0].value
    app = choose(app, lonely)
    assert not app.error
    app = open_page("run", run=lonely)
    assert "Data set lonely, which this run was trained on, is not here any more" in app.warning[0].value
    assert not app.error and not app.exception and "All 9 options are the usual ones" in words(app)
    for page in ("shopper", "cascade", "train", "lab", "compare", "groups", "lists", "data"):
        app = open_page(page, run=lonely)
        assert [error.value.replace("\\", "").partition(" (")[0] for error in app.error] == [
            "data set must be one of those added"
        ], page


def test_a_data_set_is_removed_only_after_a_second_word(open_page: Open, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    events(("view", "buy"), users=9, items=20).to_csv(path, index=False)
    add(Workspace(home).data, "spare", path)
    app = open_page("data", data="spare")
    app.button(key="remove").click().run()
    assert "0 runs on it" in words(app)
    app.button(key="keep_data").click().run()
    assert "spare" in Workspace(home).data.names()
    app.button(key="remove").click().run()
    app.button(key="confirm_remove").click().run()
    assert "spare" not in Workspace(home).data.names() and not app.error


def test_a_data_set_that_a_run_needs_is_not_removed(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    config, info = workspace.prepare(RunConfig.parse({"data": "one", "method": "popularity"}))
    run = workspace.runs.create(config, info.fingerprint, foreground=True)
    app = open_page("data", data="one")
    app.button(key="remove").click().run()
    app.button(key="confirm_remove").click().run()
    assert f"needed by run {run.id}" in words(app).replace("\\", "")
    assert "one" in workspace.data.names()
    workspace.runs.fail(run.id, "stopped by the test")
    workspace.delete(run.id)


def test_data_says_in_words_what_leaks(open_page: Open, home: Path) -> None:
    app = open_page("data", data="shop")
    assert "The standard protocol shows the model 100 % of its test answers" in words(app)
    assert app.metric[0].value == "60"


def test_data_says_whether_items_are_numbered_by_time(open_page: Open, home: Path) -> None:
    library = Workspace(home).data
    drawn = random_dataset(num_users=20)
    latest = np.full(20, drawn.num_items, np.int32)  # an item behind all others, which everybody bought last
    matrices = tuple(csr_array((m.data, m.indices, m.indptr), shape=(20, drawn.num_items + 1)) for m in drawn.matrices)
    items = np.append(drawn.items, "latest")
    timed = replace(drawn, name="timed", matrices=matrices, test_item=latest, items=items)
    library.save(timed)
    library.save(replace(timed, name="named", given_valid_item=matrices[-1].indices[matrices[-1].indptr[:-1]]))
    try:
        app = open_page("data", data="timed")
        assert "100 % of the held-out items stand behind all else that their shopper bought; by chance 20 %" in words(
            app
        )
        # Where the source names the validation purchases there is nothing to advise.
        assert "numbered by time" not in words(open_page("data", data="named"))
    finally:
        library.remove("timed")
        library.remove("named")
    assert "numbered by time" not in words(open_page("data", data="shop"))


def test_data_page_says_what_its_test_can_be_trusted_for(open_page: Open, home: Path) -> None:
    library = Workspace(home).data
    found = audit(library.load("shop"))
    app = open_page("data", data="shop")
    assert found.verdict[0] in words(app)
    few = found.groups[0]
    assert f"Of shoppers who bought {few.name}, {100 * few.share:.0f} % of the answers leak" in words(app)
    drawn = [json.loads(chart.proto.spec)["data"][0] for chart in app.get("plotly_chart")]
    assert [trace["y"] for trace in drawn if trace.get("name") == "in a lower behavior"] == [
        pytest.approx([group.share for group in found.groups])
    ]
    gap = found.gaps[-1]
    assert f"({gap.missing:,}) are without a {gap.below}" in words(app)
    app.selectbox(key="beside").set_value("five").run()
    assert address(app)["beside"] == "five" and not app.error
    facts = app.dataframe[-1].value.set_index("")
    assert facts.loc["users", "shop"] == f"{library.info('shop').users:,}"
    assert facts.loc["fingerprint", "five"] == library.info("five").fingerprint


def test_adding_on_a_full_disk_is_a_sentence_and_leaves_nothing(
    open_page: Open, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTR_HOME", str(small_disk))
    app = open_page("add")
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    app.button(key="add_demo").click().run()
    assert re.match(FULL, app.error[0].value.replace("\\", ""))
    assert list((small_disk / "data").iterdir()) == []


@pytest.fixture
def lonely(home: Path, tmp_path: Path) -> Iterator[str]:
    """A data set of one shopper with runs: there is a figure of the test, and no interval."""
    workspace = Workspace(home)
    rows = "".join(f"u,i{item},{behavior}\n" for item in range(6) for behavior in ("view", "buy"))
    (tmp_path / "lonely.csv").write_text(f"user,item,behavior\n{rows}")
    add(workspace.data, "lonely", tmp_path / "lonely.csv", ("view", "buy"))
    run = workspace.train(RunConfig.parse({"data": "lonely", "method": "popularity"}))
    yield run.id
    workspace.delete(run.id)
    if "lonely" in workspace.data.names():
        workspace.data.remove("lonely")


@pytest.mark.parametrize("page", ["runs", "train"])
def test_run_of_a_single_shopper_is_shown_without_an_interval(open_page: Open, lonely: str, page: str) -> None:
    app = open_page(page, data="lonely", run=lonely)
    assert not app.error
    if page == "runs":
        (row,) = (row for frame in app.dataframe for _, row in frame.value.iterrows() if row["run"] == lonely)
        assert row["HR@100"] == "1.000"


def test_damaged_data_set_is_not_shown_first_and_can_be_removed(open_page: Open, home: Path) -> None:
    folder = home / "data" / "a-damaged"
    folder.mkdir()
    (folder / "dataset.json").write_text("{")
    app = open_page("data")
    assert "a-damaged must be readable" in words(app).replace("\\", "")
    assert app.metric and not app.error
    app.button(key="remove_a-damaged").click().run()
    app.button(key="confirm_remove").click().run()
    assert not folder.exists() and not app.error


def test_worker_is_started_again_by_the_next_page(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(Workspace, "start_worker", lambda self: started.append(self.home))
    app = open_page("data", data="shop")
    before = len(started)
    app.run()
    assert len(started) == before + 1


def test_data_page_says_when_things_happened_and_what_rules_score(open_page: Open, home: Path) -> None:
    library = Workspace(home).data
    shop = generate()
    library.save(shop)
    try:
        app = open_page("data", data="demo")
        assert shop.activity is not None
        most = max(sum(counts) for counts in zip(*shop.activity.pairs.values(), strict=True))
        total = sum(sum(counts) for counts in shop.activity.pairs.values())
        assert f"The busiest week began on 10 March 2025: {most:,} of {total:,} pairs" in words(app)
        drawn = [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]
        (bars,) = [
            traces for traces in drawn if len(traces) == 3 and traces[0]["type"] == "bar" and "yaxis" in traces[2]
        ]
        assert len(bars[0]["x"]) == len(shop.activity.starts) and bars[0]["x"][0] == "2024-12-30"
        rules = audit(shop).rules
        (table,) = [frame.value for frame in app.dataframe if "standard" in frame.value]
        assert table["list"].tolist() == ["the most bought", "view, then the most bought", "cart, then the most bought"]
        assert [cell.partition(" %")[0] for cell in table["standard"]] == [
            f"{100 * r.standard.share:.0f}" for r in rules
        ]
    finally:
        library.remove("demo")
    assert "busiest" not in words(open_page("data", data="shop"))
