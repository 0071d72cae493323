"""A run beside the best alternative to NMTR."""

from __future__ import annotations

import numpy as np
import pytest

from nmtr.compare import against_best
from nmtr.workspace import Workspace
from tests.compare.conftest import Finish, hitting


def test_the_best_on_validation_of_all_others_that_are_no_nmtr(workspace: Workspace, finish: Finish) -> None:
    finish(hitting(0.9), valid=0.9, unit="mlp")  # NMTR too
    finish(hitting(0.8), valid=0.2, method="bpr")  # better on test alone
    finish(hitting(0.9), valid=0.9, method="popularity", protocol="clean")
    finish(hitting(0.4), valid=0.5, method="popularity")
    run = finish(hitting(0.6), valid=0.6)
    board = against_best(workspace, run)
    assert [(entry.label, entry.test["HR@100"].value) for entry in board.entries] == [
        (run.config.label, pytest.approx(0.6)),
        ("Popularity", pytest.approx(0.4)),
    ]
    assert board.reference == board.entries[1].name
    difference = board.entries[0].test["HR@100"].difference
    assert difference is not None and difference.value == pytest.approx(0.2)


def test_no_seed_of_its_own_and_not_itself_is_an_alternative(workspace: Workspace, finish: Finish) -> None:
    finish(hitting(0.4), valid=0.9, method="bpr", seed=1)
    run = finish(hitting(0.6), valid=0.8, method="bpr", seed=2)
    assert [entry.runs for entry in against_best(workspace, run).entries] == [(run.id,)]
    rule = finish(hitting(0.5), valid=0.1, method="popularity")
    assert {entry.runs for entry in against_best(workspace, run).entries} == {(run.id,), (rule.id,)}


def test_a_better_alternative_comes_first(workspace: Workspace, finish: Finish) -> None:
    finish(hitting(0.7), method="popularity")
    board = against_best(workspace, finish(hitting(0.5)))
    assert [entry.label for entry in board.entries][0] == "Popularity"
    difference = board.entries[1].test["HR@100"].difference
    assert difference is not None and difference.value == pytest.approx(-0.2)
    assert np.isfinite(difference.low or np.nan)
