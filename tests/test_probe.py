"""A short timed probe of a run: in a process of its own, kept, and believed by estimates and refusals."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nmtr import probe
from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo
from nmtr.errors import CapacityError, NmtrError, RunError
from nmtr.estimate import Pace, check_capacity, estimate
from nmtr.models.rules import Popularity
from nmtr.training.report import Stopped
from nmtr.workspace import Workspace
from tests.conftest import random_dataset, resolved

PACE = Pace(preparing=3.0, epoch=2.0, ranking=0.5, saving=0.25, bytes=1 << 30)
SMALL = {"data": "shop", "embedding_size": 4, "epochs": 10, "threads": 1}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.chdir(Path(__file__).parents[1])  # its process imports nmtr from the working folder
    workspace = Workspace(tmp_path / "home")
    workspace.data.save(random_dataset())
    yield workspace
    workspace.runs.close()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let the process of a probe end like this, without starting one; returns how it was called."""

    def end(code: int = 0, out: str = PACE.model_dump_json(), err: str = "", late: bool = False) -> list[Any]:
        calls: list[Any] = []

        def run(command: list[str], **options: Any) -> Any:
            calls.append((command, options))
            if late:
                raise subprocess.TimeoutExpired(command, options["timeout"])
            return SimpleNamespace(returncode=code, stdout=out + "\n", stderr=err)

        monkeypatch.setattr(subprocess, "run", run)
        return calls

    return end


# The process


def test_probe_times_the_run_in_another_process_and_estimates_believe_it(workspace: Workspace) -> None:
    config = RunConfig.parse(SMALL)
    assert workspace.estimate(config).pace is None
    said = workspace.probe(config)
    assert said.measured and said.pace is not None
    assert min(said.pace.preparing, said.pace.epoch, said.pace.ranking, said.pace.saving) > 0
    assert 100 << 20 < said.bytes < 2 << 30
    assert workspace.estimate(config) == said
    assert workspace.runs.list() == () and not [*workspace.home.glob("runs/*")]
    # What is kept is of these options, this data and this machine.
    same = [{"seed": 3}, {"lambdas": (0.2, 0.3, 0.5)}, {"epochs": 20}, {"learning_rate": 0.3}]
    assert all(workspace.estimate(RunConfig.parse(SMALL | options)).pace == said.pace for options in same)
    others = [
        {"unit": "mlp"},
        {"loss": "squared"},
        {"embedding_size": 8},
        {"behaviors": ("view", "buy")},
        {"threads": 2},
    ]
    assert all(workspace.estimate(RunConfig.parse(SMALL | options)).pace is None for options in others)
    workspace.remove_data("shop")
    workspace.data.save(random_dataset(seed=1))
    assert workspace.estimate(config).pace is None


def test_process_gets_the_resolved_config_and_the_runs_threads(
    workspace: Workspace, ended: Callable[..., list[Any]]
) -> None:
    calls = ended()
    assert workspace.probe(RunConfig.parse(SMALL | {"threads": 3})).pace == PACE
    ((command, options),) = calls
    assert command[-3:] == ["-m", "nmtr.probe", str(workspace.home)]
    assert options["env"] == {**os.environ, "OMP_NUM_THREADS": "3"}
    assert '"behaviors": ["view", "cart", "buy"]' in options["input"]
    workspace.probe(RunConfig.parse(SMALL | {"threads": 3}))
    assert len(calls) == 2  # asked again, it is timed again


