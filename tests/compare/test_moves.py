"""Who gains and who loses by a run, on ranks that were worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nmtr.compare import leaderboard, moves
from nmtr.errors import ConfigError
from nmtr.workspace import Workspace
from tests.compare.conftest import USERS, Finish, hitting


def test_users_gain_and_lose_by_the_times_that_their_item_moves(workspace: Workspace, finish: Finish) -> None:
    before = np.full(USERS, 99.0)  # place 100: among the first 100
    after = before.copy()
    after[3], after[5], before[8], after[8] = 9, 199, 1999, 999  # to place 10; to 200; from 2,000 to 1,000
    base, run = finish(before, method="popularity"), finish(after)
    found = moves(workspace, [base.id, run.id])
    assert (found.reference, found.users, found.first) == ("Popularity", USERS, 100)
    (entry,) = found.entries
    assert (entry.up, entry.down, entry.into, entry.out_of) == (2, 1, 0, 1)
    assert [(one.user, one.before, one.after) for one in entry.gain] == [
        ("u3", pytest.approx(100), pytest.approx(10)),
        ("u8", pytest.approx(2000), pytest.approx(1000)),
    ]
    assert [(one.user, one.before, one.after) for one in entry.lose] == [("u5", pytest.approx(100), pytest.approx(200))]
    dataset = workspace.data.load("shop")
    assert entry.gain[0].item == dataset.items[dataset.test_item[3]]
    assert [(row["way"], row["user"]) for row in found.rows()] == [("gains", "u3"), ("gains", "u8"), ("loses", "u5")]
    assert type(found).model_validate(json.loads(json.dumps(found.to_json()))) == found


def test_what_is_won_and_lost_is_the_difference_of_hits(workspace: Workspace, finish: Finish) -> None:
    random = np.random.default_rng(4)
    ids = [finish(random.integers(0, 40, USERS), method=method).id for method in ("bpr", "popularity", "nmtr")]
    found = moves(workspace, ids, metric="HR@10", reference=ids[0])
    board = leaderboard(workspace, ids, metric="HR@10", reference=ids[0])
    differences = {one.name: one.test["HR@10"].difference for one in board.entries}
    assert len(found.entries) == 2
    for entry in found.entries:
        difference = differences[entry.name]
        assert difference is not None and entry.into and entry.out_of
        assert (entry.into - entry.out_of) / USERS == pytest.approx(difference.value)


def test_seeds_are_taken_together_and_as_many_are_named_as_asked(workspace: Workspace, finish: Finish) -> None:
    base = finish(np.full(USERS, 9.0), method="bpr")
    one, other = finish(hitting(0.5)), finish(np.full(USERS, 99.0), seed=7)
    found = moves(workspace, [base.id, one.id, other.id], named=3)
    (entry,) = found.entries
    assert entry.runs == (one.id, other.id) and len(entry.lose) == 3
    # Half of them at places 1 and 100, so at 10 in mean: where they were. The others at 1,001 and 100.
    assert (entry.up, entry.down) == (0, USERS // 2)
    assert entry.lose[0].after == pytest.approx(np.sqrt(1001 * 100))


def test_one_model_and_too_many_users_are_refused(workspace: Workspace, finish: Finish) -> None:
    run = finish(hitting(0.5))
    with pytest.raises(ConfigError, match="needs two models or more; got one"):
        moves(workspace, [run.id])
    with pytest.raises(ConfigError, match="must be 1 to 100; got 101"):
        moves(workspace, [run.id], named=101)
