"""Deleted runs are kept for a day, come back whole, and then are gone."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from nmtr.errors import RunError
from nmtr.runs.store import RunStore
from nmtr.runs.trash import KEPT
from nmtr.workspace import Workspace
from tests.conftest import random_dataset
from tests.runs.fakes import report
from tests.runs.test_store import MAKE


@pytest.mark.parametrize("state", ["queued", "done", "failed", "cancelled"])
def test_deleted_run_comes_back_whole(store: RunStore, state: str) -> None:
    run = MAKE[state](store)
    store.label(run.id, name="Mine", tags=["a"])
    run = store.get(run.id)
    (store.folder(run.id) / "log.txt").write_text("it went well\n")
    series = store.reports(run.id)
    assert store.delete(run.id, aside=True)
    assert store.list() == () and not store.folder(run.id).exists()
    assert [(one.id, one.name) for one in store.trash.list()] == [(run.id, "Mine")]
    MAKE["done"](store)  # which may take its place in the order
    back = RunStore(store.root).undelete(run.id)
    if state == "queued":
        assert (back.state, back.reason) == ("cancelled", "It was deleted while it waited.")
        assert store.requeue(run.id).state == "queued"
    else:
        assert back == run
    assert store.reports(run.id) == series and store.trash.list() == ()
    assert [path.name for path in store.folder(run.id).iterdir()] == ["log.txt"]


def test_reports_come_back_in_their_order(store: RunStore) -> None:
    run = MAKE["running"](store)
    for epoch in (1, 2):
        store.report(run.id, report(epoch))
    store.fail(run.id, "It broke.")
    store.delete(run.id, aside=True)
    store.undelete(run.id)
    assert store.reports(run.id) == (report(1), report(2))


def test_pinned_run_comes_back_unpinned(store: RunStore) -> None:
    run = store.pin(MAKE["done"](store).id)
    store.delete(run.id, aside=True)
    assert store.undelete(run.id) == replace(run, pinned=False)


def test_running_run_is_neither_deleted_nor_moved(store: RunStore) -> None:
    run = MAKE["running"](store)
    with pytest.raises(RunError, match="is running, so cancel it first"):
        store.delete(run.id, aside=True)
    assert store.get(run.id) == run and store.folder(run.id).is_dir() and store.trash.list() == ()


def test_what_is_not_kept_is_refused(store: RunStore) -> None:
    run = MAKE["done"](store)
    store.delete(run.id)
    for missing in (run.id, "nobody22"):
        with pytest.raises(RunError, match=f"for a day after it was deleted; none called {missing} is kept"):
            store.undelete(missing)
    with pytest.raises(RunError, match="8 of a-z and 2-7"):
        store.undelete("../../etc")


def test_run_whose_id_is_here_again_is_refused_and_stays_kept(store: RunStore) -> None:
    run = MAKE["done"](store)
    store.delete(run.id, aside=True)
    kept = json.loads((store.root / "deleted" / run.id / "deleted.json").read_text())
    store.undelete(run.id)
    (store.root / "deleted" / run.id).mkdir()
    (store.root / "deleted" / run.id / "deleted.json").write_text(json.dumps(kept))
    with pytest.raises(RunError, match="is here, so delete that first"):
        store.undelete(run.id)
    assert store.get(run.id) == run and [one.id for one in store.trash.list()] == [run.id]


#: A constraint that is broken, and found to be when the change is to be committed.
FAILS_TO_COMMIT = """
CREATE TABLE missing (id INTEGER PRIMARY KEY);
CREATE TABLE wanting (missing INTEGER REFERENCES missing (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER failing AFTER {} ON runs BEGIN INSERT INTO wanting VALUES (1); END;
"""


@pytest.mark.parametrize("change", ["DELETE", "INSERT"])
def test_change_that_is_not_committed_loses_nothing(store: RunStore, change: str) -> None:
    run = MAKE["done"](store)
    (store.folder(run.id) / "log.txt").write_text("it went well\n")
    if change == "INSERT":
        store.delete(run.id, aside=True)
    with closing(sqlite3.connect(store.root / "nmtr.db")) as db:
        db.executescript(FAILS_TO_COMMIT.format(change))
    with pytest.raises((IntegrityError, RunError)):
        store.delete(run.id, aside=True) if change == "DELETE" else store.undelete(run.id)
    with closing(sqlite3.connect(store.root / "nmtr.db")) as db:
        db.execute("DROP TRIGGER failing")
    if change == "DELETE":
        assert store.get(run.id) == run and (store.folder(run.id) / "log.txt").exists()
        assert store.delete(run.id, aside=True)
    assert store.list() == () and store.undelete(run.id) == run
    assert [path.name for path in store.folder(run.id).iterdir()] == ["log.txt"]


def test_run_whose_files_were_not_put_aside_yet_is_brought_back(store: RunStore) -> None:
    """As where its process was killed in between."""
    run = MAKE["done"](store)
    store.delete(run.id, aside=True)
    (store.root / "deleted" / run.id).rename(store.folder(run.id))
    assert store.undelete(run.id) == run and [*store.folder(run.id).iterdir()] == []


def test_where_there_is_no_room_it_is_gone_and_said_to_be(store: RunStore) -> None:
    """A file where the folder would have to be: as good as a full disk, and as root, too."""
    run = MAKE["done"](store)
    (store.root / "deleted").write_text("")
    assert not store.delete(run.id, aside=True)
    assert store.list() == () and not store.folder(run.id).exists()


def test_what_is_older_than_a_day_is_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.save(random_dataset())
    runs = [MAKE["done"](workspace.runs) for _ in range(2)]
    for run in runs:
        assert workspace.delete(run.id)
    path = tmp_path / "deleted" / runs[0].id / "deleted.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"deleted": os.path.getmtime(path) - KEPT - 60}))
    workspace.runs.close()
    again = Workspace(tmp_path)
    assert [one.id for one in again.runs.trash.list()] == [runs[1].id] and not path.parent.exists()
    again.runs.close()
