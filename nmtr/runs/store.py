"""The store of runs: what was asked for, what became of it, and how it got there.

Life. A run is *queued* when it is created, *running* once it is claimed, and ends *done*, *failed* or *cancelled*.
A failed or cancelled run can be resumed: it is queued again and goes on from its last checkpoint. A run that is done
never changes; it can only be deleted. Every step is one statement that names the states it may start from, so of two
processes that try the same step one succeeds and the other gets a RunError that says what state the run is in. A run
that was trained elsewhere and is imported is done from the start, with all that belongs to it, or is not there at all.
Of the runs that are done, one a data set and version may be pinned as its model; pinning another takes its place.

Deleting. A run that is deleted can be kept aside, whole, and be brought back for a day.

Labels. A run in any state can be given a name, tags and a note, and be archived or taken back; nothing else about it
changes.

Queue. `claim` takes the queued run with the highest priority, of equals the one that was created first. It takes none
while the queue is paused or as many as allowed are running, and none of an owner of whom as many as allowed are; a run
without an owner counts for no owner's limit. `create` gives priority and owner, `move` a queued run another priority,
`requeue` a run that ended another owner. A run that a study queued is known by the study's id, whatever its owner's
text, until it is resumed for somebody else.
While as many wait as $NMTR_QUEUE_CAP allows, `create` and `requeue` refuse another; `release` never does. A pause ends
no run. A foreground run was never queued: it is running from the start, in the process that created it, whether the
queue is paused or full, and counts for nobody's limit.

Process. A running run belongs to one process, known by its pid and start time. The child that a supervisor spawned
takes its run with `attach`, which succeeds once. A process that is told to end gives its run back with `release`; for
one that ended without a word the supervisor does, and it counts such deaths until an epoch is finished that was not
finished before.

Cancel. A queued run is cancelled at once. A running one is flagged; its process learns that from `beat` and calls
`cancelled`. A run that is finished before it learns of the flag is done. Of several reasons that are given for a cancel
the first is kept, until the run is done or resumed.

Versions. A run that this nmtr cannot read, as one with an option that a newer one wrote, is in no list and takes no
step, and all others go on. It fails when its turn comes or its process is gone, and can be deleted.

Reports. The series holds one report for each phase and epoch, in the order of training, and describes the model as it
is: when epochs are trained again, after a resume from an earlier checkpoint, their new reports take the place of the
old ones and of all that followed these. `seconds` counts all of the time that was trained.

Files. Rows live in `ROOT/nmtr.db`; `ROOT/runs/ID/` holds the log, the checkpoint, the weights and the ranks. A folder's
name is always an id of our own making, never a string from outside. A store of an older version is brought forward when
it is opened, with all of its runs or not at all; one of a newer version is refused and left as it is.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from nmtr.config import RunConfig
from nmtr.errors import RunError
from nmtr.evaluation.result import Result
from nmtr.runs import labels, limits, process, queue, trash
from nmtr.runs.lookup import Lookup
from nmtr.runs.record import Run as Run
from nmtr.runs.record import State as State
from nmtr.runs.record import Unreadable, read, run_of
from nmtr.runs.schema import open_database, reports, runs
from nmtr.training.report import EpochReport


class RunStore(Lookup):
    """The runs under one folder; see the module's text for what holds. Safe to share between threads and processes."""

    def __init__(self, root: Path) -> None:
        """Open the store, or make an empty one; RunError where that cannot be done."""
        super().__init__(root, open_database(root / "nmtr.db"))
        self.queue = queue.Queue(self._engine)
        self.trash = trash.Trash(root)

    def close(self) -> None:
        """Close the connections; the store can still be used, and opens new ones."""
        self._engine.dispose()

    def create(
        self,
        config: RunConfig,
        fingerprint: str,
        foreground: bool = False,
        *,
        priority: int = 0,
        owner: str = "",
        study: str | None = None,
    ) -> Run:
        """A new run of a resolved config: queued, or, in the foreground, running in this process.

        RunError where the queue is full.
        """
        run_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))
        now = time.time()
        values: dict[str, Any] = {
            "id": run_id,
            "state": "queued",
            "config": config.to_json(),
            "fingerprint": fingerprint,
            "foreground": foreground,
            "created": now,
            "epochs": config.epochs if config.uses("epochs") else 0,
            "priority": priority,
            "owner": owner,
            "study": study,
        }
        if foreground:
            values |= {"state": "running", "started": now} | _this_process()
        cap = limits.queue_cap()
        statement = insert(runs).values(values) if foreground else queue.enter(values, cap)
        self.folder(run_id).mkdir(parents=True)
        with self._engine.begin() as db:
            row = db.execute(statement.returning(runs)).one_or_none()
        if row is None:
            self.folder(run_id).rmdir()
            raise _full(cap)
        return run_of(row)

    def claim(self, slots: int, per_owner: int | None = None) -> Run | None:
        """Start the queued run that is next, unless the queue is paused or a limit reached; None if none was started.

        slots: how many background runs may be running; per_owner: how many of those may be of one owner.
        """
        statement = queue.claim(slots, per_owner).values(started=time.time()).returning(runs)
        while True:
            with self._engine.begin() as db:
                if (row := db.execute(statement).one_or_none()) is None:
                    return None
                if isinstance(found := read(row), Run):
                    return found
            self.give_up(found)

    def move(self, run_id: str, priority: int | None = None) -> Run:
        """Give a queued run another priority; without one, that which puts it before all others."""
        given = queue.before_all_others(run_id) if priority is None else priority
        return self._move(run_id, "moved", ["queued"], priority=given)

    def attach(self, run_id: str) -> Run:
        """Take a claimed run for this process; RunError if another process has it."""
        return self._move(run_id, "started", ["running"], runs.c.pid.is_(None), **_this_process())

    def beat(self, run_id: str) -> bool:
        """Say that the run's process lives; True if it has to stop, because the run was cancelled or taken away."""
        mine = (runs.c.id == run_id) & (runs.c.state == "running")
        statement = update(runs).where(mine).values(heartbeat=time.time()).returning(runs.c.cancel_requested)
        with self._engine.begin() as db:
            cancel = db.scalars(statement).one_or_none()
        return cancel is None or cancel

    def report(self, run_id: str, report: EpochReport) -> None:
        """Add an epoch to the series; RunError unless the run is running."""
        of_run = reports.c.run == run_id
        same_epoch = (reports.c.phase == report.phase) & (reports.c.epoch == report.epoch)
        earlier = select(reports.c.number).where(of_run, same_epoch).scalar_subquery()
        with self._engine.begin() as db:
            trained_again = db.execute(delete(reports).where(of_run, reports.c.number >= earlier)).rowcount > 0
            moved = db.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.state == "running")
                .values(
                    epoch=report.epoch,
                    epochs=report.epochs,
                    seconds=runs.c.seconds + report.seconds,
                    heartbeat=time.time(),
                    deaths=runs.c.deaths if trained_again else 0,
                )
            )
            if not moved.rowcount:
                raise self._refusal(run_id, "reported on", ["running"])
            values = {"run": run_id, "phase": report.phase, "epoch": report.epoch}
            db.execute(insert(reports).values(values | {"report": report.model_dump(mode="json")}))

    def finish(self, run_id: str, result: Result) -> Run:
        """Running to done."""
        value = result.model_dump(mode="json")
        return self._move(
            run_id, "finished", ["running"], state="done", finished=time.time(), result=value, reason=None
        )

    def fail(self, run_id: str, sentence: str) -> Run:
        """Running to failed, for the reason that the sentence gives."""
        return self._move(run_id, "failed", ["running"], state="failed", finished=time.time(), error=sentence)

    def give_up(self, lost: Unreadable) -> None:
        """Running to failed, of a run that cannot be read."""
        values = {"state": "failed", "finished": time.time(), "error": lost.sentence}
        with self._engine.begin() as db:
            db.execute(update(runs).where(runs.c.id == lost.id, runs.c.state == "running").values(values))

    def request_cancel(self, run_id: str, reason: str | None = None) -> Run:
        """Queued to cancelled; a running run is asked to stop. `reason` is a sentence for those who did not ask."""
        queued = runs.c.state == "queued"
        values: dict[str, Any] = {
            "state": case((queued, "cancelled"), else_=runs.c.state),
            "finished": case((queued, time.time()), else_=runs.c.finished),
            "cancel_requested": True,
            "reason": func.coalesce(runs.c.reason, reason),
        }
        return self._move(run_id, "cancelled", ["queued", "running"], **values)

    def cancelled(self, run_id: str) -> Run:
        """Running to cancelled: said by the process that stopped, or for one that is gone."""
        return self._move(run_id, "cancelled", ["running"], state="cancelled", finished=time.time())

    def requeue(self, run_id: str, owner: str | None = None, study: str | None = None) -> Run:
        """Failed or cancelled to queued, to go on in the background from the last checkpoint.

        owner, study: who wants it now; without an owner it stays whose it was. RunError where the queue is full.
        """
        again: dict[str, Any] = {"foreground": False, "cancel_requested": False, "deaths": 0, **_NO_END, **_NO_PROCESS}
        if owner is not None:
            again |= {"owner": owner, "study": study}
        cap = limits.queue_cap()
        states: tuple[State, ...] = ("failed", "cancelled")
        return self._move(run_id, "resumed", states, queue.room(cap), otherwise=_full(cap), state="queued", **again)

    def release(self, run: Run, *, died: bool = False) -> Run:
        """Running to queued, for a process that ends or has died; RunError if the run is no longer that process's."""
        same = runs.c.pid.is_not_distinct_from(run.pid) & ~runs.c.cancel_requested
        deaths = runs.c.deaths + int(died)
        return self._move(run.id, "released", ["running"], same, state="queued", deaths=deaths, **_NO_PROCESS)

    def pin(self, run_id: str, pinned: bool = True) -> Run:
        """Make a finished run its data set's model, in the place of the one before; or let it be none any more."""
        it = runs.alias()
        its_data = it.c.config["data"].as_string() == runs.c.config["data"].as_string()
        same = select(it.c.id).where(it.c.id == run_id, it.c.state == "done", it.c.fingerprint == runs.c.fingerprint)
        statement = update(runs).where(same.where(its_data).exists()).values(pinned=(runs.c.id == run_id) & pinned)
        with self._engine.begin() as db:
            rows = db.execute(statement.returning(runs)).all()
        found = next((row for row in rows if row.id == run_id), None)
        if found is None:
            raise self._refusal(run_id, "pinned", ["done"])
        return run_of(found)

    def label(self, run_id: str, *, archived: bool | None = None, **given: object) -> Run:
        """Give a run a `name`, `tags` or a `note`, or archive it; RunError where one is not as `labels.Labels` says."""
        values = labels.checked(given) | ({} if archived is None else {"archived": archived})
        if not values:
            return self.get(run_id)
        with self._engine.begin() as db:
            row = db.execute(update(runs).where(runs.c.id == run_id).values(values).returning(runs)).one_or_none()
        return self.get(run_id) if row is None else run_of(row)

    def delete(self, run_id: str, *, aside: bool = False) -> bool:
        """Remove the run, its reports and its files; RunError while it is running.

        aside: keep it for a day, to be brought back; whether it is kept, which it is not where there is no room.
        """
        ended = (runs.c.id == run_id) & (runs.c.state != "running")
        of_run = select(reports).where(reports.c.run == run_id).order_by(reports.c.number)
        with self._engine.begin() as db:
            series = db.execute(of_run).all() if aside else ()
            gone = db.execute(delete(runs).where(ended).returning(runs)).one_or_none()
            noted = aside and gone is not None and self.trash.note(gone, series, self.folder(run_id))
        for lost in self.unreadable("running") if not gone else ():
            if lost.id == run_id and lost.abandoned:  # nobody can cancel it
                self.give_up(lost)
                return self.delete(run_id, aside=aside)
        if not gone:
            raise self._refusal(run_id, "deleted", ["queued", "done", "failed", "cancelled"])
        kept = noted and self.trash.take(run_id, self.folder(run_id))
        if not kept:
            shutil.rmtree(self.folder(run_id), ignore_errors=True)
        return kept

    def undelete(self, run_id: str) -> Run:
        """Bring a run back that was put aside, as it was; one that waited is cancelled now, and none is pinned."""
        folder = self.folder(run_id)
        try:
            with self._engine.begin() as db:
                there = self.trash.restore(db, run_id, folder)
        except IntegrityError:
            raise RunError(
                f"A run that is brought back needs its id; {run_id} is here, so delete that first."
            ) from None
        if not there:
            raise RunError(
                f"A run can be brought back for a day after it was deleted; none called {run_id} is kept: import it, "
                "if it was exported."
            )
        self.trash.forget(folder)
        return self.get(run_id)

    def insert_finished(self, values: Mapping[str, Any], reported: Sequence[EpochReport], files: Path) -> Run:
        """A run that was finished elsewhere: done, under its own id; RunError if that is taken.

        values: its columns, but for the state. files: its folder, which is moved here together with the row.
        """
        folder = self.folder(values["id"])
        try:
            with self._engine.begin() as db:
                done = {"state": "done", "foreground": False}
                row = db.execute(insert(runs).values({**values, **done}).returning(runs)).one()
                rows = [
                    {"run": row.id, "phase": r.phase, "epoch": r.epoch, "report": r.model_dump(mode="json")}
                    for r in reported
                ]
                if rows:
                    db.execute(insert(reports), rows)
                shutil.rmtree(folder, ignore_errors=True)  # nobody's: the id was free
                files.rename(folder)
        except IntegrityError:
            raise RunError(
                f"An imported run needs its id; {values['id']} is taken, so delete that run first."
            ) from None
        return run_of(row)

    def _move(
        self,
        run_id: str,
        verb: str,
        states: Sequence[State],
        *conditions: ColumnElement[bool],
        otherwise: RunError | None = None,
        **values: Any,
    ) -> Run:
        """The one statement of a transition from one of the states; RunError if the run is in none of them.

        `otherwise` is raised where the state is right and a condition is not; without it, that the run is another's.
        """
        statement = update(runs).where(runs.c.id == run_id, runs.c.state.in_(states), *conditions).values(values)
        with self._engine.begin() as db:
            row = db.execute(statement.returning(runs)).one_or_none()
            run = None if row is None else run_of(row)  # where it cannot be read, the step is not taken
        if run is None:
            raise self._refusal(run_id, verb, states, otherwise)
        return run

    def _refusal(self, run_id: str, verb: str, states: Sequence[State], otherwise: RunError | None = None) -> RunError:
        run = self.get(run_id)
        if run.state in states:
            return otherwise or RunError(
                f"A run can be {verb} by one process only; run {run_id} belongs to another (pid {run.pid})."
            )
        advice = ", so cancel it first" if run.state == "running" else ""
        return RunError(f"A run must be {' or '.join(states)} to be {verb}; run {run_id} is {run.state}{advice}.")


_NO_END: dict[str, None] = {"finished": None, "error": None, "reason": None}
_NO_PROCESS: dict[str, None] = {"pid": None, "process_started": None, "heartbeat": None}


def _full(cap: int) -> RunError:
    return RunError(
        f"The queue takes {cap} runs at most, and as many wait: let some of them train, cancel some, "
        "or set NMTR_QUEUE_CAP higher."
    )


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "process_started": process.started(os.getpid()), "heartbeat": time.time()}
