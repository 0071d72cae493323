"""Studies of λ as their users run them: `nmtr sweep`, its worker, and a process a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.core import Case, Figures, Measure, Side, Target, figure
from benchmarks.errors import BenchmarkError
from benchmarks.places import ROOT, real_data
from nmtr.workspace import Workspace

_BEIBEI = ("--data", "beibei", "--behaviors", "cart,buy", "--protocol", "standard", "--unit", "gmf", "--jobs", "2")
_DEMO = ("--data", "demo", "--protocol", "standard", "--unit", "gmf", "--loss", "squared", "--jobs", "2")


def grid(*options: str) -> Figures:
    """Seconds of a study from its command to its result, in a home of its own."""
    with _home(options) as home:
        return _timed(home, options)[1]


def pruned(loss: str) -> Figures:
    """The same of a pruned study on Beibei; then the rest of its grid is trained, to see whether the choice holds.

    `equally_good`: 1 where the pruned study's best point is among those that cannot be told from the whole grid's best.
    """
    options = (*_BEIBEI, "--loss", loss)
    with _home(options) as home:
        found, figures = _timed(home, (*options, "--prune"))
        whole, rest = _timed(home, options)
    equal = [point["lambdas"] for point in whole["equally_good"]]
    values = {tuple(point["lambdas"]): point["value"] for point in whole["points"]}
    return figures | {
        "rest": rest["seconds"],
        "equally_good": float(found["best"]["lambdas"] in equal),
        "set": float(len(equal)),
        "behind": max(values.values()) - values[tuple(found["best"]["lambdas"])],
    }


def stopping() -> Figures:
    """Seconds from asking a study to stop until none of its runs is live, two of them in the middle of an epoch."""
    from nmtr import sweeps

    with _home(_DEMO) as home:
        study = _nmtr(home, "sweep", *_DEMO, "--loss", "exact", "--epochs", "500", "--patience", "0", "--background")
        workspace = Workspace(home)
        deadline = time.monotonic() + 120
        while sum(run.epoch > 0 for run in workspace.runs.list("running")) < 2:
            if time.monotonic() > deadline:
                raise BenchmarkError("two runs of the study must have begun within two minutes; they did not.")
            time.sleep(0.1)
        began = time.perf_counter()
        sweeps.stop(workspace, study["study"])
        while workspace.runs.list("queued", "running"):
            time.sleep(0.02)
        return {"seconds": time.perf_counter() - began}


def _timed(home: Path, options: tuple[str, ...]) -> tuple[Any, Figures]:
    """What `nmtr sweep` says, and how long it took to say it."""
    began = time.perf_counter()
    study = _nmtr(home, "sweep", *options)
    seconds = time.perf_counter() - began
    states = [point["state"] for point in study["points"]]
    epochs = sum(point["epoch"] for point in study["points"])
    return study, {"seconds": seconds, "points": len(states), "pruned": states.count("pruned"), "epochs": epochs}


@contextmanager
def _home(options: tuple[str, ...]) -> Iterator[Path]:
    """A home with the data set that the options name; its worker ends with it."""
    data = options[options.index("--data") + 1]
    folder = real_data(data)
    if data != "demo" and folder is None:
        raise BenchmarkError(f"the real {data} must be in the folder {data} under NMTR_DATA_DIR; it is not.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        home = Path(name)
        _nmtr(home, "data", "add", data, *(["--from", str(folder)] if data != "demo" else []))
        try:
            yield home
        finally:
            for one in psutil.process_iter(["cmdline"]):
                if "nmtr.runs.supervisor" in (one.info["cmdline"] or []) and name in one.info["cmdline"]:
                    one.terminate()
                    one.wait(20)


def _nmtr(home: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "nmtr", *arguments, "--json"]
    environment = {**os.environ, "NMTR_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        raise BenchmarkError(f"nmtr {' '.join(arguments)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


SQUARED = Side("nmtr sweep, squared", lambda: grid(*_BEIBEI, "--loss", "squared"))
SQUARED_PRUNED = Side("nmtr sweep, squared, pruned", lambda: pruned("squared"))
EXACT_PRUNED = Side("nmtr sweep, exact, pruned", lambda: pruned("exact"))
DEMO = Side("nmtr sweep, demo", lambda: grid(*_DEMO))
STOP = Side("nmtr study --stop", stopping)


def _study(side: Side, seconds: float) -> tuple[Measure, ...]:
    return (
        figure(side, "seconds", "command to result", "s", Target(seconds)),
        figure(side, "epochs", "epochs trained, all points together", ""),
    )


def _choice(side: Side, seconds: float) -> tuple[Measure, ...]:
    return (
        *_study(side, seconds),
        figure(side, "pruned", "points pruned", ""),
        figure(side, "equally_good", "its best is as good as the whole grid's (1: yes)", "", Target(1, at_least=True)),
        figure(side, "set", "points of the whole grid as good as its best", ""),
        figure(side, "behind", "validation HR@100 behind the whole grid's best", ""),
        figure(side, "rest", "the rest of the grid, trained afterwards", "s"),
    )


_GRID = "The real Beibei, cart + buy, protocol standard, seed 0, 60 epochs at most: 11 λ in tenths, two runs at once."
_PRUNED = (
    f"{_GRID} Pruned by successive halving on validation HR@100. As good: not to be told from the best of the whole "
    "grid by a paired bootstrap over users."
)

CASES = (
    Case("sweep-squared", "A study of λ, NMTR-GMF squared", _GRID, (SQUARED,), _study(SQUARED, 120), most_rounds=1),
    Case(
        "sweep-squared-pruned",
        "A pruned study of λ, NMTR-GMF squared",
        _PRUNED,
        (SQUARED_PRUNED,),
        _choice(SQUARED_PRUNED, 120),
        most_rounds=1,
    ),
    Case(
        "sweep-exact-pruned",
        "A pruned study of λ, NMTR-GMF exact",
        _PRUNED,
        (EXACT_PRUNED,),
        _choice(EXACT_PRUNED, 480),
        most_rounds=1,
    ),
    Case(
        "sweep-demo",
        "A study of 28 λ on the demo",
        "The demo, view + cart + buy, protocol standard, seed 0, NMTR-GMF squared: 28 λ in sixths, two runs at once.",
        (DEMO,),
        _study(DEMO, 120),
    ),
    Case(
        "sweep-stop",
        "Stop a study",
        "The demo, NMTR-GMF exact: from asking until none of its runs is queued or running, two of them training.",
        (STOP,),
        (figure(STOP, "seconds", "until nothing runs", "s", Target(2)),),
    ),
)
