"""The command `nmtr`."""

from __future__ import annotations

import re
import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from nmtr.cli import archives, chances, data, methods, queue, recommending, runs, services, suites, sweeps, training
from nmtr.cli.compare import compare
from nmtr.cli.console import note
from nmtr.cli.items import items
from nmtr.cli.report import report
from nmtr.cli.whatif import what_if
from nmtr.errors import NmtrError


class Interruptible(TyperGroup):
    """The commands: Ctrl-C, where one says nothing of it itself, is one line and exit code 130."""

    def invoke(self, ctx: Any) -> Any:  # the class of its own that typer has for it is no public one
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            note("stopped before it was done.")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Interruptible,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Learn recommenders from views, carts and purchases. Everything lives under NMTR_HOME (default ~/.nmtr).",
)
app.add_typer(data.commands, name="data")
app.command("methods")(methods.list_methods)
app.command("train")(training.train)
app.command("runs")(runs.list_runs)
app.command("show")(runs.show_run)
app.command("cancel")(runs.cancel)
app.command("resume")(runs.resume)
app.command("delete")(runs.delete)
app.command("undelete")(runs.undelete)
app.command("pin")(runs.pin)
app.command("label")(runs.label)
app.add_typer(queue.commands, name="queue")
app.command("export")(archives.export_run)
app.command("import")(archives.import_run)
app.command("evaluate")(runs.evaluate)
app.command("compare")(compare)
app.command("recommend")(recommending.recommend_items)
app.command("explain")(recommending.explain_item)
app.command("items")(items)
app.command("calibration")(chances.calibration)
app.command("whatif")(what_if)
app.command("suite")(suites.suite)
app.command("report")(report)
app.command("sweep")(sweeps.sweep)
app.command("studies")(sweeps.list_studies)
app.command("study")(sweeps.show_study)
app.command("worker")(services.worker)
app.command("dashboard")(services.dashboard)


def main() -> None:
    """Run the command; a user's mistake, in the command line or elsewhere, is one sentence and exit code 2."""
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="nmtr", standalone_mode=False)
    except NmtrError as error:
        note(str(error))
        status = 2
    except TyperException as error:
        note(_sentence(error))
        status = 2
    sys.exit(status or 0)


def _sentence(error: TyperException) -> str:
    """What typer says of a command line, and where to look it up if typer says at which command."""
    said = re.sub(r"\. Did you mean (.*)\?$", r" (did you mean \1?)", error.format_message()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{said}; see {context.command_path} --help." if context else f"{said}."
