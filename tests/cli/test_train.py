"""nmtr train: what simply works, and how a training that is stopped ends."""

from __future__ import annotations

import inspect
import io
import itertools
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nmtr.cli import console
from nmtr.cli.training import train
from nmtr.config import UNITS, RunConfig
from nmtr.config.methods import METHODS
from nmtr.data.importing import read
from nmtr.estimate import Pace
from nmtr.runs import job
from nmtr.workspace import Workspace
from tests.cli.conftest import Nmtr
from tests.runs.fakes import report

SMALL = ("--epochs", 1, "--embedding-size", 4, "--threads", 1, "--json")
FIGURES = {f"{metric}@{k}" for metric in ("HR", "NDCG") for k in (50, 80, 100, 200)}
UNITS_AND_LOSSES = [
    *itertools.product(UNITS, ("sampled", "exact")),
    ("gmf", "squared"),
    ("view=gmf,cart=mlp,buy=neumf", "sampled"),
]


@pytest.fixture
def shop(own_home: Path, shop_csv: Path) -> Path:
    """A home with the data set shop and no runs."""
    workspace = Workspace()
    workspace.data.save(read(shop_csv, name="shop"))
    workspace.runs.close()
    return own_home


def test_train_keeps_its_contract(nmtr: Nmtr, shop: Path) -> None:
    value = nmtr("train", "--data", "shop", *SMALL).json
    assert {"run", "data", "protocol", "method", "unit", "loss", "lambdas", "epochs", "best_epoch"} <= set(value)
    assert (value["data"], value["protocol"], value["method"]) == ("shop", "clean", "nmtr")
    assert (value["unit"], value["loss"], value["lambdas"]) == ("gmf", "exact", [1 / 3] * 3)
    assert (value["epochs"], value["best_epoch"]) == (1, 1)
    assert value["seconds_per_epoch"] > 0
    assert FIGURES <= set(value["test"]) and FIGURES <= set(value["valid"])
    assert all(0 <= figure <= 1 for figure in value["test"].values())
    assert nmtr("show", value["run"], "--json").json.items() >= value.items()


def test_every_option_of_a_run_is_a_flag_with_the_config_s_help() -> None:
    flags = {name: p.annotation for name, p in inspect.signature(train).parameters.items()}
    assert [*flags] == [*RunConfig.model_fields, "config", "dry_run", "queued", "priority", "owner", "as_json"]
    for name, field in RunConfig.model_fields.items():
        [option] = flags[name].__metadata__
        assert option.default.split("/")[0] == f"--{name.replace('_', '-')}"
        assert option.help.startswith(field.description)


@pytest.mark.parametrize(("unit", "loss"), UNITS_AND_LOSSES)
def test_every_unit_trains_with_every_loss(unit: str, loss: str, nmtr: Nmtr, shop: Path) -> None:
    value = nmtr("train", "--data", "shop", "--unit", unit, "--loss", loss, *SMALL).json
    chosen = dict(part.split("=") for part in unit.split(",")) if "=" in unit else unit
    assert (value["unit"], value["loss"], value["epochs"]) == (chosen, loss, 1)


def test_scores_of_the_squared_loss_mean_no_chance(nmtr: Nmtr, shop: Path) -> None:
    run = nmtr("train", "--data", "shop", "--loss", "squared", *SMALL).json["run"]
    asked = ("explain", run, "--user", "u1", "--item", "i2")
    assert [stage["probability"] for stage in nmtr(*asked, "--json").json["stages"]] == [None] * 3
    shown = nmtr(*asked).out
    heading, *stages = shown.splitlines()[1:5]
    assert "score" in heading and "sigmoid" not in heading
    place = heading.split().index("chance") - len(heading.split())
    assert [line.split()[place] for line in stages] == ["–"] * 3
    assert nmtr("recommend", run, "--user", "u1").code == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("protocol", ["standard", "clean"])
def test_every_method_trains_by_every_protocol(method: str, protocol: str, nmtr: Nmtr, shop: Path) -> None:
    options = SMALL if "epochs" in METHODS[method].options else ("--json",)
    value = nmtr("train", "--data", "shop", "--method", method, "--protocol", protocol, *options).json
    assert (value["method"], value["protocol"], value["test_users"]) == (method, protocol, 12)


@pytest.mark.parametrize(
    ("written", "lambdas"),
    [("1/3,1/3,1/3", [1 / 3] * 3), ("0.2, 0.3, 0.5", [0.2, 0.3, 0.5]), ("0,0,1", [0.0, 0.0, 1.0])],
)
def test_lambdas_are_numbers_or_fractions(written: str, lambdas: list[float], nmtr: Nmtr, shop: Path) -> None:
    assert nmtr("train", "--data", "shop", "--lambdas", written, *SMALL).json["lambdas"] == pytest.approx(lambdas)


