"""What the store of runs says when it is asked; `nmtr.runs.store` is where runs change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Engine, func, select

from nmtr.errors import RunError
from nmtr.runs import queue
from nmtr.runs.record import Run, State, Unreadable, read, run_of
from nmtr.runs.schema import reports, runs
from nmtr.runs.withheld import finalized
from nmtr.training.report import EpochReport

_ID = re.compile(r"[a-z2-7]{8}")


class Lookup:
    """The runs under one folder, to be read."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self._engine = engine

    def get(self, run_id: str) -> Run:
        """The run with this id; RunError if there is none, or none that can be read."""
        with self._engine.connect() as db:
            row = db.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
        if row is None:
            raise RunError(f"A run must be named by its id; there is no run {run_id[:40]}, so see the list of runs.")
        return run_of(row)

    def list(self, *states: State) -> tuple[Run, ...]:
        """The runs in these states, or all; the newest first. Those that cannot be read are `unreadable` instead."""
        return tuple(run for run in self._read(states) if isinstance(run, Run))

    def unreadable(self, *states: State) -> tuple[Unreadable, ...]:
        """The runs in these states, or all, that this nmtr cannot read; the newest first."""
        return tuple(run for run in self._read(states) if isinstance(run, Unreadable))

    def all(self) -> tuple[tuple[Run, ...], tuple[Unreadable, ...]]:
        """What `list` and `unreadable` tell of all runs, read once."""
        found = [*self._read(())]
        runs = tuple(run for run in found if isinstance(run, Run))
        return runs, tuple(run for run in found if isinstance(run, Unreadable))

    def _read(self, states: Sequence[State]) -> Iterator[Run | Unreadable]:
        query = select(runs).order_by(runs.c.number.desc())
        with self._engine.connect() as db:
            return map(read, db.execute(query.where(runs.c.state.in_(states)) if states else query).all())

    def line(self) -> tuple[Run, ...]:
        """The queued runs, the one that is next first."""
        with self._engine.connect() as db:
            found = map(read, db.execute(select(runs).where(queue.QUEUED).order_by(*queue.IN_LINE)))
            return tuple(run for run in found if isinstance(run, Run))

    def reports(self, run_id: str, since: int = 0) -> tuple[EpochReport, ...]:
        """The run's reports in the order of training, without the first `since`: those that the caller has."""
        query = select(reports.c.report).where(reports.c.run == run_id).order_by(reports.c.number)
        with self._engine.connect() as db:
            try:
                return tuple(map(EpochReport.model_validate, db.scalars(query.offset(since))))
            except ValidationError:
                raise RunError(
                    f"run {run_id} must have epochs that this nmtr can read, and has not: upgrade nmtr, or delete it."
                ) from None

    def withheld(self, among: Iterable[Run]) -> frozenset[str]:
        """Ids of those whose test figures are not shown: see `nmtr.runs.withheld`."""
        of_studies = frozenset(run.id for run in among if run.of_study)
        if not of_studies:
            return of_studies
        with self._engine.connect() as db:
            return of_studies - finalized(db)

    def epochs_trained(self) -> dict[str, int]:
        """How many epochs, of all phases, the reports of each queued or running run tell of; without those of none."""
        live = select(runs.c.id).where(runs.c.state.in_(("queued", "running")))
        query = select(reports.c.run, func.count()).where(reports.c.run.in_(live)).group_by(reports.c.run)
        with self._engine.connect() as db:
            return {run: count for run, count in db.execute(query)}

    def folder(self, run_id: str) -> Path:
        """Where the run's files are."""
        if not _ID.fullmatch(run_id):
            raise RunError(f"A run's id is 8 of a-z and 2-7; {run_id[:40]} is not one, so see the list of runs.")
        return self.root / "runs" / run_id
