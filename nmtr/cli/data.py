"""nmtr data list | show | add | rebuild | export | remove"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nmtr.audit import FIRST, Audit, Found, audit, beside
from nmtr.cli.console import Json, loading_progress, say, show, table
from nmtr.cli.files import export_to
from nmtr.cli.options import names, pairs, whole_number
from nmtr.data.catalogue import CATALOGUE, rebuild
from nmtr.data.catalogue import add as add_to_library
from nmtr.data.export import write_events
from nmtr.data.library import Library
from nmtr.data.recipe import Recipe
from nmtr.data.summary import Summary, describe
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
def show_data(
    found_names: Annotated[list[str], typer.Argument(metavar="NAME…", help="A data set; of several, side by side.")],
    as_json: Json = False,
) -> None:
    """What is in a data set, and what its test can be trusted for.

    Its sizes and behaviors, a few labels, what its test gives away: how many held-out purchases stand in a lower
    behavior, overall and by how many purchases users have; whether items are numbered by time; how many users'
    validation purchases the source names; and what to do.
    """
    library = Workspace().data
    described = [(describe(dataset), audit(dataset)) for dataset in map(library.load, found_names)]
    values = [_value(summary, found) for summary, found in described]
    if len(values) == 1:
        show(values[0], as_json, lambda: _show_one(*described[0]))
    else:
        show(values, as_json, lambda: _show_beside(described))


def _value(summary: Summary, found: Audit) -> dict[str, Any]:
    return {**summary.to_json(), "audit": found.model_dump(mode="json")}


def _show_one(summary: Summary, found: Audit) -> None:
    for sentence in found.verdict:
        say(sentence)
    value = summary.to_json()
    apart = ("sample", "activity")
    rows = [[key.replace("_", " "), _shown(content)] for key, content in value.items() if key not in apart]
    rows += [[f"some {kind}", _shown(labels)] for kind, labels in value["sample"].items()]
    rows.append(["from", f"{summary.origin.source} (licence {summary.origin.licence})"])
    rows += [["made" if not n else "", step] for n, step in enumerate(summary.origin.steps or [summary.origin.made])]
    table(["", ""], rows)
    leaks = [(leak.name, leak) for leak in found.behaviors]
    leaks += [(f"any, of users with {leak.name} {summary.behaviors[-1]}", leak) for leak in found.groups]
    if found.behaviors:
        rows = [
            [
                name,
                f"{leak.given_away:,}",
                f"{leak.held_out:,}",
                f"{leak.share:.1%}",
                f"{leak.low:.1%} – {leak.high:.1%}",
            ]
            for name, leak in leaks
        ]
        table(["in", "of the test", "held out", "share", "95 %"], rows, title="what standard gives away of the test")
    rows = [
        [f"{rule.touched}, then popular" if rule.touched else "popular", _found(rule.standard), _found(rule.clean)]
        for rule in found.rules
    ]
    if rows:
        table(["rule", "standard", "clean"], rows, title=f"HR@{FIRST} of rules that learn nothing, 95 % intervals")
    rows = [[tail.behavior, f"{tail.top_tenth:.0%}", f"{tail.gini:.2f}"] for tail in found.tails]
    table(["behavior", "of the top tenth of items", "Gini"], rows, title="how far pairs gather at few items")
    if (when := summary.activity) is not None:
        rows = [
            [name, f"{sum(numbers):,}", f"{max(numbers):,}", when.starts[numbers.index(max(numbers))].isoformat()]
            for name, numbers in when.pairs.items()
        ]
        columns = ["behavior", "pairs", f"most in a {when.period}", f"{when.period} of"]
        table(columns, rows, title=f"activity by {when.period}, {when.starts[0]} to {when.starts[-1]}")
    for gap in found.gaps:
        say(f"{gap.missing:,} of {gap.pairs:,} {gap.behavior} pairs are without a {gap.below}.")


def _found(part: Found) -> str:
    return f"{part.share:.1%} ({part.low:.1%} – {part.high:.1%})"


def _show_beside(described: list[tuple[Summary, Audit]]) -> None:
    """Data sets side by side, a fact a row."""
    facts = [beside(summary, found) for summary, found in described]
    rows = [[name, *(fact.get(name, "–") for fact in facts)] for name in dict.fromkeys(n for f in facts for n in f)]
    table(["", *(summary.name for summary, _ in described)], rows)


@commands.command("add")
def add_data(
    name: Name,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PATH|URL", help="A file, folder, address or database; the catalogue's own if left out."
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(metavar="SELECT", help="What to ask the database at --from for: user, item, behavior, time."),
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
    merged: Annotated[
        str | None,
        typer.Option(metavar="VALUE=B,…", help="Take behaviors for others: BUY=buy,fav=cart."),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What stands between values, where the first line does not tell: ~ or ||."),
    ] = None,
    dates: Annotated[
        str | None, typer.Option(metavar="FORM", help="How dates are written: day-first, month-first or year-first.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read, and keep them in skipped.csv.")
    ] = False,
    implied: Annotated[
        bool, typer.Option("--implied", help="Add the lower steps that a step implies: who bought has viewed.")
    ] = False,
    least_of_user: Annotated[
        int, typer.Option(parser=whole_number("--least-of-user", 0, 10**6), metavar="N", help="Pairs a user needs.")
    ] = 0,
    least_of_item: Annotated[
        int, typer.Option(parser=whole_number("--least-of-item", 0, 10**6), metavar="N", help="Pairs an item needs.")
    ] = 0,
    sample_users: Annotated[
        int | None,
        typer.Option(
            parser=whole_number("--sample-users", 1, 10**9), metavar="N", help="Keep N of the users, drawn at random."
        ),
    ] = None,
    hold_out: Annotated[
        str,
        typer.Option(
            metavar="auto|last|source|random",
            help="Which target pair to test on. auto: the last by time, else what the source says, else at random.",
        ),
    ] = "auto",
    cut_later: Annotated[
        bool,
        typer.Option("--cut-later", help="Leave out what each user did at or after the purchase that is held out."),
    ] = False,
    seed: Annotated[int, typer.Option(parser=whole_number("--seed", 0, 2**32 - 1), metavar="N", help="Of draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Add a data set by name, or from files of your own.

    By name: demo, beibei, tmall. From files: events (CSV, TSV, JSON lines, Parquet, a spreadsheet) or a line a user, as
    a file, folder, zip or gz. From a database: --from postgresql://USER@HOST/NAME --query "SELECT …".
    """
    recipe = Recipe.parse(
        {
            "query": query,
            "behaviors": None if behaviors is None else names(behaviors, "--behaviors"),
            "columns": {} if columns is None else pairs(columns, "--columns", empty=True),
            "merged": {} if merged is None else pairs(merged, "--merged"),
            "delimiter": delimiter,
            "dates": dates,
            "skip_bad": skip_bad,
            "implied": implied,
            "least_of_user": least_of_user,
            "least_of_item": least_of_item,
            "sample_users": sample_users,
            "hold_out": hold_out,
            "cut_later": cut_later,
            "seed": seed,
        }
    )
    library = Workspace().data
    process.exit_on_sigterm()
    with loading_progress() as progress:
        added = add_to_library(library, name, source, progress=progress, recipe=recipe)
    value = _value(describe(added), audit(added))
    show(value, as_json, lambda: say(f"added {added.name}: {added.origin.made}"))


