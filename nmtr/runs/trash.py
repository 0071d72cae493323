"""Deleted runs, kept aside for a day, so that a slip can be undone.

A run's row, its reports and its files go to `ROOT/deleted/ID/` in one step, and come back in one. What is older than a
day is removed when somebody opens the home next.
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

    def keep(self, row: Row[Any], series: Sequence[Row[Any]], folder: Path) -> bool:
        """Put a run's row, reports and files aside; False where there is no room to, and nothing was changed."""
        kept = {
            "deleted": time.time(),
            "run": dict(row._mapping),
            "reports": [dict(report._mapping) for report in series],
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _ROW).write_text(json.dumps(kept), encoding="utf-8")
            self._root.mkdir(exist_ok=True)
            shutil.rmtree(self._root / row.id, ignore_errors=True)
            folder.rename(self._root / row.id)
        except OSError:
            (folder / _ROW).unlink(missing_ok=True)
            return False
        return True

    def give_back(self, run_id: str, folder: Path) -> None:
        """The files alone, of a run that is still there."""
        (self._root / run_id).rename(folder)
        (folder / _ROW).unlink()

    def restore(self, db: Connection, run_id: str, folder: Path) -> bool:
        """A run's row, reports and files as they were, but not waiting and not pinned; False where it is not kept."""
        try:
            kept = json.loads((self._root / run_id / _ROW).read_bytes())
        except (OSError, ValueError):
            return False
        row, series = kept["run"] | {"pinned": False}, kept["reports"]
        if row["state"] == "queued":
            row |= {"state": "cancelled", "finished": kept["deleted"], "reason": "It was deleted while it waited."}
        row.pop("number")  # of others by now, perhaps
        db.execute(insert(runs).values(row))
        if series:
            db.execute(insert(reports), [{name: r[name] for name in r if name != "number"} for r in series])
        shutil.rmtree(folder, ignore_errors=True)  # nobody's: the id was free
        self.give_back(run_id, folder)
        return True

    def sweep(self) -> None:
        """Remove what is older than a day."""
        for one in self.list():
            if time.time() - one.deleted > KEPT:
                shutil.rmtree(self._root / one.id, ignore_errors=True)
