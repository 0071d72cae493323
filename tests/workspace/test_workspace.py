"""What a workspace adds to its library and its store: checks before, and answers after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nmtr.config import RunConfig
from nmtr.errors import CapacityError, ConfigError, DataError, NmtrError, RunError
from nmtr.evaluation.metrics import summarize
from nmtr.experiment import rank
from nmtr.explain import explain, recommend
from nmtr.runs import checkpoint
from nmtr.runs.store import Run
from nmtr.runs.waiting import Place
from nmtr.workspace import Workspace, default_home
from tests.conftest import random_dataset
from tests.runs.fakes import report, result

SMALL = {"data": "shop", "embedding_size": 4, "epochs": 2, "threads": 1}


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The homes for which a supervisor was asked; none is started."""
    asked: list[Path] = []
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", asked.append)
    return asked


@pytest.fixture
def workspace(tmp_path: Path, woken: list[Path], one_thread: None) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "home")
    workspace.data.save(random_dataset())
    yield workspace
    workspace.runs.close()


def trained(workspace: Workspace, **options: Any) -> Run:
    return workspace.train(RunConfig.parse(SMALL | options))


# The home


def test_home_is_the_environments_else_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NMTR_HOME", str(tmp_path / "there"))
    assert default_home() == tmp_path / "there"
    monkeypatch.delenv("NMTR_HOME")
    assert default_home() == Path.home() / ".nmtr"


def test_home_that_cannot_be_made_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"^NMTR_HOME must be a folder that can be written; .*file is not \("):
        Workspace(tmp_path / "file")


@pytest.mark.parametrize("module", ["nmtr.workspace", "nmtr.cli", "nmtr.explain", "nmtr.demo"])
def test_module_is_imported_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0


# Before a run


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"lambdas": [0.5, 0.5]}, ConfigError),
        ({"behaviors": ["view", "cart"]}, ConfigError),
        ({"data": "another"}, DataError),
        ({"data": "../shop"}, DataError),
    ],
)
def test_run_that_cannot_be_is_refused_everywhere_and_leaves_nothing(
    workspace: Workspace, woken: list[Path], options: dict[str, Any], error: type[NmtrError]
) -> None:
    config = RunConfig.parse(SMALL | options)
    for ask in (workspace.estimate, workspace.submit, workspace.train):
        with pytest.raises(error):
            ask(config)
    assert workspace.runs.list() == () and woken == []


def test_run_that_does_not_fit_the_machine_is_refused_and_leaves_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=1 << 20))
    config = RunConfig.parse(SMALL)
    for ask in (workspace.estimate, workspace.submit, workspace.train):
        with pytest.raises(CapacityError, match="^the run needs about .* GiB of memory and this machine has 0.0 GiB"):
            ask(config)
    assert workspace.runs.list() == ()


def test_estimate_learns_from_the_runs_that_finished_here(workspace: Workspace) -> None:
    config = RunConfig.parse(SMALL | {"epochs": 100})
    assert not workspace.estimate(config).measured
    run = trained(workspace)
    assert run.result is not None and run.result.seconds_per_epoch is not None
    said = workspace.estimate(config)
    assert said.measured
    assert 100 * run.result.seconds_per_epoch < said.seconds < 200 * run.result.seconds_per_epoch + 4
    workspace.remove_data("shop")
    workspace.data.save(random_dataset())
    assert workspace.estimate(config).measured


def test_the_pinned_run_speaks_for_a_data_set_else_the_best_on_validation(workspace: Workspace) -> None:
    info = workspace.data.info("shop")
    assert workspace.model_of(info) is None
    config = RunConfig.parse(SMALL | {"protocol": "clean"}).resolve(info.behaviors)
    point = workspace.runs.create(config, info.fingerprint, study="k2fovz4x")
    workspace.runs.claim(1)
    workspace.runs.attach(point.id)
    workspace.runs.finish(point.id, result(1.0))
    assert workspace.model_of(info) == workspace.runs.get(point.id)  # better than none
    loud = workspace.runs.create(config, "another version", foreground=True)
    workspace.runs.finish(loud.id, result(1.0))
    ids = {}
    for protocol, seed, value in (("standard", 0, 0.9), ("clean", 1, 0.3), ("clean", 2, 0.5), ("clean", 3, 0.4)):
        chosen = config.model_copy(update={"protocol": protocol, "seed": seed})
        run = workspace.runs.create(chosen, info.fingerprint, foreground=True)
        ids[seed] = workspace.runs.finish(run.id, result(value)).id
    found = workspace.model_of(info)
    assert found is not None and found.id == ids[2]
    workspace.runs.pin(ids[0])
    found = workspace.model_of(info)
    assert found is not None and found.id == ids[0]


