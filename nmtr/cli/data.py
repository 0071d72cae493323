"""nmtr data list | show | add | remove"""

from __future__ import annotations

from typing import Annotated

import typer

from nmtr.cli.console import Json, loading_progress, mistakes, out, say, table
from nmtr.data.catalogue import CATALOGUE
from nmtr.data.catalogue import add as add_to_library
from nmtr.data.summary import describe
from nmtr.errors import ConfigError
from nmtr.workspace import Workspace

commands = typer.Typer(no_args_is_help=True, help="The data sets: what is here, and how to add one.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


@commands.command("list")
def list_data(as_json: Json = False) -> None:
    """The data sets that are here, and those that the catalogue can add."""
    with mistakes():
        library = Workspace().data
        infos = [library.info(name) for name in library.names()]
        value = [
            {
                "name": info.name,
                "users": info.users,
                "items": info.items,
                "behaviors": list(info.behaviors),
                "interactions": info.interactions,
                "fingerprint": info.fingerprint,
                "synthetic": info.synthetic,
            }
            for info in infos
        ]
        rows = [
            [
                i.name,
                f"{i.users:,}",
                f"{i.items:,}",
                ", ".join(f"{b} {n:,}" for b, n in i.interactions.items()),
                i.source,
            ]
            for i in infos
        ]
        rows += [
            [
                name,
                f"{entry.users:,}",
                f"{entry.items:,}",
                ", ".join(entry.behaviors),
                f"not here: nmtr data add {name}",
            ]
            for name, entry in CATALOGUE.items()
            if name not in library.names()
        ]
        say(value, as_json, lambda: table("Data sets", ["name", "users", "items", "interactions", "from"], rows))


@commands.command()
def show(name: Name, as_json: Json = False) -> None:
    """What is in a data set: sizes, behaviors, a few labels, and how far its lower behaviors leak the test purchase."""
    with mistakes():
        summary = describe(Workspace().data.load(name))
        value = summary.to_json()

    def for_people() -> None:
        rows = [[key, _shown(content)] for key, content in value.items()]
        rows.append(["from", f"{summary.origin.source} (licence {summary.origin.licence})"])
        rows.append(["made", summary.origin.made])
        table("", ["", ""], rows)

    say(value, as_json, for_people)


@commands.command()
def add(
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
            metavar="user=U,item=I,…", help="Which column is what: user, item, behavior, time, split, title, …"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a data set: from the catalogue (demo, beibei, tmall, beibei_1k), or a file of your own."""
    with mistakes():
        workspace = Workspace()
        mapping = pairs(columns, "--columns") if columns else None
        with loading_progress() as progress:
            added = add_to_library(workspace.data, name, source, names(behaviors), mapping, progress)
        value = describe(added).to_json()
    say(value, as_json, lambda: out.print(f"added {added.name}: {added.origin.made}", markup=False))


@commands.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Remove a data set; its runs stay, but cannot be explored without it."""
    with mistakes():
        Workspace().remove_data(name)
    say({"removed": name}, as_json, lambda: out.print(f"removed {name}", markup=False))


def names(text: str | None) -> tuple[str, ...] | None:
    """``view,cart,buy`` as a tuple; None where nothing was given."""
    return None if text is None else tuple(part.strip() for part in text.split(","))


def pairs(text: str, option: str) -> dict[str, str]:
    """``a=x,b=y`` as a dictionary; ConfigError where it is none."""
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value) or key in found:
            raise ConfigError(f"{option} must look like name=value,name=value with each name once; got {text}.")
        found[key] = value
    return found


def _shown(content: object) -> str:
    if isinstance(content, dict):
        return ", ".join(f"{key} {_shown(value)}" for key, value in content.items())
    if isinstance(content, list | tuple):
        return ", ".join(map(str, content))
    if isinstance(content, float):
        return f"{content:.3f}"
    return f"{content:,}" if isinstance(content, int) else str(content)