def test_the_target_alone_can_be_learned_from(nmtr: Nmtr, shop: Path) -> None:
    value = nmtr("train", "--data", "shop", "--behaviors", "buy", *SMALL).json
    assert (value["behaviors"], value["lambdas"]) == (["buy"], [1.0])
    found = nmtr("explain", value["run"], "--user", "u1", "--item", "i1", "--json").json
    assert [stage["behavior"] for stage in found["stages"]] == ["buy"]


@pytest.mark.parametrize("purchases", [1, 3])
def test_one_user_is_enough(purchases: int, nmtr: Nmtr, own_home: Path, tmp_path: Path) -> None:
    rows = ["user,item,behavior", "ann,cup,view"] + [f"ann,thing {n},buy" for n in range(purchases)]
    (tmp_path / "one.csv").write_text("\n".join(rows))
    assert nmtr("data", "add", "one", "--from", tmp_path / "one.csv", "--json").json["users"] == 1
    answer = nmtr("train", "--data", "one", *SMALL)
    assert answer.json["test_users"] == (1 if purchases > 1 else 0)
    run = answer.json["run"]
    assert nmtr("recommend", run, "--user", "ann", "--json").code == 0
    assert ("no purchase could be held out" in nmtr("show", run).out) == (purchases == 1)


def test_config_file_gives_options_and_flags_come_before_it(nmtr: Nmtr, shop: Path, tmp_path: Path) -> None:
    options = {"data": "shop", "epochs": 3, "embedding_size": 4, "threads": 1, "unit": {"view": "mlp", "buy": "gmf"}}
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**options, "behaviors": ["view", "buy"], "refit": True}))
    answer = nmtr("train", "--config", path, "--epochs", 1, "--no-refit", "--json")
    value = answer.json
    assert (value["behaviors"], value["epochs"], value["refit"]) == (["view", "buy"], 1, False)
    assert value["unit"] == {"view": "mlp", "buy": "gmf"}
    said = f"{path} names no protocol, so the run is clean; earlier versions took standard."
    assert said in answer.err and value["protocol"] == "clean"
    named = nmtr("train", "--config", path, "--epochs", 1, "--protocol", "standard", "--json")
    assert "names no protocol" not in named.err and named.json["protocol"] == "standard"


def test_config_that_show_prints_trains_the_same_run_again(nmtr: Nmtr, shop: Path, tmp_path: Path) -> None:
    first = nmtr("train", "--data", "shop", "--unit", "gmf", "--seed", 3, *SMALL).json
    (tmp_path / "run.json").write_text(json.dumps(nmtr("show", first["run"], "--json").json["config"]))
    again = nmtr("train", "--config", tmp_path / "run.json", "--json").json
    assert again["test"] == first["test"]


def test_progress_is_plain_lines_on_stderr_without_a_terminal(nmtr: Nmtr, shop: Path) -> None:
    answer = nmtr("train", "--data", "shop", *SMALL, "--epochs", 2, "--patience", 0)
    first, second = answer.err.splitlines()
    assert first.startswith("NMTR-GMF epoch 1/2 loss view ")
    assert second.startswith("NMTR-GMF epoch 2/2 ") and " valid HR@100 " in second


def test_progress_shows_what_was_ranked_last(nmtr: Nmtr, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = nmtr("train", "--data", "shop", *SMALL, "--epochs", 3, "--rank-every", 2)
    assert [" valid HR@100 " in line for line in answer.err.splitlines()] == [False, True, True]
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None, _environ={})
    monkeypatch.setattr(console, "_err", screen)
    with console.training_progress("NMTR-GMF") as on_report:
        on_report(report(1).model_copy(update={"valid": {"HR@100": 0.25}}))
        on_report(report(2))
    assert "2/9 HR@100 0.2500, best 1" in screen.file.getvalue()  # type: ignore[attr-defined]


def test_progress_is_a_bar_with_the_time_left_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None, _environ={})
    monkeypatch.setattr(console, "_err", screen)
    with console.training_progress("NMTR-GMF") as on_report:
        for phase, epoch in [("select", 1), ("select", 2), ("refit", 1)]:
            on_report(report(epoch, phase=phase))
    lines = re.sub(r"\x1b\[[0-9?]*[A-Za-z]", "", screen.file.getvalue()).splitlines()  # type: ignore[attr-defined]
    for name, epoch in (("NMTR-GMF", "2/9"), ("refit", "1/9")):
        last = [line for line in lines if line.startswith(name)][-1]
        assert epoch in last and re.search(r" \d:\d\d:\d\d (\d:\d\d:\d\d|-:--:--)$", last.rstrip())


