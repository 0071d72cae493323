"""What this nmtr cannot read: runs that another version wrote, and a store that is damaged. All else goes on."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nmtr.errors import NmtrError, RunError, StoreError
from nmtr.runs.store import Run, RunStore
from nmtr.runs.supervisor import Supervisor
from tests.runs.fakes import FINGERPRINT, JOB, config, report, result


def sql(store: RunStore, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(store.root / "nmtr.db")) as db, db:
        db.execute(statement, values)


def newer_option(store: RunStore, run: Run) -> None:
    options = json.dumps(run.config.to_json() | {"gravity": 9.81})
    sql(store, "UPDATE runs SET config = ? WHERE id = ?", options, run.id)


def newer_figure(store: RunStore, run: Run) -> None:
    figures = json.dumps(result().model_dump(mode="json") | {"novelty": 0.5})
    sql(store, "UPDATE runs SET result = ? WHERE id = ?", figures, run.id)


def newer_state(store: RunStore, run: Run) -> None:
    sql(store, "UPDATE runs SET state = 'sleeping' WHERE id = ?", run.id)


def no_json(store: RunStore, run: Run) -> None:
    sql(store, "UPDATE runs SET config = '{\"data\": ' WHERE id = ?", run.id)


def no_time(store: RunStore, run: Run) -> None:
    sql(store, "UPDATE runs SET created = 'noon' WHERE id = ?", run.id)


WAYS = pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (newer_option, "gravity"),
        (newer_figure, "its result.novelty is not what it should be"),
        (newer_state, "its state is not"),
        (no_json, "its config is no config"),
        (no_time, "its created is not"),
    ],
)
Spoil = Callable[[RunStore, Run], None]


@WAYS
def test_run_that_cannot_be_read_is_named_and_takes_no_step(store: RunStore, spoil: Spoil, problem: str) -> None:
    before, run, after = (store.create(config(), FINGERPRINT) for _ in range(3))
    spoil(store, run)
    assert [each.id for each in store.list()] == [after.id, before.id]
    assert [each.id for each in store.line()] == [before.id, after.id]
    (lost,) = store.unreadable()
    assert (lost.id, lost.abandoned) == (run.id, False) and problem in lost.problem
    steps = [store.get, store.move, store.request_cancel] if spoil is not newer_state else [store.get]
    for step in steps:
        with pytest.raises(RunError, match=rf"^run {run.id} must be one that this nmtr can read, and is not \(.*\.$"):
            step(run.id)
    assert store.unreadable() == (lost,), "it is as it was"
    store.delete(run.id)
    assert store.unreadable() == () and not store.folder(run.id).exists()


def test_run_that_cannot_be_read_fails_when_its_turn_comes_and_the_next_is_claimed(store: RunStore) -> None:
    runs = [store.create(config(), FINGERPRINT) for _ in range(3)]
    for run in runs[:2]:
        newer_option(store, run)
    claimed = store.claim(1)
    assert claimed is not None and claimed.id == runs[2].id
    assert {(lost.id, lost.state) for lost in store.unreadable()} == {(run.id, "failed") for run in runs[:2]}


def test_running_run_that_cannot_be_read_fails_once_its_process_is_gone(store: RunStore) -> None:
    """It would take the place of others for ever, and nobody can cancel it."""
    mine = store.create(config(), FINGERPRINT, foreground=True)
    lost = [store.create(config(), FINGERPRINT) for _ in range(2)]
    for run in lost:
        store.claim(9)
        store.attach(run.id)
        newer_option(store, run)
    newer_option(store, mine)
    assert not any(run.abandoned for run in store.unreadable()), "all have this process"
    with pytest.raises(RunError, match="upgrade nmtr, or delete"):
        store.delete(mine.id)
    sql(store, "UPDATE runs SET process_started = process_started - 9 WHERE id != ?", mine.id)
    store.delete(lost[0].id)
    sql(store, "DELETE FROM runs WHERE id = ?", mine.id)
    other = store.create(config(), FINGERPRINT)
    Supervisor(store.root, job=JOB).run(idle=0)
    assert store.get(other.id).state == "done"
    assert {run.id: run.state for run in store.unreadable()} == {lost[1].id: "failed"}


def test_epochs_that_cannot_be_read_are_said_of_their_run_alone(store: RunStore) -> None:
    run = store.create(config(), FINGERPRINT, foreground=True)
    store.report(run.id, report(1))
    sql(store, "UPDATE reports SET report = json_set(report, '$.weather', 'fine')")
    with pytest.raises(RunError, match=f"^run {run.id} must have epochs that this nmtr can read, and has not: upgrade"):
        store.reports(run.id)
    assert store.list() == (store.get(run.id),)


def overwritten(root: Path) -> str:
    """A store of many runs with a whole header, and 60 kB of noise from byte 8192; the id of a run."""
    store = RunStore(root)
    for _ in range(200):
        run = store.create(config(), FINGERPRINT)
    store.close()
    with closing(sqlite3.connect(root / "nmtr.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (root / "nmtr.db").open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(60_000))
    return run.id


def test_store_that_is_overwritten_behind_its_header_is_said_in_one_sentence(tmp_path: Path) -> None:
    run = overwritten(tmp_path)
    for ask in (RunStore.list, RunStore.line, RunStore.unreadable, lambda store: store.get(run), lambda s: s.claim(1)):
        with pytest.raises(NmtrError) as error:
            ask(RunStore(tmp_path))
        assert isinstance(error.value, StoreError) and "\n" not in str(error.value)
        assert str(error.value).startswith(f"The store of runs needs a database that it can read and write; {tmp_path}")
    with pytest.raises(StoreError):
        Supervisor(tmp_path, job=JOB)._tick()