@commands.command("rebuild")
def rebuild_data(
    name: Name,
    source: Annotated[str, typer.Option("--from", metavar="PATH|URL", help="The file, folder or address to read.")],
    new: Annotated[str, typer.Option("--as", metavar="NEW", help="What to call the data set that is made.")],
    as_json: Json = False,
) -> None:
    """Make a data set anew, by the recipe of another.

    The recipe is kept with each data set that was read from files. It says whether both hold the same.
    """
    process.exit_on_sigterm()
    with loading_progress() as progress:
        made, same = rebuild(Workspace().data, name, source, new, progress)
    said = f"the same as {name}" if same else f"not the same as {name}: the source has changed since"
    value = {"name": new, "fingerprint": made.fingerprint, "same": same}
    show(value, as_json, lambda: say(f"added {new}, {said} (fingerprint {made.fingerprint})"))


@commands.command("export")
def export_data(
    name: Name,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to; NAME.parquet if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Write a data set as events, in Parquet.

    A pair a row: user, item, behavior, split (train, valid or test) and what is known of the item. Adding it with the
    same behaviors gives the same data set.
    """
    dataset = Workspace().data.load(name)
    path = file or Path(f"{name}.parquet")
    with export_to(path) as target:
        untouched = write_events(dataset, target)
    said = f"{name} is in {path} ({path.stat().st_size / 2**20:.1f} MiB)"
    said += f", without {untouched:,} items that nobody touched" if untouched else ""
    value = {"name": name, "file": str(path), "bytes": path.stat().st_size, "items_left_out": untouched}
    show(value, as_json, lambda: say(said))


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
