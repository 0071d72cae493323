"""Suites over a small shop, whose queued runs are trained in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from nmtr.data.library import Library
from nmtr.runs.job import execute
from nmtr.runs.store import RunStore
from nmtr.suites.experiment import SuiteRequest, carry_out
from nmtr.suites.outcome import SuiteResult
from nmtr.workspace import Workspace, batch
from tests.conftest import random_dataset

Perform = Callable[..., SuiteResult]


@pytest.fixture(scope="module")
def trained_here() -> Iterator[None]:
    """What is queued is trained by a thread of this process: real runs, without a process start for each."""
    ended = Event()
    threads: dict[Path, Thread] = {}

    def work(home: Path) -> None:
        store, library = RunStore(home), Library(home / "data")
        while not ended.is_set():
            if (run := store.claim(slots=1)) is None:
                ended.wait(0.02)
            else:
                execute(store, library, store.attach(run.id).id)
        store.close()

    def ensure_running(home: Path, slots: int | None = None) -> None:
        if home not in threads:
            threads[home] = Thread(target=work, args=(home,), daemon=True)
            threads[home].start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nmtr.runs.supervisor.ensure_running", ensure_running)
        patch.setattr(batch, "_TICK", 0.02)
        patch.setattr("os.cpu_count", lambda: 1)
        yield
        ended.set()
        for thread in threads.values():
            thread.join(300)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, trained_here: None) -> Iterator[Workspace]:
    """A home with the data set shop, and shop2, of two behaviors."""
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    workspace.data.save(random_dataset())
    yield workspace
    workspace.runs.close()


@pytest.fixture(scope="module")
def perform(workspace: Workspace) -> Perform:
    """Carry a suite out on the shop with two epochs and one seed, if not said otherwise."""

    def perform(suite: str, *methods: str, **options: object) -> SuiteResult:
        given = {"data": "shop", "methods": methods, "seeds": 1, "options": {"epochs": 2, "embedding_size": 4}}
        return carry_out(workspace, SuiteRequest(suite, **(given | options)))  # type: ignore[arg-type]

    return perform
