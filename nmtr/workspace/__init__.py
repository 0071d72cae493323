"""Everything under one home: its data sets, its runs, and what is asked of them.

Pages, commands and Python programs all come through here. Importing this module imports no torch; only `fitted`,
`train` and `warm_up` do, when they are called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo, Library
from nmtr.errors import DataError, RunError
from nmtr.estimate import Estimate, check_capacity, estimate
from nmtr.evaluation.metrics import SELECTION
from nmtr.probe import known, probe
from nmtr.runs.store import Run, RunStore
from nmtr.runs.waiting import Place, places
from nmtr.runs.withheld import said
from nmtr.training.report import EpochReport

if TYPE_CHECKING:
    from nmtr.chances import Chances
    from nmtr.data.dataset import Dataset
    from nmtr.evaluation.result import Result
    from nmtr.explain import Fitted
    from nmtr.lists import Lists
    from nmtr.opening import Opening


def warm_up() -> None:
    """Import what scoring needs and compile the kernels: what the first call of `Workspace.fitted` would wait for."""
    import nmtr.experiment  # noqa: F401
    from nmtr.native.build import library

    library()


def default_home() -> Path:
    """$NMTR_HOME, else ~/.nmtr."""
    return Path(os.environ.get("NMTR_HOME") or Path.home() / ".nmtr").expanduser().absolute()


class Workspace:
    """One home: `data` is its library of data sets, `runs` its store of runs."""

    def __init__(self, home: Path | None = None) -> None:
        """Opens or makes the home; DataError where that is not possible."""
        self.home = home or default_home()
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            (self.home / "data").mkdir(exist_ok=True)
        except OSError as error:
            raise DataError(
                f"NMTR_HOME must be a folder that can be written; {self.home} is not ({error.strerror}): name another."
            ) from None
        self.data = Library(self.home / "data")
        self.data.sweep()
        self.runs = RunStore(self.home)
        self.runs.trash.sweep()

    def prepare(self, config: RunConfig) -> tuple[RunConfig, DatasetInfo]:
        """The config as it would be run, and its data set; raises where they fit neither each other nor the machine."""
        info = self.data.info(config.data)
        resolved = config.resolve(info.behaviors, info.users)
        check_capacity(resolved, info, known(self.home, resolved, info.fingerprint))
        return resolved, info

    def probe(self, config: RunConfig) -> Estimate:
        """As `estimate`, after some seconds of timing the run on its data in a process of its own; kept for `estimate`.

        Raises as `submit` would, also where what was timed does not fit the machine.
        """
        resolved, info = self.prepare(config)
        probe(self.home, resolved, info.fingerprint)
        return self.estimate(config)

    def estimate(self, config: RunConfig) -> Estimate:
        """What a run of this config will take; raises as `submit` would."""
        resolved, info = self.prepare(config)
        return self._expected(resolved, info, self._finished())

    def places(self) -> dict[str, Place]:
        """Where each run of the background that waits or trains stands in line, by id, and when it may start and end.

        By `nmtr.estimate`, for the epochs that are left: most runs stop before that.
        """
        line = self.runs.line()
        running = [run for run in self.runs.list("running") if not run.foreground]
        trained, finished = self.runs.epochs_trained(), self._finished() if line or running else []
        whole: dict[str, float] = {}  # seconds, of runs that differ in what costs no time
        left = {}
        for run in (*running, *line):
            config = run.config
            alike = config.model_copy(update={"seed": 0, "lambdas": None}).model_dump_json() + run.fingerprint
            if alike not in whole:
                info = self._trained_on(run)  # without its data set it fails at once
                whole[alike] = self._expected(config, info, finished).seconds if info else 0.0
            epochs = config.epochs * (2 if config.refit else 1) if config.uses("epochs") else 0
            share = trained.get(run.id, 0) / epochs if epochs else 0.0
            left[run.id] = whole[alike] * max(0.0, 1 - share)
        return places(running, line, left, self.runs.queue.state())

    def _expected(
        self, config: RunConfig, info: DatasetInfo, finished: Sequence[tuple[RunConfig, DatasetInfo, float]]
    ) -> Estimate:
        """By what was timed of such a run, else by what finished."""
        if pace := known(self.home, config, info.fingerprint):
            return estimate(config, info, (), pace)
        return estimate(config, info, finished)

    def _finished(self) -> list[tuple[RunConfig, DatasetInfo, float]]:
        """Config, data set and seconds an epoch of the runs that finished here, for estimates to learn from."""
        finished = []
        for run in self.runs.list("done"):
            trained_on = self._trained_on(run)
            # A run without a process came from elsewhere, where epochs took another time.
            if trained_on and run.pid and run.result and run.result.seconds_per_epoch:
                finished.append((run.config, trained_on, run.result.seconds_per_epoch))
        return finished

    def _trained_on(self, run: Run) -> DatasetInfo | None:
        """The run's data set, where it is still here as it was."""
        try:
            info = self.data.info(run.config.data)
        except DataError:
            return None
        return info if info.fingerprint == run.fingerprint else None

    def finished(self, info: DatasetInfo) -> list[Run]:
        """The finished runs of a data set as it is now, the newest first."""
        done = self.runs.list("done")
        return [run for run in done if run.config.data == info.name and run.fingerprint == info.fingerprint]

    def model_of(self, info: DatasetInfo) -> Run | None:
        """The run that speaks for a data set: the pinned one, else the best on validation; None where none is finished.

        Runs under *clean* go first, and points of a study last: a study tries what is bad, too. Validation purchases
        that were drawn in another way make no better or worse figures, so those of the newest run's kind count.
        """

        def rank(run: Run) -> tuple[bool, ...]:
            return run.pinned, not run.of_study, run.config.protocol == "clean"

        done = self.finished(info)
        best = max(map(rank, done), default=None)
        offered = [run for run in done if rank(run) == best]
        alike = [run for run in offered if run.config.validation == offered[0].config.validation]
        return max(alike, key=lambda run: run.result.valid.get(SELECTION[0], 0.0) if run.result else 0.0, default=None)

    def has_data_of(self, run: Run) -> bool:
        """Whether the data set that the run was trained on is here, as it was then."""
        return self._trained_on(run) is not None

    def submit(self, config: RunConfig, *, priority: int = 0, owner: str | None = None) -> Run:
        """Queue a run; a supervisor trains it in a process of its own. Its owner is $NMTR_OWNER's unless named here.

        RunError where there can be no supervisor: this says that the run is queued all the same, as `cancel`, `resume`
        and `resume_queue` say what they have done.
        """
        resolved, info = self.prepare(config)
        owner = os.environ.get("NMTR_OWNER", "") if owner is None else owner
        run = self.runs.create(resolved, info.fingerprint, priority=priority, owner=owner)
        self._look_after(f"run {run.id} is queued and waits, so do not ask for it again")
        return run

    def train(self, config: RunConfig, on_report: Callable[[EpochReport], None] | None = None) -> Run:
        """Train a run in this process, to its end; raises NmtrError where it fails."""
        return self.continue_training(self.start(config), on_report)

    def start(self, config: RunConfig) -> Run:
        """A new run that is running in this process, to be trained with `continue_training`."""
        resolved, info = self.prepare(config)
        self.data.load(config.data)  # where it is damaged, there is to be no run
        return self.runs.create(resolved, info.fingerprint, foreground=True)

    def continue_training(self, run: Run, on_report: Callable[[EpochReport], None] | None = None) -> Run:
        """Train a run that is running in this process, until it is done or cancelled; raises NmtrError if it fails."""
        from nmtr.runs.job import execute

        run = execute(self.runs, self.data, run.id, on_report)
        if run.state == "failed":
            raise RunError(run.error or "The run failed; see its log.")
        return run

    def cancel(self, run_id: str) -> Run:
        """Ask a queued or running run to stop; it keeps its last checkpoint."""
        run = self.runs.request_cancel(run_id)
        # The run's process may be gone without a word.
        self._look_after(f"run {run_id} is {'cancelled' if run.state == 'cancelled' else 'asked to stop'}")
        return run

    def resume(self, run_id: str, *, owner: str | None = None) -> Run:
        """Queue a failed, cancelled or killed run again; it goes on from its last checkpoint.

        It belongs to who resumes it from then on: $NMTR_OWNER unless named here.
        """
        from nmtr.runs.supervisor import settle

        run = self.runs.get(run_id)
        if abandoned := run.abandoned:
            settle(self.runs, run)
            run = self.runs.get(run_id)
        if not abandoned or run.state != "queued":
            run = self.runs.requeue(run_id, os.environ.get("NMTR_OWNER", "") if owner is None else owner)
        self._look_after(f"run {run_id} is queued and waits, so do not ask for it again")
        return run

    def resume_queue(self) -> None:
        """Start runs of the queue again, after `runs.queue.pause()`."""
        self.runs.queue.resume()
        self._look_after("the queue is open again")

    def delete(self, run_id: str) -> bool:
        """Remove a run that is not running; whether it is kept aside for a day (`runs.undelete`), if there is room."""
        return self.runs.delete(run_id, aside=True)

    def remove_data(self, name: str) -> None:
        """Remove a data set; refused while a run needs it."""
        live = [run.id for run in self.runs.list("queued", "running") if run.config.data == name]
        if live:
            raise DataError(f"data set {name} is needed by run {live[0]}: cancel that first.")
        self.data.remove(name)

    def start_worker(self) -> None:
        """Make sure that a supervisor looks after what is queued or running here."""
        from nmtr.runs.supervisor import ensure_running

        if self.runs.queue.has_work():
            ensure_running(self.home)

    def _look_after(self, done: str) -> None:
        """Start a worker, and say what is done already where that cannot be: who hears of an error tries again."""
        try:
            self.start_worker()
        except RunError as error:
            raise RunError(f"{done}; {error}") from error

    def fitted(self, run_id: str) -> Fitted:
        """A finished run, ready to recommend and explain; RunError where it is not finished or its data set changed."""
        from nmtr.experiment import load_scorer
        from nmtr.explain import Fitted
        from nmtr.runs.checkpoint import load_weights

        run = self._done(run_id)
        dataset = self.data.load(run.config.data)
        if dataset.fingerprint != run.fingerprint:
            raise RunError(
                f"run {run_id} was trained on another version of data set {run.config.data}; "
                f"bring that one back or train again."
            )
        weights = load_weights(self.runs.folder(run_id)) if run.config.uses("epochs") else {}
        scorer, parts = load_scorer(run.config, dataset, weights)
        return Fitted(run_id, run.config, dataset.select(run.config.behaviors), parts, scorer, weights)

    def evaluate(self, run_id: str) -> Result:
        """The figures of a finished run, computed again from its weights by ranking all items.

        Raises RunError where they are not the ones that the run recorded: its files were changed. So it does where
        they are not to be shown (`nmtr.runs.withheld`).
        """
        from nmtr.evaluation.metrics import summarize
        from nmtr.experiment import rank

        run = self._done(run_id)
        if self.runs.withheld([run]):
            raise RunError(f"run {run_id}: {said(run)}")
        fitted = self.fitted(run_id)
        test = summarize(rank(fitted.scorer, fitted.split.test_item, fitted.split.known))
        assert run.result is not None, "a run that is done has a result"
        differing = [name for name, value in test.items() if abs(value - run.result.test[name]) > 1e-3]
        if differing:
            raise RunError(
                f"run {run_id} recorded {differing[0]} {run.result.test[differing[0]]:.4f}, "
                f"but its weights give {test[differing[0]]:.4f}: its files were changed, so train it again."
            )
        return run.result.model_copy(update={"test": test})

    def chances(self, run_id: str, fitted: Fitted | None = None) -> Chances:
        """What a finished run's scores say of how likely something is; RunError where it is not finished.

        Worked out the first time, from `fitted` where that is at hand, in a second or some of them, and kept in the
        run's folder: from then on no torch is imported.
        """
        from nmtr.chances import fit, kept

        if found := self.kept_chances(run_id):
            return found
        run = self._done(run_id)
        fitted = fitted or self.fitted(run_id)
        found = fit(run_id, run.config, fitted.dataset, fitted.split, fitted.scorer)
        kept.write(self.runs.folder(run_id) / kept.NAME, found)
        return found

    def kept_chances(self, run_id: str) -> Chances | None:
        """The chances of a run, where they were worked out before."""
        from nmtr.chances import kept

        return kept.read(self.runs.folder(run_id) / kept.NAME, run_id)

    def opening(self, run_id: str, fitted: Fitted | None = None) -> Opening:
        """What a first view of a finished run shows; RunError where it is not finished.

        Worked out the first time, from `fitted` where that is at hand, and kept in the run's folder: from then on no
        torch is imported.
        """
        from nmtr import opening

        run = self._done(run_id)
        if found := self.kept_opening(run_id):
            return found
        fitted = fitted or self.fitted(run_id)
        dataset = self.data.load(run.config.data)
        found = opening.make(fitted, dataset, self.chances(run_id, fitted))
        opening.write(self.runs.folder(run_id) / opening.NAME, found)
        return found

    def kept_opening(self, run_id: str, dataset: Dataset | None = None) -> Opening | None:
        """The opening of a run, where it was worked out before, on the data set that the run was trained on.

        dataset: that one, where it is at hand.
        """
        from nmtr import opening

        run = self.runs.get(run_id)
        if self._trained_on(run) is None:
            return None
        dataset = dataset or self.data.load(run.config.data)
        return opening.read(self.runs.folder(run_id) / opening.NAME, run_id, dataset)

    def first_items(self, run_id: str) -> Lists:
        """The best items of every tested user (`nmtr.lists.first_items`); RunError where the run is not finished.

        Worked out the first time, and kept in the run's folder: from then on no torch is imported.
        """
        from nmtr import lists

        run = self._done(run_id)
        path = self.runs.folder(run_id) / lists.NAME
        users = int((self.data.load(run.config.data).test_item >= 0).sum())
        if self.has_data_of(run) and (found := lists.read(path, users)) is not None:
            return found
        found = lists.first_items(self.fitted(run_id))
        lists.write(path, found)
        return found

    def export_run(self, run_id: str, file: BinaryIO) -> None:
        """Write a finished run as one archive (`nmtr.runs.archive`); RunError where it is not done or damaged."""
        from nmtr.runs import archive

        run = self._done(run_id)
        archive.write(archive.contents_of(self.runs, run, self._trained_on(run)), file)

    def import_run(self, file: BinaryIO, name: str) -> tuple[Run, bool]:
        """Add the run in an archive that goes by this name, verified; the run, and False where it was here already.

        Raises RunError where the archive is not whole or does not fit itself, or another run has the id; nothing is
        left then. Its data set need not be here.
        """
        from nmtr.experiment import expected_weights
        from nmtr.runs import archive

        contents = archive.read(file, name, expected_weights)
        run_id = contents.saved.id
        there = next((run for run in self.runs.list() if run.id == run_id), None)
        if there is None:
            return archive.insert(self.runs, contents), True
        if there.state == "done" and archive.same(archive.contents_of(self.runs, there, contents.data), contents):
            return there, False
        raise RunError(f"run {run_id} of {name} is here already, with other content: delete that one first.")

    def _done(self, run_id: str) -> Run:
        run = self.runs.get(run_id)
        if run.state != "done":
            raise RunError(f"run {run_id} must be done for this; it is {run.state}: wait for it, or resume it.")
        return run
