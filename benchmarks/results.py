"""What a benchmark found, as it is kept in benchmarks/results."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from benchmarks.core import Case, Figures, Round
from benchmarks.places import RESULTS, ROOT
from nmtr.native.build import level


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Kept):
    """Where and with what it was measured."""

    processor: str
    threads: int
    memory_gb: float
    load: float  # what waited for the cores in the minute before the run, in cores
    system: str
    python: str
    torch: str
    numpy: str
    kernels: bool  # whether the compiled kernels were there
    level: str | None = None  # what they were compiled for; not kept before it could be chosen
    commit: str

    @classmethod
    def here(cls) -> Machine:
        return cls(
            processor=_processor(),
            threads=os.cpu_count() or 1,
            memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
            load=round(psutil.getloadavg()[0], 2),
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            torch=version("torch"),
            numpy=version("numpy"),
            kernels=level() is not None,
            level=level(),
            commit=_commit(),
        )


class Found(_Kept):
    """One measure of a case."""

    label: str
    unit: str
    rounds: tuple[float, ...]
    median: float
    limit: float | None  # the target
    at_least: bool
    reached: bool | None  # None where there is no target
    column: str = ""

    @property
    def target(self) -> str:
        if self.limit is None:
            return ""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}".rstrip()


class CaseResult(_Kept):
    """One case, with every round's figures of every side."""

    case: str
    title: str
    setup: str
    date: datetime
    machine: Machine
    measures: tuple[Found, ...]
    rounds: tuple[dict[str, Figures], ...]

    @classmethod
    def of(cls, case: Case, rounds: Sequence[Round], machine: Machine) -> CaseResult:
        return cls(
            case=case.name,
            title=case.title,
            setup=case.setup,
            date=datetime.now(UTC).replace(microsecond=0),
            machine=machine,
            measures=tuple(_found(case, rounds)),
            rounds=tuple({side: _rounded(figures) for side, figures in own.items()} for own in rounds),
        )

    def save(self, folder: Path = RESULTS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.case}.json").write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load(folder: Path = RESULTS) -> dict[str, CaseResult]:
    """Every kept result, by its case's name."""
    found = (CaseResult.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json")))
    return {result.case: result for result in found}


def _found(case: Case, rounds: Sequence[Round]) -> list[Found]:
    found = []
    for measure in case.measures:
        values = [measure.of(figures) for figures in rounds]
        median, target = statistics.median(values), measure.target
        found.append(
            Found(
                label=measure.label,
                unit=measure.unit,
                rounds=tuple(float(f"{value:.6g}") for value in values),
                median=float(f"{median:.6g}"),
                limit=target.limit if target else None,
                at_least=bool(target and target.at_least),
                reached=target.reached(median) if target else None,
                column=measure.column,
            )
        )
    return found


def _rounded(figures: Figures) -> Figures:
    return {name: float(f"{value:.6g}") for name, value in figures.items()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """The commit that is checked out; "+" where files have been changed since; "unknown" outside a repository."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
