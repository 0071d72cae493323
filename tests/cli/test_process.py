"""The command as a process of its own, and beside another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmtr.data.catalogue import add
from nmtr.workspace import Workspace
from tests.cli.conftest import Nmtr
from tests.runs.fakes import eventually

ROOT = Path(__file__).parents[2]
ENDLESS = ("train", "--data", "shop", "--epochs", "10000", "--patience", "0", "--threads", "1", "--json")


@pytest.fixture
def workspace(own_home: Path, shop_csv: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A home with the data set shop; processes import nmtr from the working folder."""
    monkeypatch.chdir(ROOT)
    workspace = Workspace()
    add(workspace.data, "shop", shop_csv)
    yield workspace
    workspace.runs.close()


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nmtr", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def test_stdout_is_the_json_and_nothing_else(workspace: Workspace) -> None:
    process = start("train", "--data", "shop", "--epochs", "2", "--threads", "1", "--json")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["run"] == workspace.runs.list()[0].id
    assert [line.split()[:3] for line in err.splitlines()] == [["NMTR-GMF", "epoch", f"{n}/2"] for n in (1, 2)]


def test_run_in_the_foreground_is_seen_and_cancelled_from_another_process(workspace: Workspace, nmtr: Nmtr) -> None:
    process = start(*ENDLESS)
    [run] = eventually(lambda: [run for run in workspace.runs.list("running") if run.epoch])
    assert (run.foreground, run.pid) == (True, process.pid)
    assert nmtr("cancel", run.id).out == f"run {run.id} is asked to stop\n"
    out, err = process.communicate(timeout=300)
    run = workspace.runs.get(run.id)
    assert (process.returncode, out, run.state) == (2, "", "cancelled")
    assert err.splitlines()[-1] == (
        f"run {run.id} was stopped after epoch {run.epoch}; nmtr resume {run.id} goes on from there."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_sigterm_leaves_a_run_that_can_be_resumed(workspace: Workspace, nmtr: Nmtr) -> None:
    process = start(*ENDLESS)
    [run] = eventually(lambda: [run for run in workspace.runs.list("running") if run.epoch])
    process.terminate()
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (143, "")
    assert err.splitlines()[-1].startswith(f"run {run.id} was stopped after epoch ")
    assert nmtr("resume", run.id, "--json").json["state"] == "queued"


def test_mistake_is_one_sentence_of_a_process_too(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    process = start("train", "--epochs", "ten")
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (2, "", "epochs must be a valid integer; got ten.\n")
    assert not own_home.exists()


def test_listing_data_imports_no_torch(own_home: Path) -> None:
    program = (
        "import sys; from nmtr.cli import main; sys.argv = ['nmtr', 'data', 'list', '--json']\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, 'streamlit' in sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), check=True
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "False False\n")