def test_estimate_does_not_miss_data_sets_that_are_gone(workspace: Workspace) -> None:
    trained(workspace)
    workspace.data.save(replace(random_dataset(), name="other"))
    workspace.remove_data("shop")
    assert not workspace.estimate(RunConfig.parse(SMALL | {"data": "other"})).measured


def test_submitted_run_is_queued_resolved_and_a_supervisor_is_asked_for(
    workspace: Workspace, woken: list[Path]
) -> None:
    run = workspace.submit(RunConfig.parse(SMALL))
    assert (run.state, run.config.behaviors, run.config.loss) == ("queued", ("view", "cart", "buy"), "exact")
    assert run.fingerprint == workspace.data.load("shop").fingerprint
    assert woken == [workspace.home]


def test_submitted_run_belongs_to_whom_the_environment_or_the_caller_names(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NMTR_OWNER", raising=False)
    assert workspace.submit(RunConfig.parse(SMALL)).owner == ""
    monkeypatch.setenv("NMTR_OWNER", "ann")
    assert workspace.submit(RunConfig.parse(SMALL), priority=2).owner == "ann"
    assert workspace.submit(RunConfig.parse(SMALL), owner="bob").owner == "bob"
    assert [run.owner for run in workspace.runs.line()] == ["ann", "", "bob"]


def test_worker_is_asked_for_when_the_queue_goes_on_and_not_while_it_is_paused(
    workspace: Workspace, woken: list[Path]
) -> None:
    workspace.runs.queue.pause()
    workspace.submit(RunConfig.parse(SMALL))
    assert woken == []
    workspace.resume_queue()
    assert woken == [workspace.home]


def test_what_is_done_is_said_where_no_worker_can_be_started(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(home: Path) -> None:
        raise RunError("a supervisor cannot be started: mend that.")

    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", refused)
    with pytest.raises(RunError, match=r"is queued and waits, so do not ask .* again; a supervisor cannot be started"):
        workspace.submit(RunConfig.parse(SMALL))
    (run,) = workspace.runs.list("queued")
    other = workspace.runs.create(run.config, run.fingerprint)
    with pytest.raises(RunError, match=rf"^run {run.id} is cancelled; a supervisor cannot be started"):
        workspace.cancel(run.id)
    with pytest.raises(RunError, match=rf"^run {run.id} is queued and waits, .*; a supervisor cannot be started"):
        workspace.resume(run.id)
    with pytest.raises(RunError, match=r"^the queue is open again; a supervisor cannot be started"):
        workspace.resume_queue()
    assert {each.id for each in workspace.runs.line()} == {run.id, other.id}


def test_places_are_by_the_estimate_of_what_is_left_before_each_run(workspace: Workspace) -> None:
    config = RunConfig.parse(SMALL | {"epochs": 40})
    first, second = (workspace.submit(config) for _ in range(2))
    each = workspace.estimate(config).seconds
    placed = workspace.places()
    assert (placed[first.id].number, placed[first.id].starts) == (1, 0)
    assert placed[first.id].ends == placed[second.id].starts == pytest.approx(each)
    workspace.runs.claim(1)
    for epoch in range(1, 11):
        workspace.runs.report(first.id, report(epoch))
    placed = workspace.places()
    assert placed[first.id].number == 0 and placed[second.id].number == 1
    assert placed[second.id].starts == placed[first.id].ends == pytest.approx(each * 30 / 40)
    assert placed[second.id].ends == pytest.approx(each * 70 / 40)
    workspace.runs.queue.pause()
    assert workspace.places()[second.id].starts is None


def test_places_have_no_foreground_runs_and_do_not_miss_data_sets_that_are_gone(workspace: Workspace) -> None:
    waiting = workspace.submit(RunConfig.parse(SMALL))
    workspace.start(RunConfig.parse(SMALL))
    workspace.data.remove("shop")
    assert workspace.places() == {waiting.id: Place(1, 0, 0)}


def test_foreground_run_that_fails_raises_its_sentence_and_stays_as_a_failed_run(workspace: Workspace) -> None:
    config = RunConfig.parse(SMALL | {"l2_embeddings": 1e300})
    with pytest.raises(RunError, match="train with a lower learning rate"):
        workspace.train(config)
    (run,) = workspace.runs.list()
    assert run.state == "failed" and run.error is not None


# Removing a data set


@pytest.mark.parametrize("state", ["queued", "running"])
def test_data_set_that_a_run_needs_is_not_removed(workspace: Workspace, state: str) -> None:
    config = RunConfig.parse(SMALL)
    run = workspace.submit(config) if state == "queued" else workspace.start(config)
    with pytest.raises(DataError, match=rf"^data set shop is needed by run {run.id}: cancel that first\.$"):
        workspace.remove_data("shop")
    assert workspace.data.names() == ["shop"]
    workspace.cancel(run.id)
    if state == "running":
        workspace.runs.cancelled(run.id)
    workspace.remove_data("shop")
    assert workspace.data.names() == []


def test_data_set_is_removed_whatever_runs_need_of_others(workspace: Workspace) -> None:
    workspace.data.save(replace(random_dataset(), name="other"))
    workspace.submit(RunConfig.parse(SMALL))
    workspace.remove_data("other")
    assert workspace.data.names() == ["shop"]


# A finished run


@pytest.mark.parametrize(
    "options", [{}, {"refit": True}, {"behaviors": ["view", "buy"]}, {"protocol": "clean"}], ids=str
)
def test_finished_run_answers_as_it_was_tested(workspace: Workspace, options: dict[str, Any]) -> None:
    run = trained(workspace, **options)
    fitted = workspace.fitted(run.id)
    assert fitted.run == run.id and fitted.dataset.behaviors == run.config.behaviors
    ranks = checkpoint.load_ranks(workspace.runs.folder(run.id))["test"]
    for row in (0, 7, 39):
        shown = recommend(fitted, f"u{row}", 3)
        assert shown.held_out is not None and shown.held_out.rank == ranks[row]
        explained = explain(fitted, f"u{row}", shown.held_out.item)
        assert [stage.behavior for stage in explained.stages] == [*run.config.behaviors]
    assert workspace.evaluate(run.id) == run.result


def test_model_that_decayed_to_next_to_nothing_is_evaluated_as_it_was_tested(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(workspace, method="bpr")
    folder = workspace.runs.folder(run.id)
    weights = {name: weight * 1e-25 for name, weight in checkpoint.load_weights(folder).items()}
    checkpoint.save_weights(folder, weights)
    fitted = workspace.fitted(run.id)
    test = summarize(rank(fitted.scorer, fitted.split.test_item, fitted.split.known))
    assert run.result is not None and test != run.result.test  # every product is 0 there
    recorded = replace(run, result=run.result.model_copy(update={"test": test}))
    monkeypatch.setattr(type(workspace.runs), "get", lambda runs, run_id: recorded)
    assert workspace.evaluate(run.id).test == test


def test_rule_answers_without_weights(workspace: Workspace) -> None:
    run = workspace.train(RunConfig(data="shop", method="popularity", threads=1))
    assert workspace.evaluate(run.id) == run.result
    assert len(recommend(workspace.fitted(run.id), "u0", 3).items) == 3


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_run_that_is_not_done_cannot_answer(workspace: Workspace, state: str) -> None:
    config = RunConfig.parse(SMALL)
    run = workspace.submit(config) if state == "queued" else workspace.start(config)
    if state == "failed":
        workspace.runs.fail(run.id, "It broke.")
    elif state == "cancelled":
        workspace.runs.cancelled(run.id)
    for ask in (workspace.fitted, workspace.evaluate):
        with pytest.raises(RunError, match=rf"^run {run.id} must be done for this; it is {state}: wait for it, or"):
            ask(run.id)


def test_run_on_a_data_set_that_changed_cannot_answer(workspace: Workspace) -> None:
    run = trained(workspace)
    workspace.remove_data("shop")
    with pytest.raises(DataError, match="^data set must be one of those added"):
        workspace.fitted(run.id)
    workspace.data.save(random_dataset(seed=1))
    with pytest.raises(RunError, match=rf"^run {run.id} was trained on another version of data set shop; bring that"):
        workspace.fitted(run.id)
    workspace.remove_data("shop")
    workspace.data.save(random_dataset())
    assert workspace.evaluate(run.id) == run.result


def test_run_without_its_weights_cannot_answer(workspace: Workspace) -> None:
    run = trained(workspace)
    (workspace.runs.folder(run.id) / checkpoint.WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"weights\.pt must be a whole file; .* train the run again\.$"):
        workspace.fitted(run.id)


def test_figures_of_changed_weights_are_not_passed_off_as_the_runs(workspace: Workspace) -> None:
    run = trained(workspace)
    folder = workspace.runs.folder(run.id)
    weights = checkpoint.load_weights(folder)
    order = np.random.default_rng(0).permutation(len(weights["items.weight"]))
    checkpoint.save_weights(folder, weights | {"items.weight": weights["items.weight"][order] * -9})
    with pytest.raises(RunError, match=rf"^run {run.id} recorded .*, but its weights give .*: its files were changed"):
        workspace.evaluate(run.id)


def test_deleted_run_is_gone_with_its_files(workspace: Workspace) -> None:
    run = trained(workspace)
    workspace.delete(run.id)
    assert not workspace.runs.folder(run.id).exists()
    with pytest.raises(RunError):
        workspace.fitted(run.id)


# What was killed, removed or replaced


def test_resume_takes_up_a_run_whose_process_was_killed(workspace: Workspace, woken: list[Path]) -> None:
    killed = f"""
import os, signal
from pathlib import Path
from nmtr.config import RunConfig
from nmtr.workspace import Workspace
print(Workspace(Path({str(workspace.home)!r})).start(RunConfig.parse({SMALL!r})).id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run_id = subprocess.run([sys.executable, "-c", killed], capture_output=True, text=True).stdout.strip()
    assert workspace.runs.get(run_id).state == "running" and workspace.runs.get(run_id).abandoned
    assert workspace.resume(run_id).state == "queued"
    assert woken == [workspace.home]


def test_resume_of_a_run_that_is_trained_is_refused(workspace: Workspace) -> None:
    run = workspace.start(RunConfig.parse(SMALL))
    assert not run.abandoned
    with pytest.raises(RunError, match="running"):
        workspace.resume(run.id)


def test_estimate_passes_over_runs_on_what_is_now_another_data_set(workspace: Workspace) -> None:
    trained(workspace)
    other = replace(random_dataset(), name="other")
    workspace.data.save(other)
    assert workspace.estimate(RunConfig.parse(SMALL | {"data": "other"})).measured
    workspace.data.remove("shop")
    workspace.data.save(random_dataset().select(random_dataset().behaviors[-1:]))
    assert not workspace.estimate(RunConfig.parse(SMALL | {"data": "other"})).measured


def test_damaged_data_set_does_not_keep_another_from_being_trained_on(workspace: Workspace) -> None:
    trained(workspace)
    workspace.data.save(replace(random_dataset(), name="other"))
    (workspace.home / "data" / "shop" / "dataset.json").write_text("{}")
    assert not workspace.estimate(RunConfig.parse(SMALL | {"data": "other"})).measured


def test_loading_a_model_imports_no_compiler_of_torch() -> None:
    """Which took as long as torch itself. EHCF's weights are not drawn but computed, so it still does."""
    code = """
import sys
from nmtr.config import UNITS, RunConfig
from nmtr.config.methods import METHODS
from nmtr.experiment import expected_weights

trained = [{"method": method} for method in METHODS if method != "ehcf"]
for options in trained + [{"method": "nmtr", "unit": unit} for unit in UNITS]:
    config = RunConfig.parse({"data": "shop", "behaviors": ("view", "buy"), **options})
    assert config.uses("epochs") == bool(expected_weights(config, 5, 7)), options
assert "torch" in sys.modules
assert "torch._dynamo" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0