@pytest.mark.parametrize(
    ("ending", "error", "sentence"),
    [
        (
            {"code": -9},
            CapacityError,
            r"process was killed \(signal 9\), as it is where memory is short: take a smaller",
        ),
        ({"late": True}, CapacityError, "should take seconds and were not through after 120: take a smaller"),
        ({"code": 2, "err": "a\nthe loss is no number.\n"}, RunError, r"^the loss is no number\.$"),
        (
            {"code": 1, "err": "Traceback\nOSError: no\n"},
            RunError,
            r"^the run could not be timed \(OSError: no\); try ",
        ),
        ({"code": 1}, RunError, "it said nothing"),
    ],
)
def test_probe_that_does_not_end_well_is_one_sentence_and_keeps_nothing(
    workspace: Workspace,
    ended: Callable[..., list[Any]],
    ending: dict[str, Any],
    error: type[NmtrError],
    sentence: str,
) -> None:
    config = RunConfig.parse(SMALL)
    ended(**ending)
    with pytest.raises(error, match=sentence):
        workspace.probe(config)
    assert workspace.estimate(config).pace is None


def test_run_that_was_timed_and_does_not_fit_is_refused_with_the_numbers(
    workspace: Workspace, ended: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(out=PACE.model_copy(update={"bytes": 1 << 50}).model_dump_json())
    config = RunConfig.parse(SMALL)
    for ask in (workspace.probe, workspace.estimate, workspace.submit):
        with pytest.raises(CapacityError, match=r"^the run needs about 1048576\.0 GiB of memory and this machine has "):
            ask(config)
    assert workspace.runs.list() == ()


def test_probe_that_cannot_be_kept_is_refused_in_a_sentence_and_leaves_nothing(
    workspace: Workspace, ended: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended()
    config = RunConfig.parse(SMALL)
    (workspace.home / "probes").touch()  # as little of a folder as one that cannot be made
    with pytest.raises(RunError, match=r"^timing a run needs .*probes to be a folder .* \(File exists\): mend that"):
        workspace.probe(config)
    (workspace.home / "probes").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nmtr.probe.os.replace", full)
    with pytest.raises(RunError, match=r"^timing a run needs .*probes .*\(No space left on device\): mend that, or"):
        workspace.probe(config)
    assert not [*(workspace.home / "probes").glob("*.tmp")] and workspace.estimate(config).pace is None


def test_damaged_file_of_a_probe_counts_as_none(workspace: Workspace, ended: Callable[..., list[Any]]) -> None:
    config = RunConfig.parse(SMALL)
    ended()
    workspace.probe(config)
    (file,) = (workspace.home / "probes").glob("*.json")
    file.write_text("{")
    assert workspace.estimate(config).pace is None


# What follows from a pace


def of_shop(**options: Any) -> tuple[RunConfig, DatasetInfo]:
    dataset = random_dataset()
    return resolved(dataset, **options), DatasetInfo.of(dataset)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"epochs": 10}, 3 + 10 * (2 + 0.5 + 0.25) + 0.5),
        ({"epochs": 10, "watch_test": True}, 3 + 10 * (2 + 1 + 0.25) + 0.5),
        ({"epochs": 10, "rank_every": 3}, 3 + 10 * (2 + 0.25) + 4 * 0.5 + 0.5),
        ({"epochs": 10, "rank_every": 5, "watch_test": True}, 3 + 10 * (2 + 0.25) + 2 * 1 + 0.5),
        ({"epochs": 10, "rank_every": 99, "refit": True}, 3 + 20 * (2 + 0.25) + 0.5 + 0.5),
        ({"epochs": 10, "refit": True}, 3 + 10 * (2 + 0.5 + 0.25) + 10 * (2 + 0.25) + 0.5),
        ({"method": "popularity"}, 3 + 0.5 + 0.5),
    ],
    ids=str,
)
def test_seconds_of_a_run_are_those_of_its_parts(options: dict[str, Any], seconds: float) -> None:
    config, info = of_shop(**options)
    said = estimate(config, info, [(config, info, 100.0)], PACE)
    assert said.seconds == pytest.approx(seconds)
    assert (said.bytes, said.measured, said.pace) == (1 << 30, True, PACE)


def test_memory_is_told_from_the_sizes_where_the_system_does_not_say() -> None:
    config, info = of_shop()
    silent = PACE.model_copy(update={"bytes": 0})
    assert estimate(config, info, (), silent).bytes == estimate(config, info, ()).bytes


