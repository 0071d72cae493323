"""What a report is asked to hold."""

from __future__ import annotations

import shlex
from typing import Any

from pydantic import field_validator

from nmtr.compare import METRIC
from nmtr.compare.entries import parse_metric
from nmtr.errors import ConfigError
from nmtr.frozen import Frozen

#: The sections in their order, and what each is called.
SECTIONS = {
    "summary": "How good the model is",
    "data": "The data",
    "models": "The models side by side",
    "leak": "Items that shoppers had seen before",
    "sparsity": "Shoppers who bought little",
    "training": "How they learned",
    "shoppers": "Shoppers and why they get what they get",
    "suites": "The paper's experiments",
    "options": "What was trained, and how to train it again",
}
MOST_RUNS, MOST_SHOPPERS = 20, 12
MOST_TITLE, MOST_NOTE = 200, 4_000  # characters


class Request(Frozen):
    """The runs, shoppers and sections of a report, its title and the author's notes; JSON in and out."""

    runs: tuple[str, ...]  # the first is what the report is about; all of one data set and protocol
    reference: str | None = None  # the run that the others are compared with; the best alternative if None
    shoppers: tuple[str, ...] = ()  # labels
    sections: tuple[str, ...] = tuple(SECTIONS)
    title: str = ""
    notes: dict[str, str] = {}  # section -> the author's words
    metric: str = METRIC

    @field_validator("*", mode="after")
    @classmethod
    def _within_limits(cls, value: Any, info: Any) -> Any:
        limits = {"runs": MOST_RUNS, "shoppers": MOST_SHOPPERS}
        if info.field_name in limits and len(value) > limits[info.field_name]:
            raise ConfigError(
                f"a report holds up to {limits[info.field_name]} {info.field_name}; got {len(value)}: leave some out."
            )
        if info.field_name == "runs" and not value:
            raise ConfigError("a report needs a finished run to be about; got none: name one.")
        if info.field_name in ("sections", "notes"):
            unknown = [name for name in value if name not in SECTIONS]
            if unknown:
                raise ConfigError(f"a report's sections are {', '.join(SECTIONS)}; got {unknown[0]}.")
        if info.field_name == "notes":
            long = [name for name, text in value.items() if len(text) > MOST_NOTE]
            if long:
                raise ConfigError(f"a note can have up to {MOST_NOTE:,} characters; that on {long[0]} has more.")
        if info.field_name == "title" and len(value) > MOST_TITLE:
            raise ConfigError(f"a title can have up to {MOST_TITLE} characters; got {len(value):,}: shorten it.")
        if info.field_name == "metric":
            parse_metric(value)
        return value

    @property
    def command(self) -> str:
        """The command that makes the same report, without its suites."""
        parts = ["nmtr", "report", "--out", "report.html"]
        parts += [f"--run={run}" for run in self.runs] + [f"--user={user}" for user in self.shoppers]
        if self.sections != tuple(SECTIONS):
            parts.append(f"--sections={','.join(self.sections)}")
        parts += [f"--metric={self.metric}"] if self.metric != METRIC else []
        parts += [f"--reference={self.reference}"] if self.reference else []
        parts += [f"--title={self.title}"] if self.title else []
        parts += [f"--note={name}={text}" for name, text in self.notes.items() if text]
        return shlex.join(parts)
