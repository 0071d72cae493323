"""One run, trained to its end.

`execute` does it in the process that calls it. `python -m nmtr.runs.job HOME RUN_ID` is the child process that the
supervisor spawns for a claimed run; it writes to the run's log. SIGTERM ends it within one step of the training: the
run is cancelled if that was asked for, else it is given back to the queue, and the exit status is 143.

Faults. A damaged checkpoint is left out, and the training goes on from the one before. One that cannot be read for
another reason stays, and the run fails, to be resumed. An epoch whose checkpoint cannot be written, as on a full disk,
is no reason to end a training of hours: it goes on, each such epoch has a line in the log, and a process that ends goes
back to the last checkpoint that was written. Ranks and weights have to be written: where they cannot be, the run fails
with a sentence, keeps its last checkpoint, and is resumed once there is room.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nmtr.config import RunConfig
from nmtr.errors import NmtrError, RunError, lacks_memory
from nmtr.runs import process
from nmtr.runs.store import Run, RunStore
from nmtr.training.report import EpochReport, Stopped

if TYPE_CHECKING:
    from nmtr.data.dataset import Dataset
    from nmtr.experiment import Experiment

LOG = "log.txt"
_BEAT = 0.25  # seconds between two looks at whether the run was cancelled


class DataSource(Protocol):
    """Where data sets come from: the library, as far as a job knows it."""

    def load(self, name: str) -> Dataset: ...


def new_experiment(config: RunConfig, dataset: Dataset) -> Experiment:
    """What is trained; the one place here that needs torch, which takes seconds to import."""
    from nmtr.experiment import Experiment

    return Experiment(config, dataset)


def execute(
    store: RunStore,
    library: DataSource,
    run_id: str,
    on_report: Callable[[EpochReport], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Run:
    """Train a run that is running in this process to its end, from its checkpoint if it has one; the run as it ended.

    `on_report` is called after every epoch; `should_stop` is asked at every batch boundary. Whatever goes wrong makes
    the run failed, with a sentence in `error`, and is not raised; KeyboardInterrupt and SystemExit stop the run and
    are raised again.
    """
    run = store.get(run_id)
    try:
        _train(store, library, run, on_report or (lambda report: None), should_stop or (lambda: False))
    except Stopped:
        _stopped(store, run)
    except (KeyboardInterrupt, SystemExit):
        _stopped(store, run)
        raise
    except Exception as error:
        if not isinstance(error, NmtrError):
            _note(store, run_id, traceback.format_exc())
        with suppress(RunError):  # it is no longer this process's: nothing to say
            store.fail(run_id, _sentence(error))
    return store.get(run_id)


def child(store: RunStore, library: DataSource, run_id: str) -> int:
    """Take a claimed run and execute it; the exit status of the process."""
    process.exit_on_sigterm()
    try:
        store.attach(run_id)
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if execute(store, library, run_id).state == "done" else 1


def main() -> None:
    home, run_id = Path(sys.argv[1]), sys.argv[2]
    if hasattr(os, "nice"):
        os.nice(10)  # the dashboard comes first
    store = RunStore(home)
    # Before numpy and torch are imported: their libraries read it then.
    os.environ["OMP_NUM_THREADS"] = str(store.get(run_id).config.threads)
    from nmtr.data.library import Library

    sys.exit(child(store, Library(home / "data"), run_id))


def _train(
    store: RunStore,
    library: DataSource,
    run: Run,
    on_report: Callable[[EpochReport], None],
    should_stop: Callable[[], bool],
) -> None:
    from nmtr.runs import checkpoint

    dataset = library.load(run.config.data)
    if dataset.fingerprint != run.fingerprint:
        raise RunError(
            f"The run needs data set {run.config.data} as it was (fingerprint {run.fingerprint}); it is another now "
            f"({dataset.fingerprint}), so bring the old one back or start a new run."
        )
    folder = store.folder(run.id)
    experiment = new_experiment(run.config, dataset)
    if (state := checkpoint.load(folder, lambda sentence: _note(store, run.id, sentence))) is not None:
        experiment.restore(state)
    next_beat = 0.0

    def stop() -> bool:
        nonlocal next_beat
        if should_stop():
            return True
        if time.monotonic() < next_beat:
            return False
        next_beat = time.monotonic() + _BEAT
        return store.beat(run.id)

    for report in experiment.epochs(stop):
        # In this order: an epoch whose checkpoint is lost is trained and reported again, and no report is missing.
        store.report(run.id, report)
        try:
            checkpoint.save(folder, experiment.state())
        except OSError as error:
            _note(
                store,
                run.id,
                f"The checkpoint after epoch {report.epoch} of {report.phase} could not be written ({error.strerror}), "
                "so a run that is stopped now goes on from an earlier one: make room on the disk.",
            )
        on_report(report)
    outcome = experiment.finish()
    checkpoint.save_ranks(folder, outcome.ranks)
    checkpoint.save_weights(folder, outcome.weights)
    store.finish(run.id, outcome.result)
    checkpoint.clear(folder)


def _stopped(store: RunStore, run: Run) -> None:
    """The run is cancelled if its user stopped it; else this process was told to end, and the run goes on later."""
    with suppress(RunError):  # as above
        if run.foreground or store.get(run.id).cancel_requested:
            store.cancelled(run.id)
        else:
            store.release(run)


def _note(store: RunStore, run_id: str, text: str) -> None:
    """Add a line to the run's log, if it takes one."""
    with suppress(OSError), (store.folder(run_id) / LOG).open("a", encoding="utf-8") as log:
        print(text, file=log)


def _sentence(error: Exception) -> str:
    if isinstance(error, NmtrError):
        return str(error)
    if lacks_memory(error):
        return (
            "The run needed more memory than is free; resume it when other programs need less, or start one with a "
            "smaller batch or embedding size."
        )
    if isinstance(error, OSError) and error.strerror:
        return f"The run could not use its files ({error.strerror}); mend that and resume it."
    return f"The run ended with an unexpected {type(error).__name__}; see the log."


if __name__ == "__main__":
    main()
