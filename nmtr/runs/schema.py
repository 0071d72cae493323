"""The tables of the store of runs, and how its database is opened.

`migrations` makes them and brings older ones forward: what changes here needs a step there, and a test compares both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_core import from_json
from sqlalchemy import (
    JSON,
    URL,
    Boolean,
    Column,
    Connection,
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
    inspect,
    select,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, OperationalError

from nmtr.errors import RunError, StoreError
from nmtr.runs import migrations

VERSION = "0005"  # the last of `migrations/versions`; a later one compares higher
LOCK_TIMEOUT = 60.0  # seconds to wait while another process writes

version = Table(migrations.VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))  # Alembic's

metadata = MetaData()
schema = Table("schema", metadata, Column("version", Integer, primary_key=True))  # for nmtr before there was `version`
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
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("owner", String, nullable=False, server_default=""),
    Column("reason", String),
    Column("study", String),
    Column("pinned", Boolean, nullable=False, server_default="0"),
    Column("name", String, nullable=False, server_default=""),
    Column("tags", JSON, nullable=False, server_default="[]"),
    Column("note", String, nullable=False, server_default=""),
    Column("archived", Boolean, nullable=False, server_default="0"),
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
#: One row, for the queue of the whole store.
queue = Table(
    "queue",
    metadata,
    Column("paused", Boolean, nullable=False),
    Column("slots", Integer, nullable=False),  # how many run at once, in all and for each owner,
    Column("per_owner", Integer),  # as the supervisor that works now, or worked last, was told
)


def open_database(path: Path) -> Engine:
    """The database at this path, made if it is not there and brought forward if it is old.

    StoreError where that cannot be, then and whenever it is used; RunError where a newer nmtr made it: such a database
    is left as it is.
    """
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT}, json_deserializer=_json)
    prepare(engine)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with engine.connect() as db:
            found = _version(db) or ""
        if found < VERSION:
            found = _bring_forward(engine)
    except OSError as error:
        raise StoreError(path, error.strerror or str(error)) from error
    if found > VERSION:
        raise RunError(
            f"The runs in {path} were written by a newer nmtr (schema {found}; this one knows {VERSION}), "
            "so upgrade nmtr or set NMTR_HOME to another folder."
        )
    return engine


def _version(db: Connection) -> str | None:
    """The version of the database's tables; None where Alembic has not been: it is new, or of version 1."""
    if not inspect(db).has_table(version.name):
        return None
    return db.scalars(select(version.c.version_num)).one_or_none()


def _bring_forward(engine: Engine) -> str:
    """Take the steps that the database is behind, all or none, while no other process writes; the version it has then.

    Of two processes that find an old database, the second waits here and then finds nothing to do.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db, db.begin():
        if db.dialect.name == "sqlite":  # whose driver for Python begins before a row is written, not before a table
            db.exec_driver_sql("BEGIN IMMEDIATE")
        if (found := _version(db) or "") < VERSION:
            migrations.upgrade(db)
            return VERSION
        return found


def prepare(engine: Engine) -> None:
    """Let all connections of an engine over the store be as it needs them, and what the database refuses be said."""
    event.listen(engine, "connect", _configure)
    event.listen(engine, "handle_error", _say)


def _say(context: ExceptionContext) -> None:
    """In place of an error that is the database's, and no mistake in a statement: it is damaged, full or locked."""
    error = context.sqlalchemy_exception
    if error is not None and type(error) in (DatabaseError, OperationalError):
        said = " ".join(str(error.orig).split())
        raise StoreError(context.engine.url.database if context.engine else "its database", said) from error


def _json(text: str) -> Any:
    """The text itself where it is none, which no option and no figure is: see `nmtr.runs.record.read`."""
    try:
        return from_json(text)
    except ValueError:
        return text


def _configure(connection: Any, _: object) -> None:
    """Readers never wait for a writer, and a commit does not wait for the disk."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
