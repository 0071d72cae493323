"""What the other families measure, at tiny sizes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import service
from benchmarks.core import Side
from benchmarks.data import SHAPES, ensure, funnel
from benchmarks.errors import BenchmarkError
from benchmarks.growth import beyond_estimate, beyond_linear, refusal
from benchmarks.items import listing
from benchmarks.service import first_batch, recommending, to_result
from benchmarks.workers import resolved
from nmtr.data.library import Library
from nmtr.workspace import Workspace

SHOP = funnel(30, 50, buy=150, cart=250, name="shop")


def test_a_job_is_timed_up_to_its_first_batch_and_trains_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.save(SHOP)
    run = workspace.start(resolved(SHOP, {"embedding_size": 4, "threads": 1}))
    assert 0 < first_batch(str(tmp_path), run.id, time.time())["seconds"] < 60
    assert workspace.runs.reports(run.id) == ()


def test_recommending_is_timed_user_by_user(tmp_path: Path) -> None:
    Library(tmp_path).save(SHOP)
    figures = recommending("neumf", "shop", users=5, folder=str(tmp_path))
    assert 0 < figures["p50"] <= figures["p95"]


@pytest.mark.parametrize("unit", ["gmf", "neumf"])
def test_items_are_timed_all_together_and_one_by_one(unit: str, tmp_path: Path) -> None:
    Library(tmp_path).save(SHOP)
    figures = listing(unit, "shop", items=3, folder=str(tmp_path))
    assert figures["shoppers"] == 30
    assert figures["first"] > 0 < figures["again"] and 0 < figures["p50"] <= figures["p95"]


def test_time_to_quality_needs_the_real_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NMTR_DATA_DIR", str(tmp_path))
    with pytest.raises(BenchmarkError, match="must be in the folder beibei under NMTR_DATA_DIR"):
        to_result("exact")


def test_time_to_quality_is_the_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "beibei").mkdir()
    monkeypatch.setenv("NMTR_DATA_DIR", str(tmp_path))
    asked: list[tuple[str, ...]] = []

    def nmtr(home: str, *arguments: str) -> object:
        asked.append(arguments)
        return {"test": {"HR@100": 0.3}, "epochs": 7, "peak_memory_mb": 400.0}

    monkeypatch.setattr(service, "_nmtr", nmtr)
    figures = to_result("squared")
    assert [arguments[0] for arguments in asked] == ["data", "train"]
    assert asked[1][-2:] == ("--loss", "squared")
    assert (figures["HR@100"], figures["epochs"]) == (0.3, 7)


def test_linear_growth_is_1_and_estimates_bound() -> None:
    sides = [Side(name, dict) for name in ("small", "middle", "large")]
    figures = {
        name: {"seconds": seconds, "work": work, "trained_mb": peak, "estimated_mb": 100.0}
        for name, seconds, work, peak in (("small", 1, 10, 50), ("middle", 3, 20, 90), ("large", 4, 40, 80))
    }
    assert beyond_linear(sides, "work", figures) == pytest.approx(1.5)
    assert beyond_estimate(sides, figures) == pytest.approx(0.9)


def test_data_sets_are_generated_once_under_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(SHAPES, "small", {"users": 20, "items": 30, "cart": 100, "validated": 5})
    for _ in range(2):
        assert ensure("small", str(tmp_path))["pairs"] == 100 + 20 + 2 * 5
    assert refusal("small", str(tmp_path)) == {"refused": 0, "told": 0}
