"""nmtr sweep, studies and study, over runs that are there; how they are trained is tested with the sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nmtr import sweeps
from nmtr.config import RunConfig
from nmtr.data.importing import read
from nmtr.runs.store import Run, RunStore
from nmtr.sweeps import storage
from nmtr.sweeps.study import LEFT
from nmtr.workspace import Workspace
from tests.cli.conftest import Nmtr
from tests.runs import fakes

SHOP = {"data": "shop", "behaviors": ["view", "buy"], "epochs": 2, "threads": 1}
SWEEP = ("sweep", "--data", "shop", "--behaviors", "view,buy", "--epochs", 2, "--step", "0.5")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shop_csv: Path) -> Path:
    """A home with the shop, and the runs that the study and its choice ask for."""
    workspace = Workspace(tmp_path_factory.mktemp("sweeps"))
    workspace.data.save(read(shop_csv, name="shop"))
    for lambdas in ((0.0, 1.0), (0.5, 0.5), (1.0, 0.0)):
        for seed in range(3):
            workspace.train(RunConfig.parse({**SHOP, "lambdas": lambdas, "seed": seed}))
    workspace.runs.close()
    return workspace.home


@pytest.fixture(autouse=True)
def home(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NMTR_HOME", str(trained))
    return trained


@pytest.fixture(autouse=True)
def any_slots(nmtr: Nmtr, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's fixture knows of supervisors that are not told how many run at once."""
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home, slots=None: None)


@pytest.fixture(scope="module")
def ids() -> dict[str, str]:
    return {}


@pytest.fixture
def study(nmtr: Nmtr, any_slots: None, ids: dict[str, str]) -> str:
    """A study that is done."""
    if "study" not in ids:
        ids["study"] = nmtr(*SWEEP, "--json").json["study"]
    return ids["study"]


