"""A reduced table3 as a user runs it: a command, its worker, and a process a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from nmtr.workspace import Workspace
from tests.conftest import random_dataset

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    workspace = Workspace(tmp_path)
    workspace.data.save(random_dataset())
    workspace.runs.close()
    yield tmp_path
    for worker in workers(tmp_path):
        worker.terminate()
        worker.wait(300)


def workers(home: Path) -> list[psutil.Process]:
    command = ["nmtr.runs.supervisor", str(home), "2"]
    return [one for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[-3:] == command]


def suite(home: Path, methods: str) -> Any:
    arguments = [
        "table3",
        "--data",
        "shop",
        "--methods",
        methods,
        "--seeds",
        "2",
        "--epochs",
        "2",
        "--jobs",
        "2",
        "--json",
    ]
    command = [sys.executable, "-m", "nmtr", "suite", *arguments]
    environment = {**os.environ, "NMTR_HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_reduced_table3_trains_in_the_background_and_goes_on_from_what_is_there(home: Path) -> None:
    outcome = suite(home, "nmtr-gmf,popularity")
    assert len(workers(home)) == 1
    assert [(row["label"], [run["seed"] for run in row["runs"]]) for row in outcome["rows"]] == [
        ("NMTR-GMF", [0, 1]),
        ("Popularity", [0, 1]),
    ]
    store = Workspace(home).runs
    runs = store.list()
    store.close()
    assert {run.state for run in runs} == {"done"} and len(runs) == 4
    assert {run.config.threads for run in runs} == {max(1, (os.cpu_count() or 1) // 2)}

    more = suite(home, "nmtr-gmf,last-behavior")
    assert (more["runs"], more["runs_there"]) == (4, 2)
    assert more["rows"][0]["runs"] == outcome["rows"][0]["runs"]
