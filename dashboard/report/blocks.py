"""What a report is made of: sections of figures and tables, each with its finding, its data and the way to make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go


@dataclass(frozen=True)
class Code:
    """How a figure is had again."""

    command: str  # of the terminal
    python: str


@dataclass(frozen=True)
class Table:
    """Cells as text, below what they say."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    where: str  # data set · protocol · run
    notes: tuple[str, ...] = ()
    code: Code | None = None

    @classmethod
    def of(cls, title: str, rows: Sequence[Mapping[str, Any]], where: str, code: Code | None = None) -> Table:
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        cells = tuple(tuple("–" if row.get(name) is None else str(row[name]) for name in columns) for row in rows)
        return cls(title, columns, cells, where, code=code)


@dataclass(frozen=True)
class Figure:
    """A drawing under its finding, with what it measures and the numbers that it draws."""

    title: str
    measure: str  # what is drawn, its unit and its interval
    where: str  # data set · protocol · run
    drawing: go.Figure
    rows: Sequence[Mapping[str, Any]]  # for CSV
    code: Code


@dataclass(frozen=True)
class Words:
    """Sentences under a finding."""

    title: str
    sentences: tuple[str, ...]
    where: str


Block = Figure | Table | Words


@dataclass(frozen=True)
class Section:
    """One part of a report, as it is asked for and shown."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    note: str = ""  # the author's own words
