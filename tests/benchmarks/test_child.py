"""Measurements in processes of their own: what they answer, and what is said where they do not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.child import ask, call
from benchmarks.core import Figures
from benchmarks.data import funnel, write_atomic
from benchmarks.errors import BenchmarkError
from benchmarks.levels import FORBIDDEN
from benchmarks.places import ROOT
from nmtr.data.dataset import pairs_of
from nmtr.data.library import Library
from nmtr.native.build import library

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
    figures = call(noisy, number=21)
    assert figures["double"] == 42
    assert figures["peak_mb"] > 5


def lanes() -> Figures:
    kernels = library()
    return {"lanes": 0 if kernels is None else kernels.lanes()}


def test_a_child_has_the_environment_that_forbids_it_instruction_sets() -> None:
    if library() is None:
        pytest.skip("this machine has no C++ compiler")
    assert call(lanes, {"NMTR_NATIVE": "sse"})["lanes"] == 4
    assert call(lanes, {"NMTR_NATIVE": "0"})["lanes"] == 0


def test_benchmarks_and_tests_forbid_the_same_instruction_sets() -> None:
    exported = re.findall(r"^test-avx2: export (\w+) = (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert dict(exported) == FORBIDDEN


def test_a_childs_sentence_is_raised_here() -> None:
    with pytest.raises(BenchmarkError, match="the number must be positive."):
        call(noisy, number=-1)


def test_a_process_without_an_answer_is_named_with_its_last_words() -> None:
    with pytest.raises(BenchmarkError, match="status 3.*it said last: no room"):
        ask([sys.executable, "-c", "import sys; print('no room', file=sys.stderr); sys.exit(3)"], {})


def test_a_peer_without_its_environment_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="run the command peers first"):
        peers.measure("BPR", tmp_path / "python")


def test_a_peer_reads_the_purchases_that_were_written_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    Library(tmp_path / "library").save(funnel(20, 30, buy=100, name="beibei-shaped"))
    monkeypatch.setattr(peers, "KEPT", tmp_path)
    monkeypatch.setattr(peers, "LIBRARY", tmp_path / "library")
    monkeypatch.setattr(peers, "call", lambda function, **arguments: {})  # which would generate it
    monkeypatch.setattr(peers, "_SCRIPT", script)
    for _ in range(2):
        assert peers.measure("BPR", Path(sys.executable))["seconds"] == 2
    (written,) = (tmp_path / "atomic").iterdir()
    assert {path.suffix for path in written.iterdir()} == {".inter"}


def test_a_peer_gets_the_pairs_of_the_split(tmp_path: Path) -> None:
    dataset = funnel(20, 30, buy=100, cart=150)
    name = write_atomic(dataset, tmp_path)
    train, valid, test = (
        [line.split("\t") for line in (tmp_path / name / f"{name}.{part}.inter").read_text().splitlines()]
        for part in ("train", "valid", "test")
    )
    assert {tuple(part[0]) for part in (train, valid, test)} == {("user_id:token", "item_id:token")}
    assert [int(item) for _, item in test[1:]] == dataset.test_item.tolist()
    learned = {(int(user), int(item)) for user, item in [*train[1:], *valid[1:]]}
    assert learned == set(zip(*(column.tolist() for column in pairs_of(dataset.matrices[-1])), strict=True))
    assert len(valid[1:]) == 20 and len(learned) == len(train[1:]) + 20
