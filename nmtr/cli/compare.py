"""nmtr compare"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nmtr.cli.console import Json, note, say, show, table
from nmtr.cli.files import write_csv
from nmtr.cli.options import whole_number, whole_numbers
from nmtr.compare import (
    ATTRIBUTES,
    METRIC,
    Attribute,
    Grouped,
    Interval,
    Leaderboard,
    Lists,
    Moves,
    Score,
    Slices,
    Sparsity,
    compare_lists,
    leaderboard,
    leak,
    moves,
    slices,
    sparsity,
)
from nmtr.compare.lists import FIRST
from nmtr.compare.moves import NAMED
from nmtr.config.methods import METHODS
from nmtr.errors import ConfigError
from nmtr.lists import LENGTH
from nmtr.workspace import Workspace

_BASELINES = {method.label for method in METHODS.values() if method.family != "nmtr"}
_SHOWN = ("HR@10", "HR@50", "HR@100", "NDCG@100")  # beside the metric that was asked about; --json and --csv have all


def compare(
    run_ids: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="Finished runs; those that differ in the seed only are one.")
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="What to compare the others with; if left out, the best on validation of all that are not NMTR, "
            "rules included.",
        ),
    ] = None,
    metric: Annotated[str, typer.Option(metavar="HR@K|NDCG@K", help="What to compare by.")] = METRIC,
    by: Annotated[
        Literal["all", "sparsity", "list", "user", Attribute],
        typer.Option(
            help="sparsity: by how many training purchases users have. list: what the lists are like as a whole. "
            "visited, category, price, buyers: by what the held-out item is, and how many bought it in training. "
            "recency: by how long users had not been seen. user: who gains and who loses."
        ),
    ] = "all",
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help='By a condition on users and their held-out items, such as "price < 20 AND NOT visited".',
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(metavar="N,N,…", help="With --by sparsity: the fewest purchases of each group, such as 5,9,13."),
    ] = None,
    first: Annotated[
        int | None,
        typer.Option(
            "--top",
            parser=whole_number("--top", 1, LENGTH),
            metavar="K",
            help=f"With --by list: how many items of each list; {FIRST} if left out. With --by user: how many users "
            f"each way; {NAMED} if left out. At most {LENGTH}.",
        ),
    ] = None,
    as_json: Json = False,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every figure to a CSV file, too.")
    ] = None,
) -> None:
    """Compare runs of one data set and protocol.

    Each value has its 95 % interval over test users, each difference to the reference its interval and its p, corrected
    by Holm. Runs that differ in nothing but the seed count as one, with its spread over seeds.
    """
    lows = None if groups is None else whole_numbers(groups, "--groups")
    if lows and by != "sparsity":
        raise ConfigError("--groups needs --by sparsity; got --by all: add that, or leave the groups out.")
    if first and by not in ("list", "user"):
        raise ConfigError(f"--top needs --by list or --by user; got --by {by}: add that, or leave --top out.")
    if where is not None and by != "all":
        raise ConfigError(f"--where makes groups of its own; got --by {by}, too: leave one of them out.")
    found: Leaderboard | Grouped | Lists | Moves
    if where is not None or by in ATTRIBUTES:
        found = slices(Workspace(), run_ids, by=by if where is None else where, reference=reference, metric=metric)
    elif by == "sparsity":
        found = sparsity(Workspace(), run_ids, reference=reference, metric=metric, lows=lows)
    elif by == "user":
        found = moves(Workspace(), run_ids, reference=reference, metric=metric, named=first or NAMED)
    elif by == "list":
        found = compare_lists(Workspace(), run_ids, first=first or FIRST, reference=reference, metric=metric)
    else:
        found = leaderboard(Workspace(), run_ids, reference=reference, metric=metric)
    if to_csv is not None:
        write_csv(to_csv, found.rows())
    show(found.to_json(), as_json, lambda: _show(found, by_default=reference is None))


def _show(found: Leaderboard | Grouped | Lists | Moves, by_default: bool) -> None:
    label = next((entry.label for entry in found.entries if entry.name == found.reference), found.reference)
    chosen = by_default and label in _BASELINES
    why = ", the best on validation of all that are not NMTR" if chosen else ""
    say(f"{found.data}, {found.protocol}: {found.metric} on test; differences are to {found.reference}{why}")
    if isinstance(found, Moves):
        _show_moves(found)
        return
    if isinstance(found, Grouped):
        _show_groups(found)
    elif isinstance(found, Lists):
        _show_lists(found)
    else:
        _show_leaderboard(found)
        if said := leak(found):
            note(f"warning: {said}" if (found.visits, found.protocol) == ("all", "standard") else said)
    note("± half of the 95 % interval over users (bootstrap); p by the paired t-test, corrected by Holm.")


def _show_leaderboard(found: Leaderboard) -> None:
    others = [name for name in _SHOWN if name != found.metric]
    printed = [entry.paper.figures.get(found.metric) if entry.paper else None for entry in found.entries]
    watched = any(entry.best_test for entry in found.entries)
    rows = []
    for entry, paper in zip(found.entries, printed, strict=True):
        score = entry.test[found.metric]
        rows.append(
            [
                entry.name,
                _value(score),
                *_difference(score),
                "–" if score.seed_spread is None else f"{score.seed_spread:.4f}",
                *(_value(part.get(found.metric)) for part in (entry.visited, entry.not_visited)),
                *([_plain((entry.best_test or {}).get(found.metric))] if watched else []),
                *([] if not any(printed) else [_plain(paper)]),
                *(f"{entry.test[name].value:.4f}" for name in others),
                " ".join(entry.runs),
            ]
        )
    seen = found.visited_users
    parts = ["visited", "not"] if seen is None else [f"visited ({seen:,})", f"not ({found.test_users - seen:,})"]
    aside = [*(["best test epoch"] if watched else []), *(["paper's"] if any(printed) else [])]
    table(["model", found.metric, "difference", "p", "sd of seeds", *parts, *aside, *others, "runs"], rows)


def _share(drop: Interval | None) -> str:
    if drop is None:
        return "–"
    return f"{drop.value:.1%}" + ("" if drop.half_width is None else f" ± {drop.half_width:.1%}")


_BY = {
    "visited": "whether the user had visited the held-out item",
    "category": "category of the held-out item",
    "price": "price of the held-out item",
    "buyers": "how many bought the held-out item in training",
    "recency": "days from the user's last training pair to the log's end",
}


def _show_groups(found: Grouped) -> None:
    names = [f"{group.name} ({group.users:,})" for group in found.groups]
    values = [[entry.name, *map(_value, entry.groups)] for entry in found.entries]
    if isinstance(found, Sparsity):
        for cells, entry in zip(values, found.entries, strict=True):
            cells.append(_share(entry.drop))
        table(["model", *names, "drop"], values, title="by training purchases (users), and the drop to the sparsest")
    elif isinstance(found, Slices):
        title = f"by {_BY[found.by]} (users)" if found.by in _BY else "by whether the condition holds (users)"
        table(["model", *names], values, title=title)
    differences = [
        [entry.name, *(" p ".join(_difference(score)) for score in entry.groups)]
        for entry in found.entries
        if entry.name != found.reference
    ]
    if differences:
        table(["model", *names], differences, title=f"difference to {found.reference}")


def _show_moves(found: Moves) -> None:
    rows = [
        [entry.name, *(f"{count:,}" for count in (entry.up, entry.down, entry.into, entry.out_of))]
        for entry in found.entries
    ]
    first = f"first {found.first}"
    title = f"of {found.users:,} users, whose held-out item stands further up than in {found.reference}"
    table(["model", "up", "down", f"into the {first}", f"out of the {first}"], rows, title=title)
    for entry in found.entries:
        movers = [*entry.gain, *reversed(entry.lose)]
        rows = [[one.user, one.title or one.item, f"{one.before:,.0f}", f"{one.after:,.0f}"] for one in movers]
        table(
            ["user", "item", found.reference, entry.name], rows, title=f"who gains most by {entry.name}, and who loses"
        )
    note("Places of the held-out item, from 1; of several seeds, their geometric mean.")


_FORMS = {"coverage": ".1%", "alike": ".1%", "diversity": ".1%"}
_HEADS = {
    "coverage": "of the catalogue",
    "alike": "same list",
    "novelty": "novelty (bits)",
    "popularity": "buyers",
    "price": "price",
    "diversity": "of two categories",
}


def _show_lists(found: Lists) -> None:
    measures = list(found.entries[0].measures)

    def said(name: str, value: Interval | None) -> str:
        if value is None:
            return "–"
        form = _FORMS.get(name, ",.2f")
        half = value.half_width
        return f"{value.value:{form}}" + ("" if half is None else f" ± {half:{form}}")

    rows = [
        [entry.name, _value(entry.accuracy), *(said(name, entry.measures[name]) for name in measures)]
        for entry in found.entries
    ]
    rows.append(["what they bought", "–", *(said(name, found.bought.get(name)) for name in measures)])
    title = f"the first {found.first} items of {found.users:,} users' lists, of {found.items:,} in all"
    table(["model", found.metric, *(_HEADS[name] for name in measures)], rows, title=title)
    for attribute, parts in found.makeup.items():
        rows = [[part.name, f"{part.bought:.1%}", *(f"{share:.1%}" for share in part.listed)] for part in parts]
        table([attribute, "bought", *(entry.name for entry in found.entries)], rows, title=f"share by {attribute}")
    differing = [
        [entry.name, name, *_difference(score)]
        for entry in found.entries
        for name, score in entry.measures.items()
        if score.difference is not None
    ]
    if differing:
        table(["model", "measure", "difference", "p"], differing, title=f"difference to {found.reference}")
    note(
        "same list: users whose items somebody else has, too. Novelty: -log2 of the share of buyers who bought an "
        "item. More of these is not better by itself."
    )


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _value(score: Interval | None) -> str:
    if score is None:
        return "–"
    half = score.half_width
    return f"{score.value:.4f}" + ("" if half is None else f" ± {half:.4f}")


def _difference(score: Score) -> tuple[str, str]:
    """The difference with its interval, and its corrected p."""
    other = score.difference
    if other is None:
        return "–", "–"
    half = "" if other.half_width is None else f" ± {other.half_width:.4f}"
    p = "–" if other.p is None else "<.001" if other.p < 0.001 else f"{other.p:.3f}"
    return f"{other.value:+.4f}{half}", p
