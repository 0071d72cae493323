"""The results as tables: in the terminal, and in docs/performance.md between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.errors import BenchmarkError
from benchmarks.places import REPORT
from benchmarks.results import CaseResult, Found, Machine

BEGIN, END = "<!-- python -m benchmarks report: begin -->", "<!-- end -->"
_COLUMNS = ("measure", "median", "rounds", "target", "")


def table(result: CaseResult) -> Table:
    """One case for the terminal."""
    shown = Table(*_COLUMNS, title=result.title, title_justify="left")
    for found in result.measures:
        shown.add_row(*_row(found))
    return shown


def write(results: Sequence[CaseResult], path: Path = REPORT) -> None:
    """Replaces what stands between the marks; the prose around it is kept. BenchmarkError where a mark is missing."""
    try:
        before, mark, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    except FileNotFoundError:
        before = mark = rest = ""
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise BenchmarkError(f"{path} must hold the lines {BEGIN} and {END}, between which the results go.")
    path.write_text(f"{before}{BEGIN}\n{markdown(results)}{END}{after}", encoding="utf-8")


def markdown(results: Sequence[CaseResult]) -> str:
    """The targets in one table, then every case with all its measures."""
    if not results:
        return "\nNothing has been measured yet.\n\n"
    lines = ["", *_grid(("benchmark", "measure", "median", "target", ""), _targets(results)), ""]
    for result in results:
        lines += [f"### {result.title}", "", f"`python -m benchmarks run {result.case}`. {result.setup}", ""]
        lines += [*_side_by_side(result.measures), ""]
        lines += [f"{result.date:%Y-%m-%d %H:%M} UTC, {_machine(result.machine)}.", ""]
    return "\n".join(lines) + "\n"


def _side_by_side(measures: Sequence[Found]) -> list[str]:
    """A line a measure, or one a label where measures have columns."""
    columns = list(dict.fromkeys(found.column for found in measures))
    if columns == [""]:
        return _grid(_COLUMNS, [_row(found) for found in measures])
    cells = {(found.label, found.column): _value(found.median, found.unit) for found in measures}
    labels = dict.fromkeys(found.label for found in measures)
    return _grid(("", *columns), [(label, *(cells[label, column] for column in columns)) for label in labels])


def _targets(results: Sequence[CaseResult]) -> list[tuple[str, ...]]:
    return [
        (f"`{result.case}`", _label(found), _value(found.median, found.unit), found.target, _verdict(found))
        for result in results
        for found in result.measures
        if found.reached is not None
    ]


def _row(found: Found) -> tuple[str, ...]:
    rounds = ", ".join(_number(value) for value in found.rounds)
    return _label(found), _value(found.median, found.unit), rounds, found.target, _verdict(found)


def _label(found: Found) -> str:
    return f"{found.label}, {found.column}" if found.column else found.label


def _verdict(found: Found) -> str:
    return "" if found.reached is None else "reached" if found.reached else "missed"


def _value(value: float, unit: str) -> str:
    return f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three digits or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _machine(machine: Machine) -> str:
    kernels = "compiled kernels" if machine.kernels else "no compiled kernels"
    kernels += f" ({machine.level})" if machine.level else ""
    return (
        f"{machine.processor}, {machine.threads} threads, {machine.memory_gb:g} GB, load {machine.load:g} before, "
        f"{machine.system}, Python {machine.python}, torch {machine.torch}, numpy {machine.numpy}, {kernels}, "
        f"commit {machine.commit}"
    )


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
