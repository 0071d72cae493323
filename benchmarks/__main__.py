"""python -m benchmarks list | run NAME... | fold-in | peers | report"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import peers as recbole
from benchmarks import report as reporting
from benchmarks import results
from benchmarks.core import measure
from benchmarks.data import SHAPES
from benchmarks.errors import BenchmarkError
from benchmarks.foldin import nearness
from benchmarks.profiling import profile
from benchmarks.suite import CASES
from nmtr.errors import NmtrError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=__doc__)
_out = Console(markup=False, emoji=False, highlight=False)
_err = Console(markup=False, emoji=False, highlight=False, stderr=True, soft_wrap=True)


@app.command("list")
def list_cases() -> None:
    """Name every benchmark."""
    for case in CASES:
        _out.print(f"{case.name:24}{case.title}", soft_wrap=True)


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(help="Names of benchmarks, or all.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often each side takes its turn.")] = 3,
) -> None:
    """Measure benchmarks and keep what they found in benchmarks/results."""
    unknown = [name for name in names if name not in {"all", *(case.name for case in CASES)}]
    if unknown:
        raise BenchmarkError(f"a benchmark must be one of those that list names, or all; got {unknown[0]}.")
    chosen = [case for case in CASES if case.name in names or "all" in names]
    machine = results.Machine.here()
    measured = measure(chosen, rounds, _err.print)
    failed = False
    for case in chosen:
        if reason := measured.reason(case):
            failed = True
            _err.print(f"{case.name} has no result: {reason}")
            continue
        result = results.CaseResult.of(case, measured.of(case), machine)
        result.save()
        _out.print(reporting.table(result))
    raise typer.Exit(1 if failed else 0)


@app.command("profile")
def profile_epoch(
    data: Annotated[str, typer.Argument(help="An invented data set, such as grown-200k.")],
    loss: Annotated[str, typer.Argument(help="The loss of NMTR-GMF.")],
) -> None:
    """Say where the second epoch's time goes, validation included; nothing is kept."""
    if data not in SHAPES:
        raise BenchmarkError(f"data must be one of {', '.join(SHAPES)}; got {data}.")
    profile(data, {"unit": "gmf", "loss": loss}, lambda line: _out.print(line, soft_wrap=True))


@app.command("fold-in")
def fold_in(
    unit: Annotated[str, typer.Option(help="The unit of NMTR.")] = "gmf",
    loss: Annotated[str | None, typer.Option(help="Its loss; the usual one if not given.")] = None,
) -> None:
    """Say how near shoppers who are folded in come to those who were trained, on the demo; nothing is kept."""
    for found in nearness(unit, loss):
        _out.print(f"{found.share:.3f} ± {found.error:.3f}  {found.what}", soft_wrap=True)


@app.command()
def peers() -> None:
    """Install what NMTR Studio is measured against, in an environment of its own under .benchmarks/."""
    recbole.install()


@app.command()
def report() -> None:
    """Write the kept results into docs/performance.md."""
    kept = results.load()
    reporting.write([kept[case.name] for case in CASES if case.name in kept])


def main() -> None:
    """Run the command; a mistake is one sentence and exit code 2."""
    try:
        status = app(prog_name="python -m benchmarks", standalone_mode=False)
    except NmtrError as error:
        _err.print(str(error))
        status = 2
    sys.exit(status or 0)


if __name__ == "__main__":
    main()
