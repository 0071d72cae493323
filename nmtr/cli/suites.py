"""nmtr suite"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from nmtr.cli.console import Json, note, say, show, suite_progress, table
from nmtr.cli.files import write_csv
from nmtr.cli.options import count, names, whole_number
from nmtr.config import PROTOCOLS, Validation
from nmtr.runs import process
from nmtr.suites.cells import SUITES
from nmtr.suites.experiment import SuiteRequest, carry_out
from nmtr.suites.figures import rows
from nmtr.suites.outcome import SuiteResult
from nmtr.suites.tables import tables
from nmtr.workspace import Workspace

_STOPPED = (
    "stopped: what had not begun is cancelled, what trains goes on in the background; "
    "the same command goes on from there."
)


def suite(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"The experiment: {', '.join(SUITES)}.")],
    data: Annotated[str, typer.Option(metavar="NAME", help="The data set.")] = "demo",
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(PROTOCOLS),
            help="What is hidden from training; leak runs both. [default: standard, as in the paper; clean for parts]",
            show_default=False,
        ),
    ] = None,
    behaviors: Annotated[
        str | None, typer.Option(metavar="B,B,…", help="Behaviors to use, lowest first; all if left out.")
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="M,M,…", help="Only these methods, such as nmtr-gmf,bpr; all if left out.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(parser=whole_number("--seeds", 1, 100), metavar="N", help="Runs of each, with seeds from 0.")
    ] = 3,
    budget: Annotated[
        int | None,
        count(
            *("--budget", 0, 4096),
            "Tune each method by N trials on validation; 0 takes its preset or defaults. [default: 0; 16 for table2]",
        ),
    ] = None,
    epochs: Annotated[int | None, count("--epochs", 1, 10_000, "Most epochs of each run.")] = None,
    rank_every: Annotated[
        int | None,
        count(
            *("--rank-every", 1, 10_000),
            "Rank validation after every N-th epoch of each run only, and after its last.",
        ),
    ] = None,
    embedding_size: Annotated[
        int | None, count("--embedding-size", 1, 1024, "Embedding size of each run.", metavar="E")
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(get_args(Validation)),
            help="The purchases that options and epochs are chosen by; random if left out.",
            show_default=False,
        ),
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Test what is trained once more on training + validation.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            parser=whole_number("--jobs", 1, 256),
            metavar="N",
            help="Runs at once, which share the cores; a worker that is there already keeps its own number.",
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Where to keep the whole result; under NMTR_HOME/suites if left out."),
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the figures as CSV.")] = None,
    as_json: Json = False,
) -> None:
    """Run one of the paper's experiments and print its table.

    Runs that exist are not trained again. Ctrl-C stops it, and the same command goes on. `nmtr report` makes Markdown
    of what it keeps.
    """
    asked = {
        "epochs": epochs,
        "rank_every": rank_every,
        "embedding_size": embedding_size,
        "validation": validation,
        "refit": refit or None,
    }
    order = SuiteRequest(
        suite=name,
        data=data,
        protocol=protocol,
        behaviors=names(behaviors, "--behaviors") if behaviors else (),
        methods=names(methods, "--methods") if methods else (),
        seeds=seeds,
        budget=budget,
        jobs=jobs,
        options={name: value for name, value in asked.items() if value is not None},
    )
    workspace = Workspace()
    process.exit_on_sigterm()
    try:
        with suite_progress() as on_progress:
            outcome = carry_out(workspace, order, on_progress)
    except KeyboardInterrupt:
        note(_STOPPED)
        raise typer.Exit(130) from None
    except SystemExit:
        note(_STOPPED)
        raise
    file = out or order.file(workspace.home)
    outcome.write(file)
    if csv_file:
        write_csv(csv_file, rows(outcome))
    show(outcome.model_dump(mode="json"), as_json, lambda: _show(outcome))
    note(f"the whole result is in {file}")
    failed = [sentence for row in outcome.rows for sentence in row.failed]
    for sentence in failed:
        note(sentence)
    if failed:
        raise typer.Exit(2)


def _show(outcome: SuiteResult) -> None:
    for number, shown in enumerate(tables(outcome)):
        if number:
            say("")
        table(shown.columns, shown.rows, title=shown.title)
        for line in shown.notes:
            say(line)
