"""The demo: synthetic data and ready-made runs, so that the first page has something to show.

`assets/demo` holds the data set and, a folder each, runs that were trained on it by `python -m nmtr.demo`, which makes
them all anew, and their chances. `install` brings them into a home.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from nmtr import opening
from nmtr.chances import kept
from nmtr.config import PROTOCOLS, RunConfig
from nmtr.data.catalogue import add
from nmtr.evaluation.result import Result
from nmtr.runs.checkpoint import RANKS, WEIGHTS
from nmtr.runs.store import Run
from nmtr.shipped import ASSETS
from nmtr.training.report import EpochReport
from nmtr.workspace import Workspace

DEMO = ASSETS / "demo"
NAME = "demo"
_INSTALLED = "demo.installed"  # stands in a home that has had its demo

_SMALL: dict[str, object] = {"data": NAME, "embedding_size": 32}
_RULES: list[dict[str, object]] = [{"data": NAME, "method": "popularity"}, {"data": NAME, "method": "last-behavior"}]
# Chosen on validation from L2 1e-4 … 3e-3, dropout 0 and 0.3, learning rate 0.02 … 0.1.
_BPR: dict[str, object] = {"method": "bpr", "l2_embeddings": 3e-4, "dropout": 0.3, "learning_rate": 0.1}
# Lower behaviors hold pairs out, too, so that all chances were checked, and how many go on from step to step is known.
_CASCADE: dict[str, object] = {**_SMALL, "hold_out_lower": True}
_TRAINED = [{**_SMALL, **_BPR}, {**_CASCADE, "unit": "neumf"}, {**_CASCADE, "unit": "gmf"}]
#: The ready-made runs; the dashboard opens on the last.
RUNS = [{**options, "protocol": protocol} for options in _RULES + _TRAINED for protocol in PROTOCOLS]


def install(workspace: Workspace, again: bool = False) -> None:
    """Bring the demo data and its ready-made runs, once: what the user removes stays removed, but where it is asked
    for again."""
    marker = workspace.home / _INSTALLED
    if marker.exists() and not again:
        return
    if NAME not in workspace.data.names():
        add(workspace.data, NAME)
    fingerprint = workspace.data.info(NAME).fingerprint
    # Those that an interrupted install brought are not brought again.
    here = [run.config for run in workspace.runs.list("done") if run.fingerprint == fingerprint]
    for path in sorted(DEMO.glob("*/run.json")):
        saved = json.loads(path.read_text(encoding="utf-8"))
        if saved["fingerprint"] == fingerprint and RunConfig.parse(saved["config"]) not in here:
            _install_run(workspace, path.parent, saved)
    marker.touch()


def _install_run(workspace: Workspace, folder: Path, saved: dict[str, Any]) -> None:
    run = workspace.runs.create(RunConfig.parse(saved["config"]), saved["fingerprint"], foreground=True)
    for report in saved["reports"]:
        workspace.runs.report(run.id, EpochReport.model_validate(report))
    for name in (RANKS, WEIGHTS):
        if (folder / name).exists():
            shutil.copyfile(folder / name, workspace.runs.folder(run.id) / name)
    if chances := kept.read(folder / kept.NAME, NAME):
        kept.write(workspace.runs.folder(run.id) / kept.NAME, chances.model_copy(update={"run": run.id}))
    workspace.runs.finish(run.id, Result.model_validate(saved["result"]))
    if first := opening.read(folder / opening.NAME, NAME, workspace.data.load(NAME)):
        opening.write(workspace.runs.folder(run.id) / opening.NAME, first.model_copy(update={"run": run.id}))


def build(assets: Path = DEMO) -> None:
    """Make the demo's assets anew: generate the data, train the runs, and write what they left."""
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace(Path(home))
        add(workspace.data, NAME)
        runs = [workspace.train(RunConfig.parse(options)) for options in RUNS]
        shutil.rmtree(assets, ignore_errors=True)
        for number, run in enumerate(runs):
            _save_run(workspace, run, assets / f"{number:02d}-{run.config.method}-{run.config.protocol}")


def _save_run(workspace: Workspace, run: Run, folder: Path) -> None:
    assert run.result is not None, "the run is done"
    folder.mkdir(parents=True)
    saved = {
        "config": run.config.to_json(),
        "fingerprint": run.fingerprint,
        "result": run.result.model_dump(mode="json"),
        "reports": [report.model_dump(mode="json") for report in workspace.runs.reports(run.id)],
    }
    (folder / "run.json").write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    for name in (RANKS, WEIGHTS):
        if (workspace.runs.folder(run.id) / name).exists():
            shutil.copyfile(workspace.runs.folder(run.id) / name, folder / name)
    kept.write(folder / kept.NAME, workspace.chances(run.id).model_copy(update={"run": NAME}))
    opening.write(folder / opening.NAME, workspace.opening(run.id).model_copy(update={"run": NAME}))


if __name__ == "__main__":
    build()
