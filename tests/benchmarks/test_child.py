"""Measurements in processes of their own: what they answer, and what is said where they do not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.child import ask, in_child
from benchmarks.core import Figures
from benchmarks.data import funnel, write_atomic
from benchmarks.errors import BenchmarkError

FAKE = """
import json, os, sys
request = json.loads(sys.stdin.readline())
assert os.path.exists(os.path.join(request["folder"], request["name"], request["name"] + ".train.inter"))
print("loading", file=sys.stderr)
print(json.dumps({"figures": {"seconds": 2, "threads": request["threads"]}}))
"""


def noisy(number: int) -> Figures:
    print("libraries print")
    if number < 0:
        raise BenchmarkError("the number must be positive.")
    return {"double": 2 * number}


def test_a_child_answers_with_figures_and_its_own_peak() -> None:
    figures = in_child("twice", noisy, number=21).measure()
    assert figures["double"] == 42
    assert figures["peak_mb"] > 5


def test_a_childs_sentence_is_raised_here() -> None:
    with pytest.raises(BenchmarkError, match="the number must be positive."):
        in_child("twice", noisy, number=-1).measure()


def test_a_process_without_an_answer_is_named_with_its_last_words() -> None:
    with pytest.raises(BenchmarkError, match="status 3.*it said last: no room"):
        ask([sys.executable, "-c", "import sys; print('no room', file=sys.stderr); sys.exit(3)"], {})


def test_a_peer_without_its_environment_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="run the command peers first"):
        peers.measure("BPR", tmp_path / "python")


def test_a_peer_reads_the_purchases_that_were_written_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    monkeypatch.setattr(peers, "KEPT", tmp_path)
    monkeypatch.setattr(peers, "_SCRIPT", script)
    monkeypatch.setattr(peers, "beibei_shaped", lambda: funnel(20, 30, buy=100, name="beibei-shaped"))
    assert peers.measure("BPR", Path(sys.executable))["seconds"] == 2
    assert {path.suffix for path in (tmp_path / "data" / "beibei-shaped").iterdir()} == {".inter"}


def test_a_peer_gets_the_pairs_of_the_split(tmp_path: Path) -> None:
    dataset = funnel(20, 30, buy=100, cart=150)
    write_atomic(dataset, tmp_path)
    parts = {
        part: [line.split("\t") for line in (tmp_path / "invented" / f"invented.{part}.inter").read_text().split("\n")]
        for part in ("train", "valid", "test")
    }
    assert {len(lines) - 2 for lines in (parts["valid"], parts["test"])} == {20}
    assert len(parts["train"]) - 2 == 100 - 40
    assert parts["test"][0] == ["user_id:token", "item_id:token"]
    assert [int(item) for _, item in parts["test"][1:-1]] == dataset.test_item.tolist()