def test_epoch_that_was_timed_counts_before_what_sizes_tell() -> None:
    dataset = random_dataset()
    large = DatasetInfo.of(dataset).model_copy(update={"users": 10**6, "items": 10**6})
    config = resolved(dataset, loss="exact")
    with pytest.raises(CapacityError, match="^an epoch of the exact loss over"):
        check_capacity(config, large)
    check_capacity(config, large, PACE.model_copy(update={"epoch": 599.0}))
    with pytest.raises(CapacityError, match="takes about 20 minutes, and may take 10"):
        check_capacity(config, DatasetInfo.of(dataset), PACE.model_copy(update={"epoch": 1200.0}))


# How a pace is told


class Clock:
    """Time that passes only where somebody works."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Working:
    """A training of so many batches: the first takes a second more, and so does beginning an epoch."""

    def __init__(self, clock: Clock, steps: int, each: float) -> None:
        self.clock, self.steps, self.each = clock, steps, each

    def epoch(self, number: int, stop: Callable[[], bool]) -> tuple[Any, float]:
        started = self.clock.now
        self.clock.now += 1
        for batch in range(self.steps):
            if stop():
                raise Stopped
            self.clock.now += self.each + (batch == 0 and number == 1)
        return np.zeros(1), self.clock.now - started


@pytest.mark.parametrize(
    ("steps", "each", "seconds"),
    [
        (1000, 0.1, 1 + 100.0),  # stopped after some batches
        (1000, 9.0, 1 + 9000.0),  # each longer than there is time for
        (3, 0.1, 1 + 0.3),  # so short that the second epoch is timed whole
        (1, 50.0, 52.0),  # one batch and no second one
    ],
)
def test_epoch_is_told_from_its_batches_without_the_first(
    monkeypatch: pytest.MonkeyPatch, steps: int, each: float, seconds: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(probe, "time", clock)
    working = Working(clock, steps, each)
    assert probe._epoch_seconds(working.epoch, steps, 2.5) == pytest.approx(seconds)
    assert clock.now <= 3 + 4 * max(each, 1) + 2.5


@pytest.mark.parametrize(("users", "budget"), [(40, 9.0), (5000, 1.0), (5000, 1e9)])
def test_ranking_is_told_from_some_users_without_the_first_block(
    monkeypatch: pytest.MonkeyPatch, users: int, budget: float
) -> None:
    clock, ranked = Clock(), []
    dataset = random_dataset(users, 30, purchases=3)

    def rank(scorer: Any, held_out: Any, left_out: Any) -> None:
        ranked.append(int((held_out >= 0).sum()))
        clock.now += 0.01 * ranked[-1] + (len(ranked) == 1 and users > 128)

    monkeypatch.setattr(probe, "time", clock)
    monkeypatch.setattr("nmtr.experiment.rank", rank)
    scorer = Popularity(dataset.matrices)
    seconds = probe._ranking_seconds(scorer, dataset.test_item, dataset.matrices[-1], budget)
    assert seconds == pytest.approx(0.01 * users)
    assert sum(ranked) <= users and (sum(ranked) == users) == (budget > 1.0)


def test_nobody_to_rank_takes_no_time() -> None:
    dataset = random_dataset()
    nobody = np.full_like(dataset.test_item, -1)
    assert probe._ranking_seconds(Popularity(dataset.matrices), nobody, dataset.matrices[-1], 1.0) == 0.0


def test_module_says_a_sentence_and_ends_with_2_where_the_run_cannot_be(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["probe", str(workspace.home)])
    monkeypatch.setattr("os.nice", lambda by: 0)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"data": "gone"})))
    with pytest.raises(SystemExit, match="2"):
        probe.main()
    assert capsys.readouterr().err.startswith("data set must be one of those added (shop); got 'gone'")
