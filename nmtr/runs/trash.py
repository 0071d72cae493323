"""Deleted runs, kept aside for a day, so that a slip can be undone.

A run's row and reports are noted beside its files before they leave the store, and the files go to `ROOT/deleted/ID/`
after that, so that a process that is killed in between loses nothing; they come back in the other order. What is older
than a day is removed when somebody opens the home next.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert

from nmtr.runs.schema import reports, runs

KEPT = 24 * 3600.0  # seconds
_ROW = "deleted.json"


@dataclass(frozen=True)
class Deleted:
    """A run that can be brought back."""

    id: str
    deleted: float  # seconds since 1970
    name: str
    config: Mapping[str, Any]


class Trash:
    """The deleted runs under one home."""

    def __init__(self, root: Path) -> None:
        self._root = root / "deleted"

    def list(self) -> tuple[Deleted, ...]:
        """What can be brought back, the last deleted first."""
        found = []
        for path in self._root.glob(f"*/{_ROW}"):
            with suppress(OSError, ValueError, KeyError):
                kept = json.loads(path.read_bytes())
                found.append(Deleted(kept["run"]["id"], kept["deleted"], kept["run"]["name"], kept["run"]["config"]))
        return tuple(sorted(found, key=lambda one: -one.deleted))

    def note(self, row: Row[Any], series: Sequence[Row[Any]], folder: Path) -> bool:
        """Write a run's row and reports beside its files; False where there is no room to, and nothing was changed."""
        kept = {
            "deleted": time.time(),
            "run": dict(row._mapping),
            "reports": [dict(report._mapping) for report in series],
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _ROW).write_text(json.dumps(kept), encoding="utf-8")
        except OSError:
            self.forget(folder)
            return False
        return True

    def take(self, run_id: str, folder: Path) -> bool:
        """Put the files of a run aside that is deleted; False where that cannot be."""
        try:
            self._root.mkdir(exist_ok=True)
            shutil.rmtree(self._root / run_id, ignore_errors=True)
            folder.rename(self._root / run_id)
        except OSError:
            return False
        return True

    def restore(self, db: Connection, run_id: str, folder: Path) -> bool:
        """A run's row, reports and files as they were, but not waiting and not pinned; False where it is not kept.

        What was noted stays beside the files until `forget`: should the database take the row back, it is there still.
        """
        aside = self._root / run_id
        place = aside if aside.exists() else folder  # where a process was killed before it had put them aside
        try:
            kept = json.loads((place / _ROW).read_bytes())
        except (OSError, ValueError):
            return False
        row, series = kept["run"] | {"pinned": False}, kept["reports"]
        if row["state"] == "queued":
            row |= {"state": "cancelled", "finished": kept["deleted"], "reason": "It was deleted while it waited."}
        row.pop("number")  # of others by now, perhaps
        db.execute(insert(runs).values(row))
        if series:
            db.execute(insert(reports), [{name: r[name] for name in r if name != "number"} for r in series])
        if place == aside:
            shutil.rmtree(folder, ignore_errors=True)  # nobody's: the id was free
            aside.rename(folder)
        return True

    def forget(self, folder: Path) -> None:
        """Remove what was noted of a run that is there."""
        (folder / _ROW).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what is older than a day."""
        for one in self.list():
            if time.time() - one.deleted > KEPT:
                shutil.rmtree(self._root / one.id, ignore_errors=True)
