"""Where benchmarks read and write; they write nowhere else but to temporary folders."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
REPORT = ROOT / "docs" / "performance.md"
KEPT = ROOT / ".benchmarks"  # the peers' environment and their copies of the data; not in git


def real_data(name: str) -> Path | None:
    """The folder of a real data set, which the project does not ship; None where it is not here."""
    folder = Path(os.environ.get("NMTR_DATA_DIR") or ROOT.parent / "shared" / "data") / name
    return folder if folder.is_dir() else None
