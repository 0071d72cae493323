"""What the commands share: where output goes, how a mistake ends, how progress is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from nmtr.errors import NmtrError
from nmtr.training.report import EpochReport

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(value: Any, as_json: bool, show: Callable[[], object]) -> None:
    """Print the result: as one JSON value, or for people."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    else:
        show()


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table; numbers stand on the right."""
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        values = [row[position] for row in rows]
        numeric = bool(values) and all(value[:1].isdigit() or value[:1] in ".-–" for value in values)
        shown.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        # Titles and labels come from uploads: rich must not read them as markup.
        shown.add_row(*(value.replace("[", r"\[") for value in row))
    out.print(shown)


def fail(sentence: str) -> typer.Exit:
    """Say the sentence; raise what this returns."""
    err.print(sentence, markup=False)
    return typer.Exit(2)


@contextmanager
def mistakes() -> Iterator[None]:
    """A user's mistake ends the command with its sentence and exit code 2."""
    try:
        yield
    except NmtrError as error:
        raise fail(str(error)) from None


@contextmanager
def training_progress(what: str) -> Iterator[Callable[[EpochReport], None]]:
    """Shows epoch reports as they come: a bar with the time left, plain lines where there is no terminal."""
    if not err.is_terminal:

        def line(report: EpochReport) -> None:
            err.print(f"{what} {_described(report)}", markup=False)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[now]}", markup=False))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err) as progress:
        bars = {"select": progress.add_task(what, total=None, now="loading")}

        def advance(report: EpochReport) -> None:
            if report.phase not in bars:
                bars[report.phase] = progress.add_task(f"{what} (refit)", now="")
            progress.update(bars[report.phase], total=report.epochs, completed=report.epoch, now=_described(report))

        yield advance


@contextmanager
def loading_progress() -> Iterator[Callable[[str, float], None]]:
    """Shows what is read or fetched, and how much of it is done."""
    if not err.is_terminal:
        said: set[str] = set()

        def line(what: str, share: float) -> None:
            if what not in said:
                said.add(what)
                err.print(what, markup=False)

        yield line
        return
    with Progress(TextColumn("{task.description}", markup=False), BarColumn(), console=err, transient=True) as progress:
        bar = progress.add_task("", total=1.0)

        def advance(what: str, share: float) -> None:
            progress.update(bar, description=what, completed=share)

        yield advance


def _described(report: EpochReport) -> str:
    loss = " ".join(f"{behavior} {value:.4f}" for behavior, value in report.loss.items())
    valid = f" valid HR@100 {report.valid['HR@100']:.4f} (best epoch {report.best_epoch})" if report.valid else ""
    return f"epoch {report.epoch}/{report.epochs} loss {loss}{valid}"
