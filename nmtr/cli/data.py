"""nmtr data list | show | add | remove"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nmtr.cli.console import Json, loading_progress, say, show, table
from nmtr.cli.options import names, pairs
from nmtr.data.catalogue import CATALOGUE
from nmtr.data.catalogue import add as add_to_library
from nmtr.data.library import Library
from nmtr.data.summary import describe
from nmtr.errors import DataError
from nmtr.runs import process
from nmtr.workspace import Workspace

commands = typer.Typer(rich_markup_mode=None, help="The data sets: what is here, and how to add one.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


@commands.command("list")
def list_data(as_json: Json = False) -> None:
    """The data sets that are here or can be added by name.

    A damaged one can only be removed.
    """
    library = Workspace().data
    here = library.names()
    listed = [_listed(library, name) for name in here]
    rows = [row for _, row in listed]
    rows += [
        [name, f"{entry.users:,}", f"{entry.items:,}", ", ".join(entry.behaviors), "can be added"]
        for name, entry in CATALOGUE.items()
        if name not in here
    ]
    columns = ["name", "users", "items", "interactions", "state"]
    show([value for value, _ in listed], as_json, lambda: table(columns, rows))


@commands.command("show")
def show_data(name: Name, as_json: Json = False) -> None:
    """What is in a data set.

    Its sizes and behaviors, a few labels, the leak: how many of the held-out purchases stand in a lower behavior; and
    how many are of an item that stands behind all else that the user bought: whether items are numbered by time. Also
    how many users' validation purchases the source names.
    """
    summary = describe(Workspace().data.load(name))
    value = summary.to_json()
    rows = [[key.replace("_", " "), _shown(content)] for key, content in value.items() if key != "sample"]
    rows += [[f"some {kind}", _shown(labels)] for kind, labels in value["sample"].items()]
    rows.append(["from", f"{summary.origin.source} (licence {summary.origin.licence})"])
    rows.append(["made", summary.origin.made])
    show(value, as_json, lambda: table(["", ""], rows))


@commands.command("add")
def add_data(
    name: Name,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="PATH|URL", help="A file, folder or address; the catalogue's own if left out."),
    ] = None,
    behaviors: Annotated[
        str | None, typer.Option(metavar="B,B,…", help="The behaviors to take, lowest first, the target last.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="user=U,item=I,…",
            help="Which column is what: user, item, behavior, time, split, title, category, price, image; by its name "
            "or its place from 1. time= takes none, behavior==buy makes all rows buys, and a split named here decides.",
        ),
    ] = None,
    dates: Annotated[
        str | None, typer.Option(metavar="FORM", help="How dates are written: day-first, month-first or year-first.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read, and keep them in skipped.csv.")
    ] = False,
    cut_later: Annotated[
        bool,
        typer.Option("--cut-later", help="Leave out what each user did at or after the purchase that is held out."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a data set by name, or from files of your own.

    By name: demo, beibei, tmall. From files: events (CSV, TSV, Parquet) or a line a user, as a file, folder, zip or gz.
    """
    chosen = None if behaviors is None else names(behaviors, "--behaviors")
    mapping = None if columns is None else pairs(columns, "--columns", empty=True)
    library = Workspace().data
    process.exit_on_sigterm()
    with loading_progress() as progress:
        added = add_to_library(
            library,
            name,
            source,
            chosen,
            mapping,
            progress,
            dates=dates,
            skip_bad=skip_bad,
            cut_later=cut_later,
        )
    show(describe(added).to_json(), as_json, lambda: say(f"added {added.name}: {added.origin.made}"))


@commands.command("remove")
def remove_data(name: Name, as_json: Json = False) -> None:
    """Remove a data set.

    Its runs stay, but cannot be explored without it.
    """
    Workspace().remove_data(name)
    show({"removed": name}, as_json, lambda: say(f"removed {name}"))


def _listed(library: Library, name: str) -> tuple[dict[str, Any], list[str]]:
    """A data set as JSON and as a row; a damaged one, which can still be removed, with what is wrong."""
    try:
        info = library.info(name)
    except DataError as error:
        return {"name": name, "error": str(error)}, [name, "–", "–", "–", "damaged"]
    value = info.model_dump(mode="json", include=_IN_LIST)
    counts = ", ".join(f"{behavior} {pairs:,}" for behavior, pairs in info.interactions.items())
    return value, [name, f"{info.users:,}", f"{info.items:,}", counts, "here"]


_IN_LIST = {"name", "users", "items", "behaviors", "interactions", "fingerprint", "synthetic"}


def _shown(content: object) -> str:
    """A value of the summary, for people."""
    if isinstance(content, dict):
        return ", ".join(f"{key} {_shown(value)}" for key, value in content.items()) or "–"
    if isinstance(content, list):
        return ", ".join(map(str, content))
    if isinstance(content, float):
        return f"{content:.1%}"
    return f"{content:,}" if isinstance(content, int) else str(content)
