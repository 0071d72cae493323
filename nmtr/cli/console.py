"""What the commands share: where output goes, and how progress is shown."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from nmtr.training.report import EpochReport
from nmtr.workspace.batch import Progress as SuiteProgress

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

# Titles and labels come from uploads: rich must read neither markup nor emoji codes in them.
_out = Console(markup=False, emoji=False, highlight=False)
_err = Console(markup=False, emoji=False, highlight=False, stderr=True)
_QUIET = 10.0  # seconds between lines of progress where there is no terminal
_PIPE_WIDTH = 1000  # characters a line where there is no terminal: what reads it wants each row on one


def show(value: Any, as_json: bool, for_people: Callable[[], object]) -> None:
    """Print the result: as one JSON value, or for people."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    else:
        for_people()


def say(sentence: str) -> None:
    """Print a line of the result."""
    _print(_out, sentence)


def note(sentence: str) -> None:
    """Print a line beside the result, to stderr."""
    _print(_err, sentence)


def table(columns: list[str], rows: list[list[str]], title: str | None = None) -> None:
    """Print a table, with a header where the columns have names; numbers stand on the right."""
    shown = Table(
        title=title and _plain(title),
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
        header_style="bold",
        show_header=any(columns),
    )
    for position, column in enumerate(columns):
        values = [row[position] for row in rows]
        numeric = bool(values) and all(
            value[:1].isdigit() or value[:1] in ("-", "+", "<", ".", "–") for value in values
        )
        shown.add_column(_plain(column), justify="right" if numeric else "left")
    for row in rows:
        shown.add_row(*map(_plain, row))
    if not _out.is_terminal:
        _out.width = _PIPE_WIDTH
    _out.print(shown)


def _print(console: Console, sentence: str) -> None:
    """On one line, but wrapped between words in a terminal."""
    console.print(_plain(sentence), soft_wrap=not console.is_terminal)


def _plain(text: str) -> str:
    """Without line ends or anything else that a terminal obeys."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


@contextmanager
def training_progress(what: str) -> Iterator[Callable[[EpochReport], None]]:
    """Shows epoch reports as they come: a bar with the time left, plain lines where there is no terminal."""
    if not _err.is_terminal:
        yield lambda report: note(f"{what} {_described(report)}")
        return
    # An epoch may take minutes: the time left is told from all of them, not from the last 30 seconds.
    columns = (TextColumn("{task.description}"), BarColumn(16), TextColumn("{task.fields[now]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=_err, speed_estimate_period=math.inf) as progress:
        bars = {"select": progress.add_task(what, total=None, now="loading")}
        ranked = ""

        def advance(report: EpochReport) -> None:
            nonlocal ranked
            if report.phase not in bars:
                # The first phase may have stopped early: it is done all the same.
                progress.update(bars["select"], total=1, completed=1)
                bars[report.phase] = progress.add_task("refit", now="")
            if report.valid:
                ranked = f" HR@100 {report.valid['HR@100']:.4f}, best {report.best_epoch}"
            now = f"{report.epoch}/{report.epochs}{ranked if report.phase == 'select' else ''}"
            progress.update(bars[report.phase], total=report.epochs, completed=report.epoch, now=now)

        yield advance


_PAUSED = "the queue is paused, go on with `nmtr queue resume`"


@contextmanager
def suite_progress() -> Iterator[Callable[[str, SuiteProgress], None]]:
    """Shows how many runs of a suite have ended and what trains: a bar, or a line a run where there is no terminal."""
    if not _err.is_terminal:
        said = ""

        def line(what: str, progress: SuiteProgress) -> None:
            nonlocal said
            there = f", {progress.there} of them there before" if progress.there else ""
            waits = f"; {_PAUSED}" if progress.paused else ""
            if (now := f"{what}: {progress.ended} of {progress.total} runs have ended{there}{waits}") != said:
                note(now)
                said = now

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(16), TextColumn("{task.completed}/{task.total}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    running = TextColumn("{task.fields[running]}", markup=False)
    with Progress(*columns, *times, running, console=_err, speed_estimate_period=math.inf) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, progress: SuiteProgress) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, running="")
            shown = _plain("; ".join([*progress.running, *([_PAUSED] if progress.paused else [])]))
            bars.update(tasks[what], total=progress.total, completed=progress.ended, running=shown)

        yield advance


@contextmanager
def loading_progress() -> Iterator[Callable[[str, float], None]]:
    """Shows what is read or fetched and how much is done: a bar, or a line every ten seconds without a terminal."""
    if not _err.is_terminal:
        said = time.monotonic()

        def line(what: str, share: float) -> None:
            nonlocal said
            if time.monotonic() - said > _QUIET:
                said = time.monotonic()
                note(f"{what}, {share:.0%}")

        yield line
        return
    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), console=_err, transient=True
    ) as progress:
        bar = progress.add_task("", total=1.0)
        yield lambda what, share: progress.update(bar, description=_plain(what), completed=share)


def _described(report: EpochReport) -> str:
    loss = " ".join(f"{behavior} {value:.4f}" for behavior, value in report.loss.items())
    valid = f" valid HR@100 {report.valid['HR@100']:.4f} (best epoch {report.best_epoch})" if report.valid else ""
    return f"epoch {report.epoch}/{report.epochs} loss {loss}{valid}"
