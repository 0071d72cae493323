"""What a suite ends in: everything that its tables are made of, in one JSON file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from nmtr.compare import Leaderboard, Sparsity
from nmtr.errors import ConfigError
from nmtr.evaluation.metrics import SELECTION
from nmtr.evaluation.result import Result
from nmtr.files import write_whole
from nmtr.frozen import Frozen
from nmtr.suites.search import Search


class CurvePoint(Frozen):
    """One epoch of a curve."""

    epoch: int
    loss: dict[str, float]  # behavior -> mean loss an instance
    valid: dict[str, float] | None  # on validation
    test: dict[str, float] | None  # on test; chooses nothing


class SeedRun(Frozen):
    """One finished run."""

    run: str
    seed: int
    result: Result
    curve: tuple[CurvePoint, ...] = ()  # of figures that draw one


class Row(Frozen):
    """One cell and its runs."""

    group: str
    label: str
    variant: str  # the method's name, with NMTR's unit
    protocol: str
    options: dict[str, Any]  # of a run, resolved, but for data, seed and threads
    #: "defaults" ("defaults, sampled loss" where the usual one is too dear), "preset beibei/nmtr-gmf-standard",
    #: "tuning" or "nothing to choose".
    chosen_by: str
    tuned_for: str = ""  # what a preset was tuned with that is something else here: "behaviors view+buy"
    search: Search | None
    runs: tuple[SeedRun, ...]  # one a seed, by seed
    failed: tuple[str, ...] = ()  # of the runs that are missing: what happened

    def mean(self, metric: str, which: Literal["test", "valid"] = "test") -> float | None:
        """The mean over seeds; None where there is none."""
        return _mean([getattr(run.result, which).get(metric) for run in self.runs])

    @property
    def validated(self) -> tuple[float, ...]:
        """What rows are chosen by: never a test figure."""
        return tuple(self.mean(metric, "valid") or 0.0 for metric in SELECTION)

    def best_test(self, metric: str) -> float | None:
        """The mean over seeds at the best test epoch, as the paper reports; None where runs did not watch it."""
        return _mean([best.metrics.get(metric) if (best := run.result.best_test) else None for run in self.runs])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


class SuiteResult(Frozen):
    """A suite's result."""

    suite: str
    title: str
    command: str  # that makes it
    data: str
    fingerprint: str
    behaviors: tuple[str, ...]
    protocols: tuple[str, ...]
    seeds: int
    budget: int
    rows: tuple[Row, ...]
    boards: tuple[Leaderboard, ...]  # of rows that may be ranked together, each against one of them
    sparsity: tuple[Sparsity, ...]  # of fig5: by metric
    summary: dict[str, Any] | None = None  # of table1: the data set's
    kept: str = ""  # of table2: which presets it wrote, or why none
    made: str  # the date, UTC
    wall_seconds: float  # of the command
    trained_seconds: float  # of the rows' runs together, whenever they were trained
    searched_seconds: float  # of all runs of the searches together
    runs: int
    runs_there: int  # of these were done before the command began
    cores: int
    versions: dict[str, str]

    def write(self, path: Path) -> None:
        """Keep it in a file, whole or not at all; ConfigError where that cannot be done."""
        lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in self.model_dump(mode="json").items()]
        write_whole(path, "{\n" + ",\n".join(lines) + "\n}\n")

    @classmethod
    def read(cls, path: Path) -> SuiteResult:
        """From a file; ConfigError where it holds none."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigError(f"a suite's result must be a file; {path} cannot be read ({error.strerror}).") from None
        except ValidationError:
            raise ConfigError(
                f"a suite's result must be the JSON file that `nmtr suite` wrote; {path} is another, so run it again."
            ) from None


def _lines(value: Any) -> str:
    """JSON with a line for each row of a list: a tenth of the lines of an indented file, and differences by row."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)
