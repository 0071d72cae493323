"""A report as one HTML file: opens without a network, prints, and asks nothing of anybody."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import plotly.graph_objects as go

from dashboard.charts import saved_as
from dashboard.report.blocks import Block, Figure, Section, Table
from dashboard.report.request import Request
from dashboard.report.sections import PAPER, Subject, sections
from nmtr.csv_text import csv_text
from nmtr.errors import ConfigError
from nmtr.shipped import ASSETS
from nmtr.suites.outcome import SuiteResult
from nmtr.workspace import Workspace

LIMIT = 4_000_000  # bytes
_LIBRARY = ASSETS / "report" / "plotly-basic.min.js"
_DRAW = """
for (const place of document.querySelectorAll("[data-figure]")) {
  const { data, layout, config } = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  Plotly.newPlot(place, data, layout, config);
}
"""


def write(workspace: Workspace, request: Request, outcomes: tuple[SuiteResult, ...] = ()) -> str:
    """The report of a request as HTML, with the results of suites that it shows besides.

    NmtrError where a run, shopper or section is not to be had, or where the file would be larger than 4 MB.
    """
    subject = Subject(workspace, request, outcomes)
    parts = sections(subject)
    text = _page(subject, parts)
    size = len(text.encode())
    if size > LIMIT:
        raise ConfigError(
            f"a report can have up to {LIMIT / 1e6:.0f} MB; this one would have {size / 1e6:.1f}: leave out shoppers, "
            "runs or sections."
        )
    return text


def _page(subject: Subject, parts: tuple[Section, ...]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    library = _LIBRARY.read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(ASSETS / "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    run = subject.runs[0]
    return environment.get_template("report.html").render(
        title=subject.request.title or f"{run.config.label} on {subject.info.name}",
        where=subject.where,
        sections=parts,
        kind=_kind,
        csv=_csv,
        figure=_figure,
        library=library,
        draw=_DRAW,
        hashes=" ".join(f"'sha256-{_hash(script)}'" for script in (library, _DRAW)),
        command=subject.request.command,
        versions=versions(),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        fingerprint=subject.info.fingerprint,
    )


@cache
def versions() -> dict[str, str]:
    """What the figures were worked out and drawn with."""
    names = ("nmtr", "torch", "numpy", "scipy", "plotly")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _kind(block: Block) -> str:
    return type(block).__name__


def _csv(block: Figure | Table) -> str:
    """A block's data as a link that a browser saves."""
    rows: list[dict[str, Any]]
    if isinstance(block, Figure):
        rows = [dict(row) for row in block.rows]
    else:
        rows = [dict(zip(block.columns, row, strict=True)) for row in block.rows]
    return "data:text/csv;base64," + base64.b64encode(csv_text(rows).encode()).decode()


def _figure(block: Figure, name: str) -> str:
    """A figure's data as JSON that no HTML ends, whatever titles hold."""
    # On pages Streamlit brings the template; here it is white paper.
    white = {"template": "plotly_white", "paper_bgcolor": PAPER.paper, "plot_bgcolor": PAPER.paper}
    drawing = str(go.Figure(block.drawing).update_layout(white).to_json())
    config = json.dumps(saved_as(name) | {"displayModeBar": True})
    return ("{" + drawing.strip()[1:-1] + ', "config": ' + config + "}").translate(_ESCAPED)


_ESCAPED = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
