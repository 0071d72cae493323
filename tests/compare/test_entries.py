"""Which runs are one entry, what it is called, and which runs are not compared."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nmtr.compare import differing, entries
from nmtr.config.written import option_text
from nmtr.errors import ConfigError, NmtrError, RunError
from nmtr.runs.checkpoint import RANKS, save_ranks
from nmtr.workspace import Workspace
from tests.compare.conftest import USERS, Finish, hitting
from tests.conftest import random_dataset


def test_runs_that_differ_in_seed_and_threads_only_are_one_entry(workspace: Workspace, finish: Finish) -> None:
    first = finish(hitting(0.5), seed=3)
    other = finish(hitting(0.2), unit="mlp")
    second = finish(hitting(0.6), seed=1, threads=2)
    found = entries(workspace, [first.id, other.id, second.id])
    assert [[run.id for run in entry.runs] for entry in found] == [[second.id, first.id], [other.id]]
    assert found[0].by_seed("HR@10").mean(axis=1).tolist() == [0.6, 0.5]
    assert found[0].per_user("HR@10").mean() == pytest.approx(0.55)
    assert set(found[0].per_user("HR@10")) == {0.0, 0.5, 1.0}


def test_of_runs_that_differ_in_nothing_the_newest_counts(workspace: Workspace, finish: Finish) -> None:
    older, newer = finish(hitting(0.5)), finish(hitting(0.6))
    for order in ([older.id, newer.id], [newer.id, older.id, newer.id]):
        (entry,) = entries(workspace, order)
        assert [run.id for run in entry.runs] == [newer.id]
        assert entry.holds(older)


def test_entries_are_called_by_their_model_and_what_tells_it_from_others(workspace: Workspace, finish: Finish) -> None:
    runs = [
        finish(hitting(0.5), method="bpr"),
        finish(hitting(0.5), lambdas=(0.2, 0.3, 0.5)),
        finish(hitting(0.5), lambdas=(0.201, 0.299, 0.5)),
        finish(hitting(0.5), behaviors=("cart", "buy"), lambdas=(0.2, 0.8), refit=True, seed=4),
    ]
    assert [entry.name for entry in entries(workspace, [run.id for run in runs])] == [
        "BPR-MF",
        f"NMTR-GMF · behaviors view+cart+buy · λ .20/.30/.50 · no refit · {runs[1].id}",
        f"NMTR-GMF · behaviors view+cart+buy · λ .20/.30/.50 · no refit · {runs[2].id}",
        "NMTR-GMF · behaviors cart+buy · λ .20/.80 · refit",
    ]


def test_differing_options_are_those_that_are_not_the_same_in_all(finish: Finish) -> None:
    configs = [finish(hitting(0.5), **options).config for options in ({"epochs": 5}, {"epochs": 6, "seed": 2})]
    assert differing(configs) == [{"epochs": 5}, {"epochs": 6}]
    assert differing(configs[:1]) == [{}]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("unit", {"view": "gmf", "buy": "mlp"}, "unit view=gmf+buy=mlp"),
        ("learning_rate", 0.05, "learning_rate 0.05"),
        ("loss", None, "loss None"),
    ],
)
def test_options_are_written_for_people(name: str, value: object, text: str) -> None:
    assert option_text(name, value) == text


@pytest.mark.parametrize("metric", ["HR", "HR@0", "MRR@10", "hr@10", "HR@10 ", "HR@1000000000"])
def test_unknown_metric_is_refused_in_a_sentence(workspace: Workspace, finish: Finish, metric: str) -> None:
    (entry,) = entries(workspace, [finish(hitting(0.5)).id])
    with pytest.raises(ConfigError, match=r"^metric must be HR@k or NDCG@k, such as HR@100; got .+\.$"):
        entry.per_user(metric)


def refused(workspace: Workspace, *runs: str) -> str:
    with pytest.raises(NmtrError) as error:
        entries(workspace, runs)
    return str(error.value)


def test_runs_of_another_protocol_data_set_or_version_are_refused(workspace: Workspace, finish: Finish) -> None:
    first = finish(hitting(0.5))
    clean = finish(hitting(0.5), protocol="clean")
    assert refused(workspace, first.id, clean.id) == (
        f"compared runs must be of one data set, version and protocol; run {first.id} has protocol standard and run "
        f"{clean.id} clean: compare those of each protocol by themselves."
    )
    workspace.data.remove("shop")
    workspace.data.save(random_dataset(USERS, seed=1))
    assert re.search(r"has version \w{8} and run", refused(workspace, first.id, finish(hitting(0.5)).id))
    assert "run zzzzzzzz" in refused(workspace, "zzzzzzzz")
    assert "got none" in refused(workspace)


def test_unfinished_run_is_refused(workspace: Workspace, finish: Finish) -> None:
    done = finish(hitting(0.5))
    queued = workspace.runs.create(done.config, done.fingerprint)
    assert refused(workspace, done.id, queued.id) == (
        f"run {queued.id} must be done to be compared; it is queued: wait for it, or resume it."
    )


def test_ranks_that_are_missing_or_do_not_fit_are_refused(workspace: Workspace, finish: Finish) -> None:
    first, second = finish(hitting(0.5)), finish(hitting(0.5), unit="mlp")
    folder = workspace.runs.folder(second.id)
    save_ranks(folder, {"test": np.append(hitting(0.5)[1:], np.nan)})
    assert "tested on the same users" in refused(workspace, first.id, second.id)
    save_ranks(folder, {"test": hitting(0.5)[1:]})
    assert "tested on the same users" in refused(workspace, first.id, second.id)
    (folder / RANKS).unlink()
    assert "missing or damaged" in refused(workspace, first.id, second.id)
    save_ranks(folder, {"valid": hitting(0.5)})
    assert "same users" in refused(workspace, first.id, second.id)


def test_data_set_without_test_users_has_nothing_to_compare(workspace: Workspace, finish: Finish) -> None:
    run = finish(np.full(USERS, np.nan))
    with pytest.raises(RunError, match="^a comparison needs test users; data set shop holds out nobody's purchase"):
        entries(workspace, [run.id])
