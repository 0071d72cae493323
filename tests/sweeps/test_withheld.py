"""Test figures of a study's runs: none but those of the choice that was finalized."""

from __future__ import annotations

import pytest

from nmtr.compare import leaderboard
from nmtr.compare.entries import entries
from nmtr.errors import RunError
from nmtr.sweeps import drive, finalize, read
from nmtr.workspace import Workspace
from tests.runs.fakes import eventually
from tests.sweeps.conftest import Begin


def withheld(workspace: Workspace) -> frozenset[str]:
    return workspace.runs.withheld(workspace.runs.list())


def test_only_the_finalized_choice_of_a_study_shows_its_test(workspace: Workspace, begin: Begin) -> None:
    study = begin()
    drive(workspace, study.id)
    points = {run for point in read(workspace, study.id).points for run in point.runs}
    config = workspace.runs.get(min(points)).config
    own = workspace.runs.create(config, study.fingerprint, foreground=True)  # trained by hand: nobody's study
    assert len(points) == 6 and withheld(workspace) == points and own.id not in points

    final = set(finalize(workspace, study.id))
    eventually(lambda: not workspace.runs.list("queued"))
    assert len(final & points) == 1 and withheld(workspace) == points - final
    other = set(finalize(workspace, study.id, number=0))
    eventually(lambda: not workspace.runs.list("queued") and len(workspace.runs.list("running")) == 1)
    assert withheld(workspace) == points - other

    workspace.delete(max(other - points))  # as the study itself says then: it is not finalized
    assert withheld(workspace) == points


def test_what_is_withheld_is_neither_compared_nor_evaluated(workspace: Workspace, begin: Begin) -> None:
    study = begin()
    drive(workspace, study.id)
    run = read(workspace, study.id).points[0].runs[0]
    sentence = (
        f"its test figures are not shown: it is a point of study {study.id}, which chooses by validation; finalize the "
        "study to see those of its choice."
    )
    with pytest.raises(RunError, match=f"^run {run} cannot be compared: {sentence}$"):
        leaderboard(workspace, [run])
    with pytest.raises(RunError, match=f"^run {run}: {sentence}$"):
        workspace.evaluate(run)
    assert [entry.runs[0].id for entry in entries(workspace, [run], withhold=False)] == [run]
