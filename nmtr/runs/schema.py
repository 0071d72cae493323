"""The tables of the store of runs, and how its database is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Boolean,
    Column,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateIndex, CreateTable

from nmtr.errors import RunError

VERSION = 1
_LOCK_TIMEOUT = 60.0  # seconds to wait while another process writes

metadata = MetaData()
schema = Table("schema", metadata, Column("version", Integer, primary_key=True))
runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),  # the order of creation, whatever the clock said
    Column("id", String(8), nullable=False, unique=True),
    Column("state", String(9), nullable=False, index=True),
    Column("config", JSON, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("foreground", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("epoch", Integer, nullable=False, default=0),
    Column("epochs", Integer, nullable=False),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("error", String),
    Column("result", JSON(none_as_null=True)),
    Column("pid", Integer),
    Column("process_started", Float),
    Column("heartbeat", Float),
    Column("deaths", Integer, nullable=False, default=0),
)
reports = Table(
    "reports",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("phase", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("report", JSON, nullable=False),
    Index("reports_by_epoch", "run", "phase", "epoch", unique=True),
)


def open_database(path: Path) -> Engine:
    """The database at this path, made if it is not there; RunError where that cannot be, or a newer nmtr made it."""
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": _LOCK_TIMEOUT})
    event.listen(engine, "connect", _configure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        version = _make_tables(engine)
    except (OSError, DatabaseError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error.strerror
        raise RunError(
            f"The store of runs needs a database that it can write; {path} cannot be used ({reason}), "
            "so mend it or set NMTR_HOME to another folder."
        ) from error
    if version > VERSION:
        raise RunError(
            f"The runs in {path} were written by a newer nmtr (schema {version}; this one knows {VERSION}), "
            "so upgrade nmtr or set NMTR_HOME to another folder."
        )
    return engine


def _make_tables(engine: Engine) -> int:
    """Make the tables that are missing; the version of the schema that the database has."""
    with engine.begin() as db:
        for table in metadata.sorted_tables:
            db.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                db.execute(CreateIndex(index, if_not_exists=True))
        first = select(literal(VERSION)).where(~select(schema).exists())
        db.execute(insert(schema).from_select(["version"], first))
        version: int = db.scalars(select(func.max(schema.c.version))).one()
        return version


def _configure(connection: Any, _: object) -> None:
    """Readers never wait for a writer, and a commit does not wait for the disk."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
