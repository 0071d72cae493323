"""The steps that bring an older store's tables forward: one file a version in `versions`, taken in order by Alembic.

They go forward only, and name tables and columns as they were at that version, not as `nmtr.runs.schema` has them
now. A step that is released is never changed: a new version is a new file, and `nmtr.runs.schema.VERSION` its revision.
Columns that are added have a default in the database, so that an older nmtr, at work while the store is brought
forward, can go on. Tables that are not the store's, such as those of a study, are left alone.
"""

from __future__ import annotations

from sqlalchemy import Connection

VERSION_TABLE = "nmtr_version"  # not Alembic's own name: a study's tables in the same database have that


def upgrade(db: Connection, version: str = "head") -> None:
    """Take the steps that the database is behind, up to a version, in the transaction that `db` is in."""
    from alembic import command  # takes a fifth of a second to import, and few stores are old
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "nmtr.runs:migrations")
    config.attributes["connection"] = db
    command.upgrade(config, version)
