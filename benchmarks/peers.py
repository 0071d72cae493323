"""RecBole in an environment of its own, made once by `python -m benchmarks peers`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.child import ask, call
from benchmarks.core import Figures, Side
from benchmarks.data import LIBRARY, ensure, write_atomic
from benchmarks.errors import BenchmarkError
from benchmarks.places import KEPT, ROOT
from nmtr.data.library import Library

_PYTHON = KEPT / "recbole" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
_DATA = "beibei-shaped"
_SCRIPT = ROOT / "benchmarks" / "recbole_peer.py"


def install() -> None:
    """Makes RecBole's environment, or brings it up to date; BenchmarkError where pip fails."""
    commands = [
        [sys.executable, "-m", "venv", str(KEPT / "recbole")],
        [str(_PYTHON), "-m", "pip", "install", "-r", str(ROOT / "benchmarks" / "requirements-peers.txt")],
    ]
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            raise BenchmarkError(f"RecBole's environment could not be made: {' '.join(command)} failed, as said above.")


def recbole(model: str) -> Side:
    """RecBole's model on the purchases of the Beibei-shaped data: `seconds` an epoch, `positives`, `rank_seconds`."""
    return Side(f"RecBole {model}", lambda: measure(model))


def measure(model: str, python: Path = _PYTHON) -> Figures:
    """One round of RecBole; BenchmarkError where its environment is missing."""
    if not python.exists():
        raise BenchmarkError(
            f"RecBole needs its own environment, and {python} is missing: run the command peers first."
        )
    call(ensure, name=_DATA)
    folder = KEPT / "atomic"
    name = write_atomic(Library(LIBRARY).load(_DATA), folder)
    request = {"model": model, "folder": str(folder), "name": name, "threads": os.cpu_count() or 1}
    with tempfile.TemporaryDirectory() as scratch:  # RecBole leaves logs where it stands
        return ask([str(python), "-P", str(_SCRIPT)], request, Path(scratch))
