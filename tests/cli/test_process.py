"""The command as a process of its own, and beside another."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmtr.data.importing import read
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
    workspace.data.save(read(shop_csv, name="shop"))
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no exec")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("shell", [False, True], ids=["command", "Procfile"])
def test_dashboard_that_is_ended_by_any_signal_leaves_nothing_on_its_port(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, ending: int, shell: bool
) -> None:
    port = free_port()
    monkeypatch.setenv("PORT", str(port))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (own_home / "data").mkdir(parents=True)
    (own_home / "demo.installed").touch()
    web = (ROOT / "Procfile").read_text().strip().removeprefix("web: ")
    if shell:  # as honcho and the like start it, and as a shell that does not exec its last command by itself
        command = ["sh", "-c", f": ; {web}"]
    else:
        command = [sys.executable, "-m", "nmtr", "dashboard", "--no-demo", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port))
        server.send_signal(ending)
        server.wait(15)
        eventually(lambda: is_free(port))
    finally:
        server.kill()
        server.wait()


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
