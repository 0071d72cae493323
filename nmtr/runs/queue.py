"""The queue of a store: its statements, and what holds for it as a whole. The store's text says what they promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Insert, Update, exists, func, insert, literal, select, update

from nmtr.runs.schema import queue, runs

QUEUED = runs.c.state == "queued"
IN_LINE = (runs.c.priority.desc(), runs.c.number)  # the order in which queued runs are started
_RUNNING = (runs.c.state == "running") & ~runs.c.foreground  # what counts for the limits
_waiting = runs.alias("waiting")  # for what a statement on one run asks of all that wait
_WAITS = _waiting.c.state == "queued"
_PAUSED = select(queue.c.paused).scalar_subquery()


@dataclass(frozen=True)
class QueueState:
    """What holds for the queue as a whole."""

    paused: bool
    slots: int  # how many run at once,
    per_owner: int | None  # and of one owner: as the supervisor that works now, or worked last, was told


class Queue:
    """Stops, and goes on with, the queue of a store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def state(self) -> QueueState:
        with self._engine.connect() as db:
            return QueueState(**db.execute(select(queue)).one()._mapping)

    def pause(self) -> None:
        """Start no further run; what runs goes on, and more may be queued."""
        self._set(paused=True)

    def resume(self) -> None:
        """Start runs again."""
        self._set(paused=False)

    def served(self, slots: int, per_owner: int | None) -> None:
        """Say how many runs a supervisor that begins its work will train at once, for expected times to go by."""
        self._set(slots=slots, per_owner=per_owner)

    def has_work(self) -> bool:
        """Whether a run is running, or waits in a queue that is not paused."""
        work = exists().where(runs.c.state == "running") | (exists().where(QUEUED) & ~_PAUSED)
        with self._engine.connect() as db:
            return bool(db.scalar(select(work)))

    def _set(self, **values: Any) -> None:
        with self._engine.begin() as db:
            db.execute(update(queue).values(values))


def room(cap: int) -> ColumnElement[bool]:
    """Whether fewer than `cap` runs wait."""
    return select(func.count()).where(_WAITS).scalar_subquery() < cap


def enter(values: Mapping[str, Any], cap: int) -> Insert:
    """Insert a run, if there is room for it."""
    row = select(*(literal(value, runs.c[name].type) for name, value in values.items())).where(room(cap))
    return insert(runs).from_select([*values], row)


def claim(slots: int, per_owner: int | None) -> Update:
    """Let the first run in line be running, unless the queue is paused or as many run as may."""
    first = select(_waiting.c.id).where(_WAITS)
    if per_owner is not None:
        many = func.count() >= per_owner
        at_their_limit = select(runs.c.owner).where(_RUNNING, runs.c.owner != "").group_by(runs.c.owner).having(many)
        first = first.where(_waiting.c.owner.not_in(at_their_limit))
    first = first.order_by(_waiting.c.priority.desc(), _waiting.c.number).limit(1)
    running = select(func.count()).select_from(runs).where(_RUNNING)
    return (
        update(runs)
        .where(runs.c.id == first.scalar_subquery(), QUEUED, running.scalar_subquery() < slots, ~_PAUSED)
        .values(state="running")
    )


def before_all_others(run_id: str) -> ColumnElement[int]:
    """The priority that puts a run before all others that wait."""
    highest = select(func.max(_waiting.c.priority)).where(_WAITS, _waiting.c.id != run_id)
    return func.coalesce(highest.scalar_subquery() + 1, runs.c.priority)