class Interrupted:
    """An experiment in whose second epoch something happens."""

    def __init__(self, happens: str) -> None:
        self._happens = happens

    def __call__(self, config: RunConfig, dataset: object) -> Interrupted:
        self._config = config
        return self

    def state(self) -> dict[str, Any]:
        return {"epoch": 1}

    def epochs(self, stop: Any) -> Iterator[Any]:
        yield report(1)
        if self._happens == "Ctrl-C":
            raise KeyboardInterrupt
        if self._happens == "SIGTERM":
            signal.raise_signal(signal.SIGTERM)
        if self._happens == "a defect":
            raise ZeroDivisionError
        workspace = Workspace()
        [run] = workspace.runs.list("running")
        workspace.cancel(run.id)
        workspace.runs.close()
        raise job.Stopped


@pytest.mark.parametrize(("happens", "code"), [("Ctrl-C", 130), ("SIGTERM", 143), ("nmtr cancel", 2)])
def test_stopped_training_is_cancelled_and_says_how_to_go_on(
    happens: str, code: int, nmtr: Nmtr, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "new_experiment", Interrupted(happens))
    answer = nmtr("train", "--data", "shop", *SMALL)
    [run] = nmtr("runs", "--json").json
    assert (run["state"], run["epoch"]) == ("cancelled", 1)
    assert (answer.code, answer.out) == (code, "")
    sentence = f"run {run['run']} was stopped after epoch 1; nmtr resume {run['run']} goes on from there."
    assert answer.err.splitlines()[1:] == [sentence]


def test_failed_training_says_where_to_look(nmtr: Nmtr, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "new_experiment", Interrupted("a defect"))
    answer = nmtr("train", "--data", "shop", *SMALL)
    [run] = nmtr("runs", "--json").json
    assert (answer.code, answer.out, run["state"]) == (2, "", "failed")
    assert answer.err.splitlines()[1:] == ["The run ended with an unexpected ZeroDivisionError; see the log."]
    log = shop / "runs" / run["run"] / "log.txt"
    assert str(log) in nmtr("show", run["run"]).out and "Traceback" in log.read_text()


def test_dry_run_says_what_it_would_take_and_trains_nothing(
    nmtr: Nmtr, home: Path, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = Pace(preparing=2.0, epoch=1.5, ranking=0.5, saving=0.0, bytes=300 << 20)
    asked: list[RunConfig] = []
    monkeypatch.setattr("nmtr.workspace.probe", lambda home, config, fingerprint: asked.append(config))
    monkeypatch.setattr("nmtr.workspace.known", lambda home, config, fingerprint: pace)
    before = nmtr("runs", "--json").json
    options = ("train", "--data", "shop", "--epochs", "10", "--dry-run")
    assert nmtr(*options, "--json").json == {
        "data": "shop",
        "method": "nmtr",
        "epochs": 10,
        "seconds": 2.0 + 10 * 2.0 + 0.5,
        "bytes": 300 << 20,
        "rankings": 10,
        "seconds_per_epoch": 1.5,
        "ranking_seconds": 0.5,
        "preparing_seconds": 2.0,
        "saving_seconds": 0.0,
    }
    assert asked[0].behaviors == ("view", "cart", "buy")
    told = nmtr(*options)
    assert told.out == "NMTR-GMF on shop: up to 22 s for 10 epochs, 300 MiB\n"
    assert told.err.startswith("timed here, on this data: an epoch 1.50 s and its ranking 0.50 s")
    rarely = nmtr(*options, "--rank-every", "4")
    assert rarely.out == "NMTR-GMF on shop: up to 19 s for 10 epochs and 3 rankings, 300 MiB\n"
    assert nmtr("runs", "--json").json == before


def test_lower_behaviors_are_told_as_targets_of_their_own(nmtr: Nmtr, shop: Path) -> None:
    small = [option for option in SMALL if option != "--json"]
    told = nmtr("train", "--data", "shop", "--hold-out-lower", *small)
    assert re.search(r"^view as a target of its own: HR@100 1\.0000 ± 0\.0000, NDCG@100 0\.\d{4} ± ", told.out, re.M)
    value = nmtr("train", "--data", "shop", "--hold-out-lower", *SMALL).json
    assert value["behaviors"] == ["view", "cart", "buy"]
    assert set(value["lower"]) == set(value["lower_intervals"]) == {"view", "cart"}
    assert FIGURES <= set(value["lower"]["view"]) and FIGURES <= set(value["lower_intervals"]["view"])
    assert nmtr("train", "--data", "shop", *SMALL).json["lower"] == {}
