"""nmtr report"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nmtr.cli.console import Json, note, show
from nmtr.cli.files import write_text
from nmtr.cli.options import names
from nmtr.compare import METRIC
from nmtr.errors import ConfigError
from nmtr.suites.outcome import SuiteResult
from nmtr.suites.tables import markdown
from nmtr.workspace import Workspace


def report(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="Results that `nmtr suite` kept.")] = None,
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="RUN", help="A finished run; once for each, the first leads."),
    ] = None,
    users: Annotated[
        list[str] | None, typer.Option("--user", metavar="U", help="A user whose list to show; once for each.")
    ] = None,
    sections: Annotated[
        str | None, typer.Option(metavar="S,S,…", help="Only these sections, such as summary,models; all if left out.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="What to compare with. [default: the best alternative]"),
    ] = None,
    metric: Annotated[str, typer.Option(metavar="HR@K|NDCG@K", help="What models are compared by.")] = METRIC,
    title: Annotated[str, typer.Option(metavar="TEXT", help="What to call the report.")] = "",
    notes: Annotated[
        list[str] | None, typer.Option("--note", metavar="SECTION=TEXT", help="Your own words on a section.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write runs and suites as one page.")] = None,
    as_json: Json = False,
) -> None:
    """Runs as one HTML page for others; suites also as Markdown.

    The page opens without a network, prints, and holds each figure's data and the command that makes it. Without --out,
    suites' results are printed as Markdown, of which `docs/results.md` is made.
    """
    outcomes = [SuiteResult.read(file) for file in files or []]
    if out is not None:
        from dashboard.report import Request, write

        asked: dict[str, Any] = {"runs": tuple(runs or ()), "shoppers": tuple(users or ()), "notes": _notes(notes)}
        if sections is not None:
            asked["sections"] = names(sections, "--sections")
        request = Request(title=title, reference=reference, metric=metric, **asked)
        text = write(Workspace(), request, tuple(outcomes))
        write_text(out, text, "--out")
        show({"file": str(out), "bytes": len(text.encode())}, as_json, lambda: note(f"wrote {out}"))
        return
    if runs or users:
        raise ConfigError("a report of runs is a page; say where to write it with --out FILE.html.")
    if not outcomes:
        raise ConfigError("a report needs suites' results, or runs with --run and --out; got neither: name some.")
    texts = [markdown(outcome) for outcome in outcomes]
    show(texts, as_json, lambda: sys.stdout.write("\n".join(texts)))


def _notes(given: list[str] | None) -> dict[str, str]:
    notes = {}
    for text in given or []:
        section, equals, words = text.partition("=")
        if not equals:
            raise ConfigError(f"--note takes a section and your words on it, as in summary=TEXT; got {text[:40]}.")
        notes[section] = words
    return notes
