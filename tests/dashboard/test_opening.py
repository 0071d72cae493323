"""What a first view shows is kept, is what the model says, and needs no model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmtr import opening
from nmtr.explain import explain, recommend
from nmtr.workspace import Workspace
from tests.dashboard.conftest import HOSTILE, Open, Runs, words

_WITHOUT = """
import sys
from pathlib import Path
from nmtr.workspace import Workspace

run, home = sys.argv[1:]
found = Workspace(Path(home)).kept_opening(run)
assert not {"torch", "nmtr.experiment"} & {*sys.modules}
print(found.top.items[0].item, found.why.rank, len(found.order))
"""


@pytest.fixture
def run(runs: Runs) -> str:
    return runs["shop clean nmtr"]


def test_it_is_what_the_model_says(home: Path, run: str) -> None:
    workspace = Workspace(home)
    made = workspace.opening(run)
    assert workspace.kept_opening(run) == made
    fitted, chances = workspace.fitted(run), workspace.chances(run)
    user = opening.first_shopper(workspace.data.load("shop"))
    top = recommend(fitted, user, opening.TOP, chances)
    assert (made.top, made.why) == (top, explain(fitted, user, top.items[0].item, chances))
    everything = recommend(fitted, user, fitted.dataset.num_items, chances)
    assert [*made.order] == [item.item for item in everything.items]


def test_it_needs_no_torch(home: Path, run: str) -> None:
    made = Workspace(home).opening(run)
    assert made.why is not None
    command = [sys.executable, "-c", _WITHOUT, run, str(home)]
    said = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == [made.top.items[0].item, str(made.why.rank), str(len(made.order))]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: json.dumps({**json.loads(text), "version": "0 0"}),
        lambda text: json.dumps({**json.loads(text), "run": "another1"}),
        lambda text: json.dumps({**json.loads(text), "top": {**json.loads(text)["top"], "user": "u0"}}),
        lambda text: json.dumps({**json.loads(text), "why": {"__class__": "os.system"}}),
    ],
    ids=["damaged", "older", "of another run", "of another shopper", "forged"],
)
def test_what_is_not_this_runs_is_worked_out_again(home: Path, run: str, change: object) -> None:
    workspace = Workspace(home)
    made = workspace.opening(run)
    path = workspace.runs.folder(run) / opening.NAME
    path.write_text(change(path.read_text("utf-8")), encoding="utf-8")  # type: ignore[operator]
    assert workspace.kept_opening(run) is None
    assert workspace.opening(run) == made == workspace.kept_opening(run)


def test_titles_are_those_that_the_data_set_has_now(home: Path, run: str) -> None:
    workspace = Workspace(home)
    made = workspace.opening(run)
    path = workspace.runs.folder(run) / opening.NAME
    kept = json.loads(path.read_text("utf-8"))
    for item in kept["top"]["items"]:
        item["title"] = "as it was called before"
    path.write_text(json.dumps(kept), encoding="utf-8")
    found = workspace.kept_opening(run)
    assert found is not None and found.top == made.top
    assert all(item.title in (HOSTILE, f"Thing {item.item[1:]}") for item in found.top.items)


def test_what_cannot_be_written_is_not_kept_and_shown_all_the_same(home: Path, run: str) -> None:
    workspace = Workspace(home)
    path = workspace.runs.folder(run) / opening.NAME
    path.unlink(missing_ok=True)
    path.mkdir()  # a file cannot take its place
    try:
        assert workspace.opening(run).run == run
        assert [other.name for other in path.parent.iterdir() if other.suffix == ".tmp"] == []
    finally:
        path.rmdir()


def test_page_shows_what_is_kept_without_asking_the_model(
    open_page: Open, home: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard import cache

    made = Workspace(home).opening(run)
    cache._opening.clear()

    def asked(home: str, run: str) -> None:
        raise AssertionError("a first view waits for no model")

    monkeypatch.setattr(cache, "_fitted", asked)
    app = open_page("shopper", run=run)
    assert not app.error and not app.exception
    assert made.why is not None and f"Rank 1 of {made.why.candidates}" in words(app)
