"""The command `nmtr`."""

from __future__ import annotations

import sys

import typer
from typer._click.exceptions import ClickException  # typer ships its own click

from nmtr.cli import data, runs, services, training
from nmtr.cli.console import err

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learn recommenders from views, carts and purchases. Everything lives under NMTR_HOME (default ~/.nmtr).",
)
app.add_typer(data.commands, name="data")
app.command()(training.train)
app.command("runs")(runs.list_runs)
app.command()(runs.show)
app.command()(runs.cancel)
app.command()(runs.resume)
app.command()(runs.delete)
app.command()(runs.evaluate)
app.command("recommend")(runs.recommend_items)
app.command("explain")(runs.explain_item)
app.command()(services.worker)
app.command()(services.dashboard)


def main() -> None:
    """Run the command; a mistake in the command line itself is one sentence and exit code 2, like any other."""
    try:
        status = app(standalone_mode=False)
    except ClickException as error:
        err.print(error.format_message(), markup=False)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    sys.exit(status or 0)
