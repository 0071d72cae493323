"""How a study is trained: points taken one after the other, `jobs` at once, until there is nothing left.

Each point is an ordinary run in the store, or several, seed by seed: a run of the same config that is there is taken,
whoever trained it, else one is queued for the supervisor. Epoch by epoch, its validation metric at the best epoch so
far goes to Optuna.

Pruning is successive halving, asynchronously: at a ninth of the epochs, and at a third, a point goes on if it is among
the best third of the points that got there before. What is compared is the first seed, which all points share, at the
same epoch; the other seeds begin where the first got to its end. (Hyperband would run several such brackets, for when
the curves' early order says little: of λ it says much, and each bracket is to be filled with points.)

Nothing that counts is in memory: what was told stands in Optuna's tables, what was trained in the store, and runs are
found again by their configs. A point is told pruned before its run is cancelled, so that it is pruned for good or not
at all.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nmtr.errors import NmtrError, RunError
from nmtr.runs import process, supervisor
from nmtr.runs.store import Run
from nmtr.sweeps import storage
from nmtr.sweeps.record import Study
from nmtr.sweeps.space import draw, suggest_given
from nmtr.sweeps.study import (
    DRIVER,
    LEFT,
    OPTIONS,
    RUNS,
    STOPPED,
    TWIN,
    UNDRAWN,
    left_to_draw,
    read_unjudged,
    with_options,
)
from nmtr.workspace import Workspace, batch

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

_TICK = 0.25  # seconds between two looks at the store
_WORKER_TICK = 5.0  # seconds between two looks at whether there is a supervisor
_REDUCTION = 3  # one in so many goes on from a rung, to so many times the epochs
_RUNGS = 2  # before the end
_WORD = 1.0  # seconds between two words of progress
_PRUNED = "Pruned by its study: at the same epoch, others were better."
_MOST_TWINS = 20  # points in a row that come out as one that is there: there are hardly any others


@dataclass
class _Taken:
    """A point that is being trained."""

    trial: Trial
    options: dict[str, Any]
    seen: int  # epochs of its first run that Optuna knows
    runs: list[Run] = field(default_factory=list)  # one a seed, as far as they were begun; all but the last are done
    read: int = 0  # reports of the first's epochs so far
    curve: dict[int, float] = field(default_factory=dict)  # the metric after those of them that were ranked
    ending: bool = False  # its last run had been asked to stop before it was taken, and is to go on once it has


class StudyDriver:
    """Trains one study; the caller holds its lock."""

    def __init__(self, workspace: Workspace, study_id: str, on_progress: Callable[[Study], None]) -> None:
        import optuna

        known = read_unjudged(workspace, study_id)
        self._workspace, self._id, self._on_progress = workspace, study_id, on_progress
        self._plan, self._behaviors = known.plan, known.behaviors
        self._inode = storage.inode(workspace)
        halving = optuna.pruners.SuccessiveHalvingPruner(
            min_resource=math.ceil(self._plan.config.epochs / _REDUCTION**_RUNGS), reduction_factor=_REDUCTION
        )
        self._study = storage.load(
            workspace,
            study_id,
            # Seeded anew each time, or a study that goes on would draw what it has drawn before.
            sampler=optuna.samplers.TPESampler(seed=len(known.points), constant_liar=True),
            pruner=halving if self._plan.prune else optuna.pruners.NopPruner(),
        )
        self._taken: list[_Taken] = []
        self._met: set[int] = set()  # numbers of the points that were taken so far
        self._next_worker = self._next_word = 0.0  # when to look at the supervisor, and to tell of progress

    def work(self) -> None:
        """Until nothing is left that can be trained, or the study is stopped.

        KeyboardInterrupt stops it. SystemExit does not: like a driver that is killed, this one leaves its runs alone.
        An error does neither, and the study keeps its sentence, where the store takes it.
        """
        self._study.set_user_attr(DRIVER, {"pid": os.getpid(), "started": process.started(os.getpid())})
        self._study.set_user_attr(LEFT, None)
        try:
            self._tidy()
            self._train()
        except KeyboardInterrupt:
            ask_to_stop(self._workspace, self._id)
            raise
        except Exception as error:
            self._check_store(error)
            sentence = self._sentence(error)
            with suppress(Exception):  # a store that cannot be written: only who drives learns of it then
                self._study.set_user_attr(LEFT, sentence)
                self._study.set_user_attr(DRIVER, None)
            if storage.is_fault(error):
                raise RunError(sentence) from error
            raise
        self._study.set_user_attr(DRIVER, None)

    def _train(self) -> None:
        while not self._is_stopped():
            self._taken = [taken for taken in self._taken if not self._advance(taken)]
            while len(self._taken) < self._plan.jobs and (taken := self._next()):
                self._taken.append(taken)
            self._tell(last=not self._taken)
            if not self._taken:
                # Points that failed are for the user to see, and to go on with. Not by STOPPED, which the user sets: of
                # points that were added since the last look `drive_alone` sees to it that they are trained.
                self._study.set_user_attr(
                    LEFT, None if read_unjudged(self._workspace, self._id).state == "done" else ""
                )
                return
            time.sleep(_TICK)
        cancel(self._workspace, self._id, stopped(self._id))  # what was queued while `stop` looked

    def _is_stopped(self) -> bool:
        self._check_store(None)
        return bool(self._study.user_attrs.get(STOPPED))

    def _check_store(self, error: Exception | None) -> None:
        """RunError where the store has vanished, whether or not another stands in its place."""
        if storage.inode(self._workspace) != self._inode:
            raise RunError(
                f"study {self._id} needs the store that it began in; {self._workspace.home / 'nmtr.db'} is gone, or "
                f"another: bring that one back, or begin anew."
            ) from error

    def _sentence(self, error: Exception) -> str:
        if storage.is_fault(error):
            return (
                f"study {self._id} must be able to keep what it finds; its store cannot be used "
                f"({storage.reason(error)}): mend that, and resume the study."
            )
        if isinstance(error, NmtrError):
            return str(error)
        what = " ".join(f"{type(error).__name__} {error}".split())
        return f"study {self._id} ended with an error that nobody foresaw ({what}): see its log, and resume it."

    def _tell(self, *, last: bool) -> None:
        if last or time.monotonic() >= self._next_word:
            self._next_word = time.monotonic() + _WORD
            self._on_progress(read_unjudged(self._workspace, self._id))

    def _tidy(self) -> None:
        """Cancel the runs of points that a driver told pruned and could not cancel any more."""
        ended = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]
        pruned = {run for trial in ended for run in trial.user_attrs.get(RUNS, ())}
        cancel(self._workspace, self._id, _PRUNED, pruned)

    # Which point is next

    def _next(self) -> _Taken | None:
        """The next point to train, with its first run; None where there is none, now or at all."""
        for _ in range(_MOST_TWINS):
            # Read anew each time: a twin that is not marked yet would count as drawn.
            trial = self._next_trial(self._study.get_trials(deepcopy=False))
            if trial is None:
                return None
            self._met.add(trial.number)
            trials = self._study.get_trials(deepcopy=False)
            if (options := self._options(trial, trials)) is not None:
                taken = _Taken(trial, options, trials[trial.number].last_step or 0)
                self._begin(taken)
                return taken
        # Hardly anything is left to draw that is not there.
        trials, attributes = self._study.get_trials(deepcopy=False), self._study.user_attrs
        self._study.set_user_attr(UNDRAWN, attributes.get(UNDRAWN, 0) + left_to_draw(trials, attributes))
        return None

    def _next_trial(self, trials: Sequence[FrozenTrial]) -> Trial | None:
        """One that a driver before this one left, else one that waits, else a new one while more are wanted."""
        from optuna.trial import Trial, TrialState

        for left in trials:
            if left.state == TrialState.RUNNING and left.number not in self._met:
                return Trial(self._study, left._trial_id)
        if (
            any(trial.state == TrialState.WAITING for trial in trials)
            or left_to_draw(trials, self._study.user_attrs) > 0
        ):
            return self._study.ask()
        return None

    def _options(self, trial: Trial, trials: Sequence[FrozenTrial]) -> dict[str, Any] | None:
        """The point's options; None of one that was drawn and is there already."""
        from optuna.trial import TrialState

        if given := trials[trial.number].user_attrs.get(OPTIONS):
            suggest_given(trial, given, self._behaviors)
            return dict(given)
        options = draw(trial, self._plan, self._behaviors, lambda config: self._workspace.prepare(config)[0])
        twin = next((one for one in trials if one.user_attrs.get(OPTIONS) == options), None)
        if twin is None:
            trial.set_user_attr(OPTIONS, options)
            return options
        trial.set_user_attr(TWIN, twin.number)
        if twin.state == TrialState.COMPLETE:
            self._study.tell(trial, twin.value)
        else:
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    # What becomes of it

    def _begin(self, taken: _Taken) -> None:
        """Its run of the next seed: one that is there, or a new one."""
        config, info = self._workspace.prepare(with_options(self._plan, taken.options, seed=len(taken.runs)))
        found = batch.by_key(self._workspace.runs.list()).get(batch.key_of(config, info.fingerprint))
        run = batch.started(self._workspace, found, config, info.fingerprint, owner(self._id), self._id)
        taken.runs.append(run)
        taken.ending = run.cancel_requested
        taken.trial.set_user_attr(RUNS, [run.id for run in taken.runs])
        if run.live:
            self._look_after_worker()

    def _look_after_worker(self) -> None:
        if time.monotonic() >= self._next_worker:  # it may have been killed
            if self._workspace.runs.queue.has_work():  # while the queue is paused there may be none
                supervisor.ensure_running(self._workspace.home, self._plan.jobs)
            self._next_worker = time.monotonic() + _WORKER_TICK

    def _advance(self, taken: _Taken) -> bool:
        """Look at the point's run; whether the point needs no more looking at."""
        from optuna.trial import TrialState

        runs = self._workspace.runs
        try:
            taken.runs[-1] = run = runs.get(taken.runs[-1].id)
        except RunError:
            self._check_store(None)
            return True  # it was deleted: the next driver trains it again
        if len(taken.runs) == 1 and self._falls_behind(taken) and run.state != "done":
            self._study.tell(taken.trial, state=TrialState.PRUNED)
            cancel(self._workspace, self._id, _PRUNED, {run.id})
            return True
        if run.live:
            self._look_after_worker()
            return False
        # Who cancels a run of their own gives no reason; a study, another or this one before it went on, does.
        if run.state == "cancelled" and (taken.ending or run.reason is not None):
            taken.runs[-1], taken.ending = runs.requeue(run.id, owner(self._id), self._id), False
            return False
        if run.state == "done" and len(taken.runs) < self._plan.seeds:
            self._begin(taken)
            return False
        if run.state == "done":
            self._study.tell(taken.trial, self._value(taken))
        return True

    def _falls_behind(self, taken: _Taken) -> bool:
        """Tell Optuna of new epochs; whether the point is to be pruned.

        One by one where that is decided by them, else the last one alone, for who watches: each is a write.
        """
        new = []
        for report in self._workspace.runs.reports(taken.runs[0].id, since=taken.read):
            if report.phase != "select":
                break
            taken.read += 1
            if report.valid is None:
                continue
            taken.curve[report.epoch] = report.valid[self._plan.metric]
            if report.epoch > taken.seen and report.best_epoch:
                new.append((taken.curve[report.best_epoch], report.epoch))
        behind = False
        for value, epoch in new if self._plan.prune else new[-1:]:
            taken.trial.report(value, epoch)
            behind = behind or taken.trial.should_prune()
        return behind

    def _value(self, taken: _Taken) -> float:
        """The metric at the best epoch, the mean over the seeds."""
        valid = [run.result.valid for run in taken.runs if run.result is not None]
        return sum(values[self._plan.metric] for values in valid) / len(valid)


def ask_to_stop(workspace: Workspace, study_id: str) -> None:
    """Let its driver end, and cancel the runs that the study queued."""
    storage.load(workspace, study_id).set_user_attr(STOPPED, True)
    cancel(workspace, study_id, stopped(study_id))


def cancel(workspace: Workspace, study_id: str, reason: str, only: Collection[str] | None = None) -> None:
    """Cancel what the study queued and is live, or only those of these runs."""
    for run in workspace.runs.list("queued", "running"):
        if run.study == study_id and (only is None or run.id in only):
            with suppress(RunError):  # it has ended
                workspace.runs.request_cancel(run.id, reason)


def stopped(study_id: str) -> str:
    return f"Study {study_id} was stopped; it goes on with `nmtr sweep --resume {study_id}`."


def owner(study_id: str) -> str:
    """Whose the runs are that a study queues, to be read; they are known by `Run.study`."""
    return f"study {study_id}"
