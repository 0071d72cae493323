"""nmtr suite and nmtr report, over runs that are there; how they are trained is tested with the suites."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from nmtr.cli import console
from nmtr.config import RunConfig
from nmtr.data.importing import read
from nmtr.workspace import Workspace
from nmtr.workspace.batch import Progress
from tests.cli.conftest import Nmtr

METHODS = ("--methods", "nmtr-gmf,popularity", "--epochs", 2, "--seeds", 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shop_csv: Path) -> Path:
    """A home with the shop and the runs that the suite asks for."""
    workspace = Workspace(tmp_path_factory.mktemp("suites"))
    workspace.data.save(read(shop_csv, name="shop"))
    nmtr = {"method": "nmtr", "unit": "gmf", "epochs": 2, "watch_test": True}
    for options in (nmtr, nmtr | {"rank_every": 9}, {"method": "popularity"}):
        workspace.train(RunConfig.parse({"data": "shop", "protocol": "standard", "threads": 1, **options}))
    workspace.runs.close()
    return workspace.home


@pytest.fixture(autouse=True)
def home(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NMTR_HOME", str(trained))
    return trained


def test_suite_passes_on_how_often_to_rank(nmtr: Nmtr) -> None:
    answer = nmtr("suite", "table3", "--data", "shop", *METHODS[:4], "--rank-every", 9, "--seeds", 1, "--json")
    assert [row["options"].get("rank_every") for row in answer.json["rows"]] == [9, None]
    assert "--rank-every 9" in answer.json["command"]


def test_suite_keeps_its_contract(nmtr: Nmtr, home: Path, tmp_path: Path) -> None:
    answer = nmtr("suite", "table3", "--data", "shop", *METHODS, "--json", "--csv", tmp_path / "all.csv")
    value = answer.json
    assert {"suite", "data", "fingerprint", "behaviors", "protocols", "seeds", "budget", "rows", "boards"} <= set(value)
    assert {"command", "made", "wall_seconds", "trained_seconds", "versions", "cores"} <= set(value)
    assert [(row["label"], row["chosen_by"], len(row["runs"])) for row in value["rows"]] == [
        ("NMTR-GMF", "defaults", 1),
        ("Popularity", "nothing to choose", 1),
    ]
    assert value["runs_there"] == value["runs"] == 2
    assert "2 of 2 runs have ended, 2 of them there before" in answer.err
    assert f"the whole result is in {home / 'suites' / 'table3-shop-standard-nmtr-gmf+popularity.json'}" in answer.err
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        figures = list(csv.DictReader(file))
    board = {entry["label"]: entry for entry in value["boards"][0]["entries"]}
    for row in figures:
        assert float(row["value"]) == board[row["method"]][row["users"]][row["metric"]]["value"]
    assert {row["protocol"] for row in figures} == {"standard"}


def test_table_is_printed_and_report_makes_markdown_of_what_was_kept(nmtr: Nmtr, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    shown = nmtr("suite", "table3", "--data", "shop", *METHODS, "--out", file).out
    assert all(text in shown for text in ("All methods", "NMTR-GMF", "±", "shop (view, cart, buy) · standard · seed 0"))
    text = nmtr("report", file, file)
    assert text.code == 0 and text.out.count("## All methods: shop") == 2
    assert "| group | method |" in text.out
    command = "nmtr suite table3 --data shop --protocol standard --methods nmtr-gmf,popularity --seeds 1 --epochs 2"
    assert f"`{command}`: 2 runs, 2 of which were there already" in text.out
    assert nmtr(*command.split()[1:], "--json").json["rows"] == json.loads(file.read_text(encoding="utf-8"))["rows"]


def test_table1_needs_no_runs(nmtr: Nmtr) -> None:
    answer = nmtr("suite", "table1", "--data", "shop")
    assert answer.code == 0 and "view" in answer.out and "runs have ended" not in answer.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["suite", "table9"],
            "a suite must be one of table1, table2, table3, table4, table5, parts, fig2, fig4, fig5, leak",
        ),
        (["suite", "table3", "--methods", "svd"], "methods must be among nmtr-gmf, nmtr-mlp"),
        (["suite", "table4", "--methods", "bpr"], "methods must be among nmtr-gmf, nmtr-mlp, nmtr-neumf; got bpr."),
        (["suite", "table3", "--behaviors", "view,cart"], "with the target buy last; got view, cart."),
        (["suite", "table3", "--protocol", "dirty"], "protocol must be one of standard or clean; got dirty."),
        (["suite", "table3", "--seeds", "0"], "--seeds must be a whole number from 1 to 100; got 0."),
        (["suite", "table3", "--budget", "-1"], "--budget must be a whole number from 0 to 4096; got -1."),
        (
            ["suite", "table1", "--csv", "/nowhere/x.csv"],
            "--csv needs a file that can be written; /nowhere/x.csv cannot",
        ),
        (["report", "/nowhere.json"], "a suite's result must be a file; /nowhere.json cannot be read"),
        (["train", "--data", "shop", "--config", "best"], "--config must be a JSON file or a preset of data set shop"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_is_one_sentence(nmtr: Nmtr, arguments: list[str], sentence: str) -> None:
    data = ["--data", "shop"] if arguments[0] == "suite" else []
    answer = nmtr(*arguments, *data)
    assert answer.code == 2 and sentence in answer.err.strip().splitlines()[-1]


def test_missing_runs_make_the_exit_code_2_and_are_named(nmtr: Nmtr, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(home: Path, slots: int | None = None) -> None:
        store = Workspace(home).runs
        while run := store.claim(1):
            store.fail(run.id, "it ran out of luck.")
        store.close()

    monkeypatch.setattr("nmtr.workspace.batch.supervisor.ensure_running", fail)
    monkeypatch.setattr("nmtr.workspace.batch._WORKER_TICK", 0.0)
    answer = nmtr("suite", "table3", "--data", "shop", "--methods", "popularity,last-behavior", "--seeds", 1)
    assert answer.code == 2 and answer.err.strip().endswith("(seed 0) it ran out of luck.")
    assert "Popularity" in answer.out


def test_interrupt_says_how_to_go_on(nmtr: Nmtr, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nmtr.cli.suites.carry_out", interrupted)
    answer = nmtr("suite", "table3", "--data", "shop")
    assert answer.code == 130 and "the same command goes on from there." in answer.err


def test_preset_is_taken_by_name_and_options_come_before_it(nmtr: Nmtr, home: Path) -> None:
    folder = home / "presets" / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    preset = '{"method": "nmtr", "unit": "gmf", "epochs": 1, "embedding_size": 3}'
    (folder / "nmtr-gmf-clean.json").write_text(preset, encoding="utf-8")
    arguments = ("train", "--data", "shop", "--config", "nmtr-gmf-clean", "--seed", 5, "--threads", 1, "--json")
    assert Workspace(home).runs.get(nmtr(*arguments).json["run"]).config.embedding_size == 3
    run = nmtr(*arguments, "--embedding-size", 2).json["run"]
    assert Workspace(home).runs.get(run).config.embedding_size == 2
    (folder / "nmtr-gmf-clean.json").unlink()


def test_progress_says_that_the_queue_is_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (False, True):
        file = io.StringIO()
        screen = Console(file=file, force_terminal=terminal, width=160, color_system=None, _environ={})
        monkeypatch.setattr(console, "_err", screen)
        with console.suite_progress() as on_progress:
            on_progress("All methods", Progress(4, 0, 1, (), paused=True))
        assert "the queue is paused, go on with `nmtr queue resume`" in file.getvalue()


def test_progress_is_a_bar_for_each_step_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    screen = Console(file=file, force_terminal=True, width=120, color_system=None, _environ={})
    monkeypatch.setattr(console, "_err", screen)
    with console.suite_progress() as on_progress:
        for what, ended in (("tuning, rung 1 of 1", 4), ("All methods", 1), ("All methods", 2)):
            on_progress(what, Progress(4, 1, ended, ("NMTR-GMF, clean, seed 0, epoch 7/60",)))
    lines = re.sub(r"\x1b\[[0-9?]*[A-Za-z]", "", file.getvalue()).splitlines()
    for name, ended in (("tuning", "4/4"), ("All methods", "2/4")):
        last = [line for line in lines if line.startswith(name)][-1]
        assert ended in last and "NMTR-GMF, clean, seed 0, epoch 7/60" in last
