"""Rows that cannot be taken: refused, or, where that was asked for, left out, counted and kept in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from nmtr.errors import DataError, option

#: The file beside a data set with the rows that were left out of it.
SKIPPED = "skipped.csv"
_SHOWN = 10
_COLUMNS = ("user", "item", "behavior", "time")


@dataclass
class BadRows:
    """What to do with rows of the table of events that cannot be taken."""

    database: duckdb.DuckDBPyConnection
    source: str
    skip: bool = False

    def __post_init__(self) -> None:
        columns = ", ".join(f"{name} VARCHAR" for name in ("why", *_COLUMNS))
        self.database.execute(f"CREATE TABLE skipped (event BIGINT, {columns})")

    def left_out(self, where: str, why: str) -> bool:
        """Leave out the rows for which `where` (SQL) holds, if bad rows are left out; whether they are."""
        if self.skip:
            columns = ", ".join(_COLUMNS)
            self.database.execute(
                f"INSERT INTO skipped SELECT rowid + 1, ?, {columns} FROM events WHERE {where} ORDER BY rowid", [why]
            )
            self.database.execute(f"DELETE FROM events WHERE {where}")
        return self.skip

    def refuse(self, where: str, rule: str, what: str, *, always: bool = False) -> None:
        """DataError where there are such rows, which says the rule and the time of the first, or leave them out.

        Where it is `always` the rule, it is broken by how the column is written rather than by some rows.
        """
        if not always and self.left_out(where, rule):
            return
        found = self.database.execute(
            f"SELECT min(rowid) + 1, arg_min(time, rowid), count(*) FROM events WHERE {where}"
        ).fetchone()
        if found and found[2]:
            first = "" if found[2] == 1 else f", the first of {found[2]:,},"
            way_out = "" if always else f": correct such rows, or leave them out with {option('skip-bad')}"
            shown = what.format(str(found[1])[:40])
            raise DataError(f"{rule}; event {found[0]:,} of {self.source}{first} {shown}{way_out}.")

    def notes(self) -> list[str]:
        """How many rows were left out, and the first of them with why."""
        rows = self.database.execute("SELECT event, why, time FROM skipped ORDER BY event").fetchall()
        if not rows:
            return []
        first = "; ".join(f"event {event:,}: {why}" for event, why, _ in rows[:_SHOWN])
        more = "; …" if len(rows) > _SHOWN else ""
        return [f"{len(rows):,} bad row{'s' * (len(rows) > 1)} left out, kept in {SKIPPED} ({first}{more})"]

    def write(self, path: Path) -> None:
        """Write the rows that were left out to a CSV file, if there are any."""
        if self.database.execute("SELECT 1 FROM skipped LIMIT 1").fetchone():
            target = str(path).replace("'", "''")
            self.database.execute(f"COPY (SELECT * FROM skipped ORDER BY event) TO '{target}' (HEADER)")
