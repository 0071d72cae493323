"""What is done with a choice: three seeds before test figures are shown, and a preset that training takes."""

from __future__ import annotations

import json

import pytest

from nmtr.errors import ConfigError, RunError
from nmtr.runs.checkpoint import load_ranks
from nmtr.sweeps import Plan, create, drive, finalize, keep, read, storage
from nmtr.workspace import Workspace, presets
from tests.runs.fakes import eventually
from tests.sweeps.conftest import Begin


def test_choice_is_trained_with_three_seeds_the_first_of_which_is_there(workspace: Workspace, begin: Begin) -> None:
    study = begin()
    with pytest.raises(RunError, match="must have a point that is done for this, and has none"):
        finalize(workspace, study.id)
    drive(workspace, study.id)
    best = read(workspace, study.id).best
    assert best is not None
    runs = finalize(workspace, study.id)
    eventually(lambda: not workspace.runs.list("queued", "running"))
    assert runs[0] == best.runs[0]
    configs = [workspace.runs.get(run).config for run in runs]
    assert [config.seed for config in configs] == [0, 1, 2] and {config.lambdas for config in configs} == {best.lambdas}
    study = read(workspace, study.id)
    assert (study.finalized, study.finalized_point) == (runs, best.number)
    assert finalize(workspace, study.id) == runs

    other = finalize(workspace, study.id, number=0)
    assert read(workspace, study.id).finalized == other != runs
    with pytest.raises(RunError, match="must have a point 99 for this"):
        finalize(workspace, study.id, number=99)


def test_nothing_of_a_study_tells_of_test_purchases(workspace: Workspace, begin: Begin) -> None:
    study = begin()
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert "test" not in json.dumps(study.model_dump(mode="json", exclude={"plan"}))
    for point in study.points:  # nor does anything change with them
        path = workspace.runs.folder(point.runs[0])
        assert set(load_ranks(path)) == {"valid", "test"}
        (path / "ranks.npz").unlink()
    assert [point.value for point in read(workspace, study.id).points] == [point.value for point in study.points]


def test_study_begun_when_standard_was_the_default_stays_standard(workspace: Workspace, begin: Begin) -> None:
    """Its plan names no protocol then: read by today's default, its next points would be of another one."""
    study = begin()
    assert study.protocol == "clean"
    kept = study.plan.to_json()
    assert kept["config"].pop("protocol") == "clean"
    storage.load(workspace, study.id).set_user_attr(storage.PLAN, kept)
    drive(workspace, study.id)
    study = read(workspace, study.id)
    assert study.protocol == study.plan.config.protocol == "standard"
    assert {workspace.runs.get(run).config.protocol for point in study.points for run in point.runs} == {"standard"}


def test_kept_choice_is_the_preset_that_training_takes(
    workspace: Workspace, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "USUAL_EPOCHS", 2)
    study = begin()
    drive(workspace, study.id)
    name = keep(workspace, study.id)
    options = presets.read(workspace.home, "quick", name)
    assert name == "nmtr-gmf-clean" and options["lambdas"] == [0.4, 0.6] and "seed" not in options
    worst = next(point.number for point in study.points if point.lambdas == (1.0, 0.0))
    assert keep(workspace, study.id, worst) == name
    assert presets.read(workspace.home, "quick", name)["lambdas"] == [1.0, 0.0]


def test_preset_leaves_out_what_only_the_study_was_to_tell(
    workspace: Workspace, workers: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"data": "quick", "epochs": 2, "hold_out_lower": True}
    study = create(workspace, Plan.parse({"config": config, "step": 1}))
    drive(workspace, study.id)
    with pytest.raises(ConfigError, match=r"^a preset must be of runs of the usual 60 epochs or more, .* --epochs 2:"):
        keep(workspace, study.id)
    assert presets.found(workspace.home, "quick") == {}
    monkeypatch.setattr(presets, "USUAL_EPOCHS", 2)
    assert "hold_out_lower" not in presets.read(workspace.home, "quick", keep(workspace, study.id))


def test_mixed_cascade_has_no_preset(
    workspace: Workspace, workers: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "USUAL_EPOCHS", 2)
    mixed = {"data": "quick", "epochs": 2, "unit": {"view": "gmf", "buy": "mlp"}}
    study = create(workspace, Plan.parse({"config": mixed, "step": 1}))
    drive(workspace, study.id)
    with pytest.raises(ConfigError, match=r"^a preset is of one unit for all behaviors; got NMTR-GMF\+MLP"):
        keep(workspace, study.id, 0)
