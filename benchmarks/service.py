"""What people wait for: a result, a job to begin, a list of recommendations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import call
from benchmarks.core import Case, Figures, Measure, Side, Target, figure
from benchmarks.data import LIBRARY, ensure
from benchmarks.errors import BenchmarkError
from benchmarks.places import ROOT, real_data
from benchmarks.workers import resolved
from nmtr.data.library import Library
from nmtr.workspace import Workspace

_DATA = "beibei-shaped"
#: As the paper has it, which the result stands beside.
_OPTIONS = ("--protocol", "standard", "--loss")
_SHAPED = "Beibei-shaped (invented; 21,716 users x 7,977 items), view + cart + buy"


def to_result(loss: str) -> Figures:
    """Seconds of the command `nmtr train` on the real Beibei, and what it printed."""
    folder = real_data("beibei")
    if folder is None:
        raise BenchmarkError("the real Beibei must be in the folder beibei under NMTR_DATA_DIR; it is not.")
    with tempfile.TemporaryDirectory() as home:
        _nmtr(home, "data", "add", "beibei", "--from", str(folder))
        started = time.perf_counter()
        run = _nmtr(home, "train", "--data", "beibei", "--behaviors", "cart,buy", "--unit", "gmf", *_OPTIONS, loss)
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "HR@100": run["test"]["HR@100"],
        "epochs": run["epochs"],
        "peak_mb": run["peak_memory_mb"],
    }


def _nmtr(home: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", "nmtr", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "NMTR_HOME": home})
    if done.returncode:
        raise BenchmarkError(f"nmtr {' '.join(arguments)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def job(**options: Any) -> Figures:
    """Seconds from starting a job's process to its first batch."""
    call(ensure, name=_DATA)
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace(Path(home))
        workspace.data.save(Library(LIBRARY).load(_DATA))
        run = workspace.start(resolved(workspace.data.load(_DATA), options))
        return call(first_batch, home=home, run=run.id, started=time.time())


def first_batch(home: str, run: str, started: float) -> Figures:
    """Executes a run up to its first batch: seconds since `started`, by the clock that processes share."""
    from nmtr.runs.job import execute

    reached: list[float] = []

    def stop() -> bool:
        reached.append(time.time())
        return True

    workspace = Workspace(Path(home))
    ended = execute(workspace.runs, workspace.data, run, should_stop=stop)
    if not reached:
        raise BenchmarkError(f"the job did not begin: {ended.error}")
    return {"seconds": reached[0] - started}


def recommending(unit: str, data: str = _DATA, users: int = 300, folder: str = str(LIBRARY)) -> Figures:
    """Milliseconds of one user's top 100, warm; the weights are untrained, which changes no step of it."""
    from nmtr.experiment import Experiment, load_scorer
    from nmtr.explain import Fitted, recommend

    dataset = Library(Path(folder)).load(data)
    config = resolved(dataset, {"unit": unit})
    scorer, parts = load_scorer(config, dataset, Experiment(config, dataset).state()["model"])
    fitted = Fitted("untrained", config, dataset, parts, scorer)
    seconds = []
    for user in np.random.default_rng(0).choice(dataset.users, users + 20):
        started = time.perf_counter()
        recommend(fitted, str(user), 100)
        seconds.append(time.perf_counter() - started)
    warm = np.array(seconds[20:]) * 1000
    return {"p50": float(np.quantile(warm, 0.5)), "p95": float(np.quantile(warm, 0.95))}


def _recommend_side(unit: str) -> Side:
    def measure() -> Figures:
        call(ensure, name=_DATA)
        return call(recommending, unit=unit)

    return Side(f"recommend {unit}", measure)


def _quality(loss: str, side: Side) -> tuple[Measure, ...]:
    return (
        figure(side, "seconds", f"{loss}: command to result", "s", Target(100)),
        figure(side, "HR@100", f"{loss}: HR@100", "", Target(0.2979, at_least=True)),
        figure(side, "epochs", f"{loss}: epochs", ""),
        figure(side, "peak_mb", f"{loss}: peak memory", "MB"),
    )


EXACT = Side("nmtr train, exact", lambda: to_result("exact"))
SQUARED = Side("nmtr train, squared", lambda: to_result("squared"))
JOB_GMF = Side("job GMF exact", lambda: job(unit="gmf"))
JOB_NEUMF = Side("job NeuMF sampled", lambda: job(unit="neumf"))
RECOMMEND_GMF, RECOMMEND_NEUMF = _recommend_side("gmf"), _recommend_side("neumf")

CASES = (
    Case(
        "time-to-quality",
        "Time to the paper's HR@100 with NMTR-GMF",
        "The real Beibei, cart + buy, protocol standard, seed 0: `nmtr train --unit gmf --protocol standard` with "
        "everything else as it is by default, from the command to its result. The epoch is chosen on validation and "
        "tested once. The paper's Table IV: .2979.",
        (EXACT, SQUARED),
        (*_quality("exact", EXACT), *_quality("squared", SQUARED)),
    ),
    Case(
        "job-start",
        "Start of a job",
        f"{_SHAPED}: from starting the process to the first batch of the first epoch.",
        (JOB_GMF, JOB_NEUMF),
        (
            figure(JOB_GMF, "seconds", "NMTR-GMF, exact", "s", Target(5)),
            figure(JOB_NEUMF, "seconds", "NMTR-NeuMF, sampled", "s", Target(5)),
        ),
    ),
    Case(
        "recommend",
        "Recommend the top 100 of 8,000 items to one user",
        f"{_SHAPED}, 300 random users one by one, after 20 to warm up.",
        (RECOMMEND_GMF, RECOMMEND_NEUMF),
        (
            figure(RECOMMEND_GMF, "p50", "NMTR-GMF, median", "ms"),
            figure(RECOMMEND_GMF, "p95", "NMTR-GMF, p95", "ms", Target(10)),
            figure(RECOMMEND_NEUMF, "p50", "NMTR-NeuMF, median", "ms"),
            figure(RECOMMEND_NEUMF, "p95", "NMTR-NeuMF, p95", "ms", Target(30)),
        ),
    ),
)
