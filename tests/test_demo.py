"""The demo: what a first visitor finds, and that it is what the code makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtr import demo, opening
from nmtr.chances import fit
from nmtr.config import RunConfig
from nmtr.explain import recommend
from nmtr.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    demo.install(workspace)
    return workspace


def test_install_brings_the_data_and_every_ready_made_run(workspace: Workspace) -> None:
    info = workspace.data.info(demo.NAME)
    assert info.synthetic
    runs = workspace.runs.list()
    assert {run.state for run in runs} == {"done"}
    expected = [RunConfig.parse(options).resolve(info.behaviors) for options in demo.RUNS]
    threads = {"threads": 1}  # whatever the machine had that made them
    assert [run.config.model_copy(update=threads) for run in reversed(runs)] == [
        config.model_copy(update=threads) for config in expected
    ]


def test_install_again_adds_nothing(workspace: Workspace) -> None:
    before = workspace.runs.list()
    demo.install(workspace)
    assert workspace.runs.list() == before


def test_install_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    interrupted = Workspace(tmp_path)
    demo.install(interrupted)
    (tmp_path / "demo.installed").unlink()
    gone = interrupted.runs.list()[3]
    interrupted.delete(gone.id)
    demo.install(interrupted)
    assert len(interrupted.runs.list()) == len(demo.RUNS)
    assert interrupted.runs.list()[0].config == gone.config


def test_install_leaves_removed_what_was_removed(tmp_path: Path) -> None:
    kept = Workspace(tmp_path)
    demo.install(kept)
    kept.delete(kept.runs.list()[0].id)
    demo.install(kept)
    assert len(kept.runs.list()) == len(demo.RUNS) - 1


def test_ready_made_figures_are_those_of_their_weights(workspace: Workspace) -> None:
    for run in workspace.runs.list():
        assert workspace.evaluate(run.id).test_users == 2000


def test_ready_made_run_recommends(workspace: Workspace) -> None:
    newest = workspace.runs.list()[0]
    fitted, chances = workspace.fitted(newest.id), workspace.kept_chances(newest.id)
    top = recommend(fitted, "u0001", 5, chances)
    assert len(top.items) == 5
    assert all(item.title and len(item.stages) == 3 and item.chance for item in top.items)
    steps = [stage.chance and stage.chance.step for item in top.items for stage in item.stages[1:]]
    assert all(step is not None and 0 < step < 1 for step in steps)


def test_ready_made_chances_are_those_of_their_weights(workspace: Workspace) -> None:
    for run in workspace.runs.list():
        kept, fitted = workspace.kept_chances(run.id), workspace.fitted(run.id)
        assert kept is not None
        anew = fit(run.id, run.config, fitted.dataset, fitted.split, fitted.scorer)
        for stage, other in zip(kept.stages, anew.stages, strict=True):
            assert (stage.behavior, stage.basis, stage.checked) == (other.behavior, other.basis, other.checked)
            assert stage.after is not None and other.after is not None
            assert stage.after.error == pytest.approx(other.after.error, rel=0.1, abs=2e-5)


def test_runs_of_other_data_are_not_taken_for_the_demos(tmp_path: Path) -> None:
    from nmtr.data.demo import generate

    workspace = Workspace(tmp_path)
    workspace.data.save(generate(seed=8))
    demo.install(workspace)
    assert workspace.runs.list() == ()


def test_ready_made_openings_are_those_of_their_weights(workspace: Workspace) -> None:
    dataset = workspace.data.load(demo.NAME)
    for run in workspace.runs.list():
        kept = workspace.kept_opening(run.id, dataset)
        assert kept is not None, "the first view of the demo waits for no model"
        fitted = workspace.fitted(run.id)
        made = opening.make(fitted, dataset, workspace.chances(run.id, fitted))
        assert [item.item for item in kept.top.items] == [item.item for item in made.top.items]
        assert [item.logit for item in kept.top.items] == pytest.approx(
            [item.logit for item in made.top.items], abs=1e-4
        )
        places = {item: place for place, item in enumerate(made.order)}
        # Scores that are equal up to rounding may change places on another processor.
        assert all(abs(place - places[item]) <= 2 for place, item in enumerate(kept.order))
