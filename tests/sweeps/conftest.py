"""Studies whose runs are trained by the fakes, in threads of this process that claim what is queued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from nmtr.config import RunConfig
from nmtr.data import library
from nmtr.errors import RunError
from nmtr.runs import job
from nmtr.sweeps import Plan, Study, create, trainer
from nmtr.workspace import Workspace
from tests.sweeps.fakes import GO_ON, INFO, JUDGED, Experiment, Library

Begin = Callable[..., Study]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(trainer, "_TICK", 0.02)
    monkeypatch.setattr(trainer, "_WORD", 0.02)
    monkeypatch.setattr(trainer, "_WORKER_TICK", 0.2)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Every name is a data set of the fakes', with the behaviors view and buy."""
    monkeypatch.setattr(library.Library, "info", lambda self, name: INFO)
    workspace = Workspace(tmp_path)
    yield workspace
    workspace.runs.close()


@pytest.fixture
def workers(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int | None]]:
    """The slots of each supervisor that was asked for."""
    asked: list[int | None] = []
    threads: list[Thread] = []
    ended = Event()

    def work(slots: int) -> None:
        while not ended.is_set():
            if (run := workspace.runs.claim(slots)) is None:
                ended.wait(0.01)
            else:
                job.execute(workspace.runs, Library(), workspace.runs.attach(run.id).id)  # type: ignore[arg-type]

    def ensure_running(home: Path, slots: int | None = None) -> None:
        asked.append(slots)
        while len(threads) < (slots or 1):
            threads.append(Thread(target=work, args=(slots or 1,), daemon=True))
            threads[-1].start()

    advance = trainer.StudyDriver._advance

    def judge(driver: trainer.StudyDriver, taken: Any) -> bool:
        over = advance(driver, taken)
        JUDGED[taken.runs[0].config.model_dump_json()] = taken.read
        return over

    GO_ON.clear()
    JUDGED.clear()
    monkeypatch.setattr(trainer.StudyDriver, "_advance", judge)
    monkeypatch.setattr(job, "new_experiment", Experiment)
    monkeypatch.setattr(job, "_BEAT", 0.02)
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", ensure_running)
    yield asked
    for run in workspace.runs.list("queued", "running"):
        with suppress(RunError):  # it has ended
            workspace.runs.request_cancel(run.id)
    ended.set()
    for thread in threads:
        thread.join(300)


@pytest.fixture
def begin(workspace: Workspace, workers: list[int | None]) -> Begin:
    """A new study of λ in steps of a fifth, of runs that train at once, if not said otherwise."""

    def begin(data: str = "quick", epochs: int = 2, rank_every: int = 1, **plan: Any) -> Study:
        config = RunConfig(data=data, epochs=epochs, rank_every=rank_every, threads=1)
        step = {} if plan.get("sampler") == "tpe" else {"step": 0.2}
        return create(workspace, Plan.parse({"config": config, **step, **plan}))

    return begin
