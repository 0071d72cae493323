"""Older stores are brought forward with all that is in them; newer ones are left alone."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from nmtr.errors import RunError
from nmtr.runs import migrations, schema
from nmtr.runs.store import RunStore
from tests.runs.fakes import FINGERPRINT, config, report

# As nmtr wrote it before there were migrations, to the letter.
VERSION_1 = """
CREATE TABLE schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE runs (
    number INTEGER NOT NULL, id VARCHAR(8) NOT NULL, state VARCHAR(9) NOT NULL, config JSON NOT NULL,
    fingerprint VARCHAR NOT NULL, foreground BOOLEAN NOT NULL, created FLOAT NOT NULL, started FLOAT, finished FLOAT,
    epoch INTEGER NOT NULL, epochs INTEGER NOT NULL, seconds FLOAT NOT NULL, cancel_requested BOOLEAN NOT NULL,
    error VARCHAR, result JSON, pid INTEGER, process_started FLOAT, heartbeat FLOAT, deaths INTEGER NOT NULL,
    PRIMARY KEY (number), UNIQUE (id)
);
CREATE INDEX ix_runs_state ON runs (state);
CREATE TABLE reports (
    number INTEGER NOT NULL, run VARCHAR(8) NOT NULL, phase VARCHAR NOT NULL, epoch INTEGER NOT NULL,
    report JSON NOT NULL, PRIMARY KEY (number), FOREIGN KEY(run) REFERENCES runs (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX reports_by_epoch ON reports (run, phase, epoch);
INSERT INTO schema VALUES (1);
PRAGMA journal_mode=WAL;
"""
RUNS = {"aaaaaaaa": "queued", "bbbbbbbb": "done", "cccccccc": "failed"}


def sql(root: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(root / "nmtr.db")) as db, db:
        return db.execute(statement, values).fetchall()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a store of version 1 with three runs, one of which has reports."""
    with closing(sqlite3.connect(tmp_path / "nmtr.db")) as db:
        db.executescript(VERSION_1)
    for run, state in RUNS.items():
        (tmp_path / "runs" / run).mkdir(parents=True)
        sql(
            tmp_path,
            "INSERT INTO runs (id, state, config, fingerprint, foreground, created, epoch, epochs, seconds,"
            " cancel_requested, deaths, error) VALUES (?, ?, ?, ?, 0, 1.5, 1, 3, .5, 0, 0, ?)",
            *(run, state, config().model_dump_json(), FINGERPRINT, "It broke." if state == "failed" else None),
        )
    insert = "INSERT INTO reports (run, phase, epoch, report) VALUES ('bbbbbbbb', 'select', 1, ?)"
    sql(tmp_path, insert, report(1).model_dump_json())
    return tmp_path


def test_store_of_version_1_is_brought_forward_with_all_of_its_runs(old: Path) -> None:
    store = RunStore(old)
    runs = {run.id: run for run in store.list()}
    assert {run.id: run.state for run in runs.values()} == RUNS
    assert all(run.config == config() and run.fingerprint == FINGERPRINT for run in runs.values())
    assert runs["cccccccc"].error == "It broke." and store.reports("bbbbbbbb") == (report(1),)
    assert (claim := store.claim(1)) is not None and claim.id == "aaaaaaaa"
    store.delete("bbbbbbbb")
    assert store.reports("bbbbbbbb") == (), "reports still go with their run"


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.joinpath("nmtr.db").touch()])
def test_new_store_and_old_one_have_the_tables_that_the_code_knows(
    tmp_path: Path, old: Path, make: Callable[[Path], object]
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    make(new)
    for root in (new, old):
        with schema.open_database(root / "nmtr.db").connect() as db:
            context = MigrationContext.configure(db, opts={"version_table": migrations.VERSION_TABLE})
            assert compare_metadata(context, schema.metadata) == []
        assert sql(root, "SELECT version_num FROM nmtr_version") == [(schema.VERSION,)]


@pytest.mark.parametrize("studies", [True, False])
def test_runs_that_studies_queued_before_version_3_are_recognised_and_no_others(old: Path, studies: bool) -> None:
    """By Optuna's table, which names the studies that there were."""
    if studies:
        sql(old, "CREATE TABLE studies (study_id INTEGER NOT NULL, study_name VARCHAR(512) NOT NULL)")
        sql(old, "INSERT INTO studies VALUES (1, 'k2fovz4x')")
    engine = create_engine(f"sqlite:///{old / 'nmtr.db'}")
    with engine.begin() as db:
        migrations.upgrade(db, "0002")
    engine.dispose()
    for run, owner in zip(RUNS, ("study k2fovz4x", "study group", "ann"), strict=True):
        sql(old, "UPDATE runs SET owner = ? WHERE id = ?", owner, run)
    found = {run.id: run.study for run in RunStore(old).list()}
    assert found == {"aaaaaaaa": "k2fovz4x" if studies else None, "bbbbbbbb": None, "cccccccc": None}


def test_nmtr_that_knows_version_1_only_would_refuse_the_store(old: Path) -> None:
    RunStore(old)
    assert sql(old, "SELECT max(version) FROM schema") == [(2,)]  # what it asks


def test_rows_that_an_older_nmtr_still_writes_are_read(old: Path) -> None:
    store = RunStore(old)
    sql(
        old,
        "INSERT INTO runs (id, state, config, fingerprint, foreground, created, epoch, epochs, seconds,"
        " cancel_requested, deaths) VALUES ('dddddddd', 'queued', ?, 'x', 0, 1.5, 0, 3, 0, 0, 0)",
        config().model_dump_json(),
    )
    assert store.get("dddddddd").state == "queued"


def test_store_of_a_newer_version_is_refused_and_left_alone(store: RunStore) -> None:
    sql(store.root, "UPDATE nmtr_version SET version_num = '9999'")
    before = sql(store.root, "SELECT sql FROM sqlite_master")
    with pytest.raises(RunError, match=r"written by a newer nmtr \(schema 9999; this one knows \d+\), so upgrade"):
        RunStore(store.root)
    assert sql(store.root, "SELECT sql FROM sqlite_master") == before
    assert sql(store.root, "SELECT version_num FROM nmtr_version") == [("9999",)]


def test_step_that_fails_leaves_the_store_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sql(old, "SELECT name, sql FROM sqlite_master")

    def broken(db: object, upgrade: Callable[[object], None] = migrations.upgrade) -> None:
        upgrade(db)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(migrations, "upgrade", broken)
        RunStore(old)
    assert sql(old, "SELECT name, sql FROM sqlite_master") == before
    assert {run.id for run in RunStore(old).list()} == set(RUNS)


def count_runs(root: Path) -> int:
    return len(RunStore(root).list())


def test_old_store_is_brought_forward_once_by_processes_that_open_it_at_once(old: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(count_runs, [old] * 8)) == [len(RUNS)] * 8
    assert sql(old, "SELECT version_num FROM nmtr_version") == [(schema.VERSION,)]
    assert sql(old, "SELECT count(*) FROM queue") == [(1,)]


def test_tables_of_others_in_the_same_database_are_left_alone(old: Path) -> None:
    sql(old, "CREATE TABLE alembic_version (version_num VARCHAR)")
    sql(old, "INSERT INTO alembic_version VALUES ('v3.2.0.a')")  # as a study's storage has it
    RunStore(old)
    assert sql(old, "SELECT version_num FROM alembic_version") == [("v3.2.0.a",)]


def test_store_that_is_up_to_date_is_opened_without_alembic(store: RunStore) -> None:
    code = "import sys, pathlib, nmtr.runs.store as s; s.RunStore(pathlib.Path(sys.argv[1])); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code, store.root], check=True, capture_output=True, text=True).stdout
    assert "sqlalchemy" in loaded.split() and "alembic" not in loaded.split()


def test_tables_can_be_made_in_postgresql_too() -> None:
    for table in schema.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect())).strip().startswith("CREATE TABLE")
