"""Leaderboard and sparsity groups on ranks that were worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import csr_array

from nmtr.compare import leaderboard, leak, sparsity
from nmtr.errors import ConfigError, DataError, RunError
from nmtr.evaluation.groups import visited
from nmtr.evaluation.metrics import per_user
from nmtr.evaluation.result import BestTestEpoch
from nmtr.workspace import Workspace
from tests.compare.conftest import USERS, Finish, hitting
from tests.conftest import random_dataset


def test_leaderboard_ranks_by_the_metric_and_holds_each_against_the_best_other_method(
    workspace: Workspace, finish: Finish
) -> None:
    nmtr, weak = finish(hitting(0.5)), finish(hitting(0.1), method="popularity")
    bpr = finish(hitting(0.3), method="bpr", valid=0.2)
    board = leaderboard(workspace, [weak.id, bpr.id, nmtr.id])
    assert [entry.name for entry in board.entries] == ["NMTR-GMF", "BPR-MF", "Popularity"]
    assert (board.data, board.protocol, board.target, board.metric) == ("shop", "standard", "buy", "HR@100")
    assert (board.reference, board.test_users) == ("BPR-MF", USERS)
    best, reference, worst = (entry.test["HR@100"] for entry in board.entries)
    assert [score.value for score in (best, reference, worst)] == pytest.approx([0.5, 0.3, 0.1])
    assert reference.difference is None and best.difference is not None and worst.difference is not None
    assert [best.difference.value, worst.difference.value] == pytest.approx([0.2, -0.2])
    assert set(board.entries[0].test) == {f"{kind}@{k}" for kind in ("HR", "NDCG") for k in (10, 50, 80, 100, 200)}


def test_intervals_and_tests_are_those_of_the_users_differences(workspace: Workspace, finish: Finish) -> None:
    random = np.random.default_rng(2)
    ranks = [random.integers(0, 200, USERS).astype(float) for _ in range(3)]
    runs = [finish(own, method=method) for own, method in zip(ranks, ("bpr", "nmtr", "popularity"), strict=True)]
    board = leaderboard(workspace, [run.id for run in runs], reference=runs[0].id)
    values = {run.id: per_user(own) for run, own in zip(runs, ranks, strict=True)}
    for metric in ("HR@100", "NDCG@100"):
        base, ps = values[runs[0].id][metric], []
        for entry in board.entries:
            score, own = entry.test[metric], values[entry.runs[0]][metric]
            assert score.value == pytest.approx(own.mean())
            assert score.half_width == pytest.approx(1.96 * stats.sem(own), rel=0.2)
            if score.difference is None:
                continue
            assert score.difference.half_width == pytest.approx(1.96 * stats.sem(own - base), rel=0.2)
            assert score.difference.tests["t-test"].p == pytest.approx(stats.ttest_rel(own, base).pvalue)
            ps.append(score.difference.tests["t-test"])
            other = "mcnemar" if metric.startswith("HR") else "wilcoxon"
            assert set(score.difference.tests) == {"t-test", other}
            if other == "wilcoxon":
                assert score.difference.tests[other].p == pytest.approx(stats.wilcoxon(own - base).pvalue)
        low, high = sorted(ps, key=lambda p: p.p or 0)
        assert low.p is not None and high.p is not None and low.holm is not None
        assert low.holm == pytest.approx(min(1, 2 * low.p)) and high.holm == pytest.approx(max(low.holm, high.p))


def test_spread_over_seeds_is_kept_apart_from_the_interval_over_users(workspace: Workspace, finish: Finish) -> None:
    seeds = [finish(hitting(share), seed=seed) for seed, share in enumerate((0.4, 0.5, 0.6))]
    base = finish(hitting(0.5), method="bpr")
    board = leaderboard(workspace, [*(run.id for run in seeds), base.id], metric="HR@10")
    score = next(entry for entry in board.entries if entry.label == "NMTR-GMF").test["HR@10"]
    assert score.value == pytest.approx(0.5) and score.seed_spread == pytest.approx(0.1)
    assert score.difference is not None and set(score.difference.tests) == {"t-test"}  # means of hits are no hits
    alone = next(entry for entry in board.entries if entry.label == "BPR-MF")
    assert alone.test["HR@10"].seed_spread is None


def test_leaderboard_tells_visited_from_not_visited(workspace: Workspace, finish: Finish) -> None:
    touched = visited(workspace.data.load("shop"))
    run = finish(np.where(touched, 0.0, 1000.0))
    # A run that was never shown the lower behaviors is told apart by the same users.
    other = finish(np.where(touched, 1000.0, 0.0), behaviors=("buy",))
    board = leaderboard(workspace, [run.id, other.id])
    seen = {entry.runs[0]: (entry.visited["HR@10"].value, entry.not_visited["HR@10"].value) for entry in board.entries}
    assert seen == {run.id: (1, 0), other.id: (0, 1)}
    assert board.visited_users == touched.sum()


def test_leaderboard_takes_any_cutoff_and_any_run_as_reference(workspace: Workspace, finish: Finish) -> None:
    first, second = finish(hitting(0.5)), finish(hitting(0.3), method="bpr")
    board = leaderboard(workspace, [second.id], reference=first.id, metric="NDCG@7")
    assert (board.reference, board.metric) == ("NMTR-GMF", "NDCG@7")
    difference = board.entries[1].test["NDCG@7"].difference
    assert difference is not None and difference.value == pytest.approx(-0.2)


def test_a_rule_is_the_reference_where_it_is_ahead_on_validation(workspace: Workspace, finish: Finish) -> None:
    """A gain over a learned baseline says little where counting purchases does better."""
    rule, nmtr = finish(hitting(0.4), method="popularity", valid=0.4), finish(hitting(0.9), valid=0.9)
    behind, ahead = finish(hitting(0.5), method="bpr", valid=0.3), finish(hitting(0.3), method="gmf", valid=0.5)
    runs = [nmtr.id, behind.id, rule.id]
    assert leaderboard(workspace, runs).reference == sparsity(workspace, runs).reference == "Popularity"
    assert leaderboard(workspace, [*runs, ahead.id]).reference == "GMF"
    assert leaderboard(workspace, runs, reference=behind.id).reference == "BPR-MF"


def test_where_validation_tells_nothing_the_first_given_is_the_reference(workspace: Workspace, finish: Finish) -> None:
    """The test must not choose: it would take the luckier one."""
    first, lucky = finish(hitting(0.1), method="gmf"), finish(hitting(0.5), method="bpr")
    assert leaderboard(workspace, [finish(hitting(0.7)).id, first.id, lucky.id]).reference == "GMF"


@pytest.mark.parametrize(
    ("visits", "protocol", "said"),
    [
        ("all", "standard", "Every test user had visited the held-out item, and standard leaves these visits in"),
        ("all", "clean", "Every test user had visited the held-out item. Clean hides these visits"),
        ("none", "standard", "No test user had visited the held-out item in a lower behavior that these runs use: not"),
    ],
)
def test_who_had_visited_the_item_is_said_where_all_had_or_nobody_had(
    workspace: Workspace, finish: Finish, visits: str, protocol: str, said: str
) -> None:
    dataset = workspace.data.load("shop")
    views, carts = (matrix.toarray() for matrix in dataset.matrices[:-1])
    for matrix in (views, carts):
        matrix[np.arange(USERS), dataset.test_item] = visits == "all"
    workspace.data.remove("shop")
    workspace.data.save(replace(dataset, matrices=(csr_array(views), csr_array(carts), dataset.matrices[-1])))
    board = leaderboard(workspace, [finish(hitting(0.5), protocol=protocol).id])
    assert board.visits == visits and (leak(board) or "").startswith(said)


def test_nothing_is_said_of_visits_where_some_had_and_some_had_not(workspace: Workspace, finish: Finish) -> None:
    board = leaderboard(workspace, [finish(hitting(0.5)).id])
    assert 0 < (board.visited_users or 0) < USERS
    assert (board.visits, leak(board)) == ("some", None)


def test_the_reference_is_chosen_on_validation(workspace: Workspace, finish: Finish) -> None:
    """Of two baselines the one that happens to be better on test must not be it."""
    lucky, chosen = finish(hitting(0.5), method="gmf", valid=0.1), finish(hitting(0.3), method="bpr", valid=0.2)
    nmtr = finish(hitting(0.7), valid=0.9)
    assert leaderboard(workspace, [lucky.id, chosen.id, nmtr.id]).reference == "BPR-MF"
    assert sparsity(workspace, [lucky.id, chosen.id, nmtr.id]).reference == "BPR-MF"


def test_visited_counts_only_behaviors_that_some_run_used(workspace: Workspace, finish: Finish) -> None:
    dataset = workspace.data.load("shop")
    whole = finish(hitting(0.5))
    assert leaderboard(workspace, [whole.id]).visited_users == visited(dataset).sum()
    some = finish(hitting(0.5), behaviors=("cart", "buy"))
    assert leaderboard(workspace, [some.id]).visited_users == visited(dataset, ("cart",)).sum() < visited(dataset).sum()
    alone = finish(hitting(0.5), behaviors=("buy",))
    assert leaderboard(workspace, [alone.id]).visited_users == 0


def test_many_metrics_are_scored_a_few_at_a_time_with_the_same_result(
    workspace: Workspace, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [finish(hitting(0.5)).id, finish(hitting(0.3), method="bpr").id]
    together = leaderboard(workspace, runs)
    monkeypatch.setattr("nmtr.compare.scores._AT_ONCE", 1)
    for one, other in zip(leaderboard(workspace, runs).rows(), together.rows(), strict=True):
        for column, value in one.items():  # resampled in float32
            expected = pytest.approx(other[column], abs=1e-6) if isinstance(value, float) else other[column]
            assert value == expected, column


def test_second_best_is_the_reference_where_there_is_no_other_method(workspace: Workspace, finish: Finish) -> None:
    shares = (("gmf", 0.1), ("mlp", 0.3), ("neumf", 0.2))
    runs = [finish(hitting(share), unit=unit, valid=share).id for unit, share in shares]
    assert leaderboard(workspace, runs).reference == "NMTR-NeuMF"
    assert leaderboard(workspace, runs[:1]).reference == "NMTR-GMF"


def test_a_single_user_has_values_but_no_intervals(workspace: Workspace, finish: Finish) -> None:
    ranks = np.full(USERS, np.nan)
    runs = [finish(np.where(np.arange(USERS) == 4, at, ranks), method=m).id for at, m in ((0, "nmtr"), (500, "bpr"))]
    board = leaderboard(workspace, runs)
    best = board.entries[0].test["NDCG@100"]
    assert (best.value, best.low, best.high, best.half_width) == (1, None, None, None)
    assert best.difference is not None and best.difference.p is None
    assert best.difference.tests["wilcoxon"].p == 1
    assert [len(entry.visited) + len(entry.not_visited) for entry in board.entries] == [10, 10]
    assert [group.users for group in sparsity(workspace, runs).groups] == [1]


def sparse_shop(workspace: Workspace) -> None:
    """Replaces shop: half of its users have two training purchases, the others four."""
    workspace.data.remove("shop")
    dataset = random_dataset(USERS)
    target = dataset.matrices[-1].toarray()
    for row in target[: USERS // 2]:
        row[np.flatnonzero(row)[:2]] = 0
    workspace.data.save(replace(dataset, matrices=(*dataset.matrices[:-1], csr_array(target))))


def test_sparsity_gives_each_group_its_value_difference_and_drop(workspace: Workspace, finish: Finish) -> None:
    sparse_shop(workspace)
    place = np.arange(USERS)
    # Of the 20 sparse users 5 are hit, of the 20 others 10; the baseline hits none and 10.
    run = finish(np.where((place < 5) | (place >= 30), 0.0, 1000.0))
    base = finish(np.where(place >= 30, 0.0, 1000.0), method="bpr")
    table = sparsity(workspace, [run.id, base.id])
    assert [(group.name, group.users) for group in table.groups] == [("2–3", 20), ("> 3", 20)]
    own, other = table.entries
    assert [score.value for score in own.groups] == [0.25, 0.5]
    assert [score.value for score in other.groups] == [0, 0.5]
    assert own.drop is not None and other.drop is not None
    # Hits of 20 users each: the means have deviations of .097 and .112, their ratio one of .224.
    assert own.drop.value == pytest.approx(0.5) and own.drop.half_width == pytest.approx(1.96 * 0.224, rel=0.2)
    assert (other.drop.value, other.drop.low, other.drop.high) == pytest.approx((1, 1, 1))
    sparse, rich = (score.difference for score in own.groups)
    assert sparse is not None and rich is not None
    assert (sparse.value, rich.value) == (0.25, 0)
    # Five of five for the one: 2 x (1/2)^5; Holm's family are both groups.
    assert (sparse.tests["mcnemar"].p, sparse.tests["mcnemar"].holm) == (0.0625, 0.125)
    assert rich.tests["mcnemar"].p == 1 and rich.p == 1


def test_sparsity_takes_the_groups_that_it_is_given(workspace: Workspace, finish: Finish) -> None:
    run = finish(hitting(0.0))
    table = sparsity(workspace, [run.id], lows=(4,))
    assert [group.name for group in table.groups] == ["4"] and table.entries[0].drop is None
    with pytest.raises(ConfigError, match="nobody who is tested has 5–8 training purchases"):
        sparsity(workspace, [run.id], lows=(4, 5, 9))


def test_results_are_plain_json_and_rows_of_one_shape(workspace: Workspace, finish: Finish) -> None:
    runs = [finish(hitting(0.5)).id, finish(hitting(0.5), seed=1).id, finish(hitting(0.3), method="bpr").id]
    for table, figures in ((leaderboard(workspace, runs), 2 * 10 * 3), (sparsity(workspace, runs), 2)):
        assert json.loads(json.dumps(table.to_json(), allow_nan=False)) == table.to_json()
        assert type(table).model_validate(table.to_json()) == table
        rows = table.rows()
        assert len(rows) == figures and len({tuple(row) for row in rows}) == 1
        assert {row["group"] for row in rows} <= {"all", "visited", "not visited", "4"}


def test_papers_figure_stands_beside_a_run_and_is_not_ranked(workspace: Workspace, finish: Finish) -> None:
    dataset = random_dataset(USERS)
    workspace.data.save(replace(dataset, name="beibei"))
    runs = [finish(hitting(0.1), data="beibei", method=method).id for method in ("bpr", "popularity")]
    board = leaderboard(workspace, runs)
    printed = {entry.label: entry.paper and entry.paper.figures["HR@100"] for entry in board.entries}
    assert printed == {"BPR-MF": 0.2002, "Popularity": None}
    shown = [row["paper"] for row in board.rows() if row["metric"] == "HR@100" and row["model"] == "BPR-MF"]
    assert shown == [0.2002, None, None]  # of all users; the paper says nothing of parts of them


def test_best_test_epoch_stands_beside_runs_that_all_watched_it(workspace: Workspace, finish: Finish) -> None:
    best = [BestTestEpoch(epoch=3, metrics={"HR@100": value}) for value in (0.6, 0.8)]
    watched = [finish(hitting(0.5), best_test=b, seed=seed, watch_test=True) for seed, b in enumerate(best)]
    other = finish(hitting(0.5), unit="mlp", best_test=best[0], watch_test=True)
    unwatched = finish(hitting(0.5), unit="mlp", seed=1)
    board = leaderboard(workspace, [run.id for run in (*watched, other, unwatched)])
    assert {entry.label: entry.best_test for entry in board.entries} == {
        "NMTR-GMF": {"HR@100": pytest.approx(0.7)},
        "NMTR-MLP": None,
    }


def test_runs_whose_data_set_is_gone_are_compared_by_their_ranks_alone(workspace: Workspace, finish: Finish) -> None:
    runs = [finish(hitting(0.5)).id, finish(hitting(0.3), unit="mlp").id]
    whole = leaderboard(workspace, runs)
    workspace.data.remove("shop")
    board = leaderboard(workspace, runs)
    assert board.visited_users is None and whole.visited_users is not None
    parts = {"visited": {}, "not_visited": {}}
    assert [entry.model_copy(update=parts) for entry in whole.entries] == list(board.entries)
    assert {row["group"] for row in board.rows()} == {"all"}
    with pytest.raises(DataError, match="data set must be one of those added"):
        sparsity(workspace, runs)


def test_data_set_that_is_another_now_is_said(workspace: Workspace, finish: Finish) -> None:
    run = finish(hitting(0.5))
    workspace.data.remove("shop")
    workspace.data.save(random_dataset(USERS, seed=1))
    with pytest.raises(RunError, match=f"run {run.id} was trained on another version of data set shop"):
        sparsity(workspace, [run.id])


def test_comparing_needs_no_torch() -> None:
    script = "import sys, nmtr.compare, nmtr.cli.compare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
