"""What NMTR's side measures, at a tiny size, and what the cases make of it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.contest import GMF, NEUMF, THEIR_BPR, THEIR_NEUMF, TOWER
from benchmarks.core import Round
from benchmarks.data import funnel
from benchmarks.profiling import profile
from benchmarks.ranking import CASES as RANKING
from benchmarks.training import CASES as TRAINING
from benchmarks.workers import train
from nmtr.data.library import Library
from nmtr.errors import ConfigError

SHOP = funnel(30, 50, buy=150, cart=250, view=600, name="shop")
QUICK = {"unit": "gmf", "embedding_size": 4, "threads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library with the shop."""
    path = tmp_path_factory.mktemp("library")
    Library(path).save(SHOP)
    return str(path)


@pytest.mark.parametrize("loss", ["sampled", "exact", "squared"])
def test_an_epoch_is_counted_as_the_case_says(loss: str, folder: str) -> None:
    figures = train("shop", {**QUICK, "loss": loss, "behaviors": ["cart", "buy"]}, folder=folder)
    pairs = 250 + 150 - 2 * 30
    assert figures["pairs"] == pairs and figures["instances"] == 5 * pairs
    assert figures["stages"] == 5 * (250 + 2 * (150 - 60))
    assert figures["terms"] == 30 * 50 * 2
    assert figures["size"] == 30 + 50 + pairs
    assert figures["seconds"] > 0
    assert 0 < figures["trained_mb"] and 0 < figures["estimated_mb"]


def test_every_test_user_is_ranked(folder: str) -> None:
    figures = train("shop", {**QUICK, "loss": "sampled"}, ranked=True, folder=folder)
    assert (figures["rank_users"], figures["rank_pairs"]) == (30, 1500)
    assert figures["rank_seconds"] > 0


def test_an_option_that_is_not_there_fails_with_the_cores_sentence(folder: str) -> None:
    with pytest.raises(ConfigError, match="loss must be one of"):
        train("shop", {**QUICK, "loss": "guessed"}, folder=folder)


def values(name: str, figures: Round) -> dict[str, float]:
    (case,) = (case for case in (*TRAINING, *RANKING) if case.name == name)
    return {measure.label: measure.of(figures) for measure in case.measures}


def test_ratios_and_floors_follow_from_the_figures() -> None:
    machine = {"peak": 100.0, "products": 50.0, "bandwidth": 10.0}
    ours = {"seconds": 2.0, "instances": 4e6, "stages": 9e6, "rank_seconds": 3.0, "rank_pairs": 1e8, "peak_mb": 1.0}
    theirs: dict[str, Any] = {"seconds": 4.0, "positives": 1e5, "rank_seconds": 30.0, "peak_mb": 2.0}
    figures = {"machine": machine, NEUMF.name: ours, GMF.name: ours, THEIR_NEUMF.name: theirs, THEIR_BPR.name: theirs}
    neumf = values("epoch-neumf-sampled", figures)
    assert neumf["ratio"] == pytest.approx((4e6 / 2) / (5e5 / 4))
    assert neumf["floor"] == pytest.approx(3 * TOWER * 9e6 / 100e9)
    assert neumf["times the floor"] == pytest.approx(2 / neumf["floor"])
    assert values("epoch-gmf-sampled", figures)["ratio"] == pytest.approx((4e6 / 2) / (4e5 / 4))
    assert values("rank-gmf", figures)["times as fast"] == 10
    assert values("rank-neumf", figures)["floor"] == pytest.approx(3 * TOWER * 1e8 / 100e9)


def test_a_profile_tells_what_the_epoch_took_and_where(folder: str) -> None:
    lines: list[str] = []
    profile("shop", {**QUICK, "loss": "sampled"}, lines.append, folder)
    assert lines[0].startswith("shop, NMTR-GMF, sampled: ") and lines[0].endswith(" µs a pair")
    assert len(lines) == 11 and any("kernels.py" in line or "run_backward" in line for line in lines[1:])
