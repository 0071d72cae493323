"""Trainings whose job, supervisor and web server are killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from urllib.request import urlopen

import psutil
import pytest

from nmtr.data.library import Library
from nmtr.runs import job, process, supervisor
from nmtr.runs.store import Run, RunStore
from tests.conftest import random_dataset, resolved
from tests.runs import nursery
from tests.runs.fakes import eventually
from tests.runs.test_end_to_end import assert_as_undisturbed

MOMENTS = 20
LONGEST = 0.4  # seconds to a kill: as long as a start and a few epochs take


class Nursery:
    """The processes that it bore."""

    def __init__(self, home: Path, births: Path) -> None:
        self.home, self.births = home, births
        self.before = len(births.read_text().splitlines())  # born for other tests

    def open_page(self) -> None:
        with (self.home / "page.log").open("ab") as log:
            nursery.Child([sys.executable, "-m", nursery.PAGE, str(self.home)], stdout=log)

    def living(self, module: str) -> list[int]:
        """Pids of those that live; the youngest last."""
        born = [line.split() for line in self.births.read_text().splitlines()[self.before :]]
        return [
            int(pid)
            for name, pid, start in born
            if name == module and start != "None" and process.is_alive(int(pid), float(start))
        ]


@pytest.fixture(scope="module")
def births(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A nursery's record of whom it bore."""
    births = tmp_path_factory.mktemp("nursery") / "births"
    births.touch()
    command = [sys.executable, "-m", "tests.runs.nursery", str(births)]
    environment, folder = {**os.environ, "OMP_NUM_THREADS": "1"}, Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as server:
        assert server.stdout is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NURSERY", server.stdout.readline().strip())
            yield births
        server.kill()


@pytest.fixture
def nursed(tmp_path: Path, births: Path) -> Iterator[Nursery]:
    nursed = Nursery(tmp_path, births)
    yield nursed
    for module in nursery.MODULES:
        for pid in nursed.living(module):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_training_whose_job_supervisor_and_page_are_killed_at_random_ends_as_an_undisturbed_one(
    store: RunStore, nursed: Nursery, one_thread: None
) -> None:
    """Each moment takes one, two or all three of them, half of the moments soon after an epoch. Runs follow each other
    until all moments are over. Three deaths without an epoch fail a run, as they should, and its user resumes it."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    dataset = random_dataset(num_users=100, num_items=120)
    Library(store.root / "data").save(dataset)
    options = {
        "loss": "sampled",
        "optimizer": "adam",
        "dropout": 0.2,
        "batch_size": 512,
        "epochs": 12,
        "patience": 0,
        "rank_every": 2,
        "refit": True,
    }
    config = resolved(dataset, **options)
    undisturbed = store.create(config, dataset.fingerprint, foreground=True)
    assert job.execute(store, Library(store.root / "data"), undisturbed.id).state == "done"

    runs: list[Run] = []
    resumed = 0
    nursed.open_page()
    moments = 0
    while moments < MOMENTS:
        killed = 0
        resumed += resume_failed(store, runs)
        if not store.list("queued", "running"):
            runs.append(store.create(config, dataset.fingerprint))
        if chance.random() < 0.5:
            after_an_epoch(store, runs[-1])
        time.sleep(chance.uniform(0, LONGEST))
        living = {module: pids for module in nursery.MODULES if (pids := nursed.living(module))}
        victims = {
            module: chance.choice(living[module])
            for module in chance.sample(sorted(living), chance.randint(1, len(living)))
        }
        print(f"run {len(runs)}, {len(store.reports(runs[-1].id))} epochs: {victims}")
        for pid in victims.values():
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, signal.SIGKILL)
                killed += 1
        moments += killed > 0
        if nursery.PAGE in victims:
            nursed.open_page()

    def all_done() -> bool:
        nonlocal resumed
        resumed += resume_failed(store, runs)
        return all(store.get(run.id).state == "done" for run in runs)

    eventually(all_done)
    print(f"{len(runs)} runs, {resumed} resumed")
    assert not (store.root / nursery.TWICE).exists()
    assert len(store.list()) == len(runs) + 1
    for run in runs:
        assert_as_undisturbed(store, run, undisturbed)
        assert not list(store.folder(run.id).glob("*.tmp"))
    eventually(lambda: not nursed.living(nursery.JOB))
    eventually(lambda: len(nursed.living(nursery.SUPERVISOR)) <= 1)  # who found another there has gone
    assert len(nursed.living(nursery.PAGE)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_of_twenty_supervisors_asked_for_at_once_one_works(
    store: RunStore, nursed: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = random_dataset()
    Library(store.root / "data").save(dataset)
    runs = [store.create(resolved(dataset, epochs=2), dataset.fingerprint) for _ in range(3)]
    monkeypatch.setattr(supervisor.subprocess, "Popen", nursery.Child)
    together = Barrier(20)

    def ask(_: int) -> None:
        together.wait()
        supervisor.ensure_running(store.root)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, range(20)))
    eventually(lambda: all(store.get(run.id).state == "done" for run in runs))
    assert not (store.root / nursery.TWICE).exists()
    assert len(nursed.living(nursery.SUPERVISOR)) >= 1
    eventually(lambda: len(nursed.living(nursery.SUPERVISOR)) == 1)
    jobs = [line for line in nursed.births.read_text().splitlines()[nursed.before :] if line.startswith(nursery.JOB)]
    assert len(jobs) == len(runs)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no groups of processes")
def test_run_ends_as_an_undisturbed_one_though_the_web_server_that_started_its_supervisor_is_killed(
    store: RunStore, one_thread: None
) -> None:
    dataset = random_dataset()
    Library(store.root / "data").save(dataset)
    config = resolved(dataset, epochs=100, patience=0)
    undisturbed = store.create(config, dataset.fingerprint, foreground=True)
    assert job.execute(store, Library(store.root / "data"), undisturbed.id).state == "done"
    run = store.create(config, dataset.fingerprint)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "nmtr", "dashboard", "--no-demo", "--port", str(port)],
        env={**os.environ, "NMTR_HOME": str(store.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(lambda: serves(port) and store.get(run.id).epoch)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    try:
        assert store.get(run.id).state == "running"
        eventually(lambda: not store.get(run.id).live)
        assert_as_undisturbed(store, run, undisturbed)
        assert not serves(port)
    finally:
        for left in supervisors(store.root):
            left.terminate()
            left.wait(300)


def serves(port: int) -> bool:
    """Whether a dashboard answers there."""
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
        return True
    return False


def supervisors(home: Path) -> list[psutil.Process]:
    command = [nursery.SUPERVISOR, str(home)]
    return [each for each in psutil.process_iter(["cmdline"]) if (each.info["cmdline"] or [])[-2:] == command]


def after_an_epoch(store: RunStore, run: Run) -> None:
    """Wait until the run is an epoch further, or has ended, or can be taken to have been killed too often."""
    trained, deadline = store.get(run.id).seconds, time.monotonic() + 2
    while store.get(run.id).live and store.get(run.id).seconds == trained and time.monotonic() < deadline:
        time.sleep(0.01)


def resume_failed(store: RunStore, runs: list[Run]) -> int:
    """Resume what failed, as its user would, of the one thing that may fail it; how many."""
    failed = [run for run in map(store.get, (run.id for run in runs)) if run.state == "failed"]
    for run in failed:
        assert run.error is not None and "ended 3 times without finishing an epoch" in run.error
        store.requeue(run.id)
    return len(failed)