def test_sweep_keeps_its_contract(nmtr: Nmtr, trained: Path) -> None:
    answer = nmtr(*SWEEP, "--json")
    value = answer.json
    assert {"study", "data", "protocol", "metric", "points", "best", "equally_good"} <= set(value)
    assert (value["data"], value["protocol"], value["metric"]) == ("shop", "clean", "HR@100")
    assert (value["state"], value["behaviors"], value["finalized"]) == ("done", ["view", "buy"], None)
    assert sorted(point["lambdas"] for point in value["points"]) == [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    store = RunStore(trained)
    for point in value["points"]:
        assert {"lambdas", "value", "interval", "run", "state"} <= set(point)
        run = store.get(point["run"])
        assert run.result is not None and list(run.config.lambdas or ()) == point["lambdas"]
        assert point["value"] == run.result.valid["HR@100"]
        low, high = point["interval"]
        assert low <= point["value"] <= high
    store.close()
    assert value["best"]["run"] in [point["run"] for point in value["points"]]
    assert value["best"] in value["equally_good"]
    assert "3 of 3" in answer.err and f"nmtr sweep --resume {value['study']}" in answer.err


def test_study_is_listed_and_shown_and_says_nothing_of_test(nmtr: Nmtr, study: str) -> None:
    assert [one["study"] for one in nmtr("studies", "--json").json].count(study) == 1
    assert study in nmtr("studies").out
    shown = nmtr("study", study).out
    assert all(text in shown for text in (f"study {study} (done)", "shop (view, buy) · clean · NMTR-GMF", "λ .50/.50"))
    assert "HR@100, validation" in shown and "best on validation: λ" in shown and "test" not in shown
    assert '"test"' not in nmtr("study", study, "--json").out


def test_study_warns_of_weights_that_go_by_the_leak(nmtr: Nmtr, trained: Path, study: str) -> None:
    workspace = Workspace(trained)
    found = sweeps.read(workspace, study)
    leak = sweeps.leaks(workspace, found)
    assert leak == {"view": 1.0}  # everything is viewed before it is bought
    answer = nmtr("study", study)
    said = sweeps.cautions(found, leak)
    assert [line for line in answer.err.splitlines() if "warning" in line] == [f"warning: {one}" for one in said]
    assert nmtr("study", study, "--json").json["cautions"] == list(said)
    assert sweeps.leaks(workspace, found.model_copy(update={"fingerprint": "another"})) == {}
    assert sweeps.leaks(workspace, found.model_copy(update={"data": "gone"})) == {}


def test_error_that_a_study_ended_with_is_said(nmtr: Nmtr, study: str, trained: Path) -> None:
    kept = storage.load(Workspace(trained), study)
    kept.set_user_attr(LEFT, "The queue takes no more.")
    shown, value = nmtr("study", study).out, nmtr("study", study, "--json").json
    kept.set_user_attr(LEFT, None)
    assert "it ended with an error: The queue takes no more." in shown and value["error"] == "The queue takes no more."
    assert nmtr("study", study, "--json").json["error"] is None and "error" not in nmtr("study", study).out


def test_resumed_study_repeats_nothing(nmtr: Nmtr, trained: Path, study: str) -> None:
    again = nmtr("sweep", "--resume", study, "--json").json
    assert again["points"] == nmtr("study", study, "--json").json["points"]
    store = RunStore(trained)
    assert len(store.list()) == 9
    store.close()


def test_finalized_choice_shows_its_test_figures(nmtr: Nmtr, study: str) -> None:
    value = nmtr("study", study, "--finalize", "--point", 0, "--json").json["finalized"]
    assert value["number"] == 0 and len(value["runs"]) == 3
    assert set(value["test"]["HR@100"]) == {"value", "low", "high", "seed_spread"}
    shown = nmtr("study", study).out
    assert "test, clean: λ" in shown and "mean of 3 seeds" in shown
    assert f"{value['test']['HR@100']['value']:.4f}" in shown


def test_choice_of_which_a_run_was_deleted_is_no_longer_final_until_it_is_finalized_again(
    nmtr: Nmtr, study: str, trained: Path
) -> None:
    workspace = Workspace(trained)
    point = nmtr("study", study, "--json").json["points"][1]
    options = {**SHOP, "lambdas": point["lambdas"]}
    final = nmtr("study", study, "--finalize", "--point", point["number"], "--json").json["finalized"]
    nmtr("delete", final["runs"][2])
    assert nmtr("study", study, "--json").json["finalized"] is None
    assert "test, clean" not in nmtr("study", study).out
    new = workspace.train(RunConfig.parse({**options, "seed": 2}))
    value = nmtr("study", study, "--finalize", "--point", point["number"], "--json").json["finalized"]
    assert value["runs"] == [*final["runs"][:2], new.id] and value["test"] == final["test"]
    workspace.runs.close()


def test_final_run_that_fails_is_named(nmtr: Nmtr, study: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(workspace: Workspace, configs: Sequence[RunConfig], *others: object) -> list[Run]:
        runs = list(map(workspace.start, configs))
        workspace.runs.fail(runs[0].id, "It ran out of luck; resume it.")
        workspace.runs.cancelled(runs[1].id)
        workspace.runs.finish(runs[2].id, fakes.result(0.5))
        return [workspace.runs.get(run.id) for run in runs]

    monkeypatch.setattr("nmtr.cli.sweeps.train_all", failing)
    answer = nmtr("study", study, "--finalize")
    assert answer.code == 2 and f"study {study} (done)" in answer.out
    first, second, third = sorted(RunStore(trained).list()[:3], key=lambda run: run.config.seed)
    assert f"final run {first.id} (seed 0) is failed: It ran out of luck; resume it.\n" in answer.err
    assert f"final run {second.id} (seed 1) is cancelled: resume it.\n" in answer.err and third.id not in answer.err
    for run in (first, second, third):
        nmtr("delete", run.id)


def test_choice_is_kept_as_a_preset(nmtr: Nmtr, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = nmtr("study", study, "--keep")
    assert refused.code == 2 and "a preset must be of runs of the usual 60 epochs or more" in refused.err
    monkeypatch.setattr("nmtr.workspace.presets.USUAL_EPOCHS", 2)
    answer = nmtr("study", study, "--keep")
    assert answer.code == 0
    assert "kept as preset nmtr-gmf-clean-view+buy of shop: nmtr train --data shop --config nmtr-gmf" in answer.err


def test_study_names_the_way_to_optunas_dashboard_where_that_is_installed(
    nmtr: Nmtr, home: Path, study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "optuna-dashboard" not in nmtr("study", study).err
    (tmp_path / "optuna_dashboard").mkdir()
    (tmp_path / "optuna_dashboard" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    database = Path(nmtr("study", study).err.rpartition("optuna-dashboard sqlite:///")[2].strip())
    assert database.is_file() and database.read_bytes().startswith(b"SQLite format 3")


def test_study_is_taken_apart_by_users_and_by_behavior(nmtr: Nmtr, study: str) -> None:
    groups = nmtr("study", study, "--by", "sparsity", "--json").json
    assert sum(group["users"] for group in groups) == 12
    assert {"group", "number", "value", "behind", "equally_good"} <= set(groups[0])
    assert "by training purchases (users)" in nmtr("study", study, "--by", "sparsity").out
    assert nmtr("study", study, "--by", "behavior", "--json").json == []
    assert "--hold-out-lower" in nmtr("study", study, "--by", "behavior").out
    assert nmtr("study", study, "--by", "unit").err == "--by must be sparsity, behavior or option; got unit.\n"


def test_background_study_is_started_and_stopped(nmtr: Nmtr, monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    started: list[str] = []
    monkeypatch.setattr("nmtr.sweeps.start", lambda workspace, study_id: started.append(study_id))
    value = nmtr(*SWEEP, "--seeds", 2, "--prune", "--background", "--json").json
    assert started == [value["study"]] and {point["state"] for point in value["points"]} == {"queued"}
    assert (value["plan"]["seeds"], value["plan"]["prune"]) == (2, True)
    assert nmtr("study", value["study"], "--stop", "--json").json["state"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--step", "0.3"), "step must divide 1, such as 0.1 or 1/6; got 0.3."),
        (("--step", "a"), "--step must be numbers or fractions, such as 0.1 or 1/6; got 'a'."),
        (("--search", "momentum"), "search must be among lambdas, "),
        (("--search", "lambdas"), "drawing by tpe needs trials: how many points; got none."),
        (("--lambdas", "0.5,0.5"), "what is searched must be left open; the config sets lambdas: "),
        (("--metric", "HR@7"), "metric must be one of HR@10, "),
        (("--method", "bpr"), "BPR-MF has no option lambdas to search; leave it out of search."),
        (("--behaviors", "buy"), "a study of lambdas needs two behaviors or more; got buy of data set shop: "),
        (("--points", "0.5,0.5"), "--points adds to a study; name it by --resume, or leave --points out."),
        (("--trials", "0"), "--trials must be a whole number from 1 to 1000; got 0."),
        (("--resume", "abcdefgh"), "a study keeps its plan; --data cannot change what abcdefgh tries: "),
    ],
)
def test_mistake_is_one_sentence(nmtr: Nmtr, arguments: tuple[str, ...], sentence: str) -> None:
    answer = nmtr("sweep", "--data", "shop", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(sentence) and answer.err.count("\n") == 1


def test_mistake_about_a_study_is_one_sentence(nmtr: Nmtr, study: str) -> None:
    for arguments, sentence in {
        ("study", "abcdefgh"): "a study must be named by its id; there is no study abcdefgh, so see",
        ("sweep", "--resume", "abcdefgh"): "a study must be named by its id; there is no study abcdefgh, so see",
        ("sweep", "--resume", study, "--points", "0.5,0.6"): "lambdas must sum to 1; got 0.5, 0.6, which sum to 1.1.",
        ("sweep", "--resume", study, "--prune"): f"a study keeps its plan; --prune cannot change what {study} tries: ",
        ("study", study, "--keep", "--point", "99"): f"study {study} must have a point 99 for this, and has none: ",
    }.items():
        answer = nmtr(*arguments)
        assert (answer.code, answer.out) == (2, "") and answer.err.startswith(sentence), answer.err
