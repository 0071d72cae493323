"""nmtr recommend | explain"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from nmtr import lists
from nmtr.cli.console import Json, note, say, show
from nmtr.cli.files import write_blocks
from nmtr.cli.options import bounds, whole_number
from nmtr.cli.runs import RunId
from nmtr.cli.shown import show_explanation, show_recommendations
from nmtr.cli.whatif import say_how, served
from nmtr.errors import ConfigError
from nmtr.explain import Fitted, explain, recommend
from nmtr.wanted import Seen, Wanted
from nmtr.whynot import why_not
from nmtr.workspace import Workspace


def recommend_items(
    run_id: RunId,
    user: Annotated[str | None, typer.Option(metavar="U", help="The user's label.", show_default=False)] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BEHAVIOR=ITEM,…", help="What a shopper who is not in the data set did; may be given again."
        ),
    ] = None,
    users: Annotated[
        str | None,
        typer.Option(
            metavar="all|tested|FILE",
            help="Many users: all, those with a held-out item, or those in a file, one a line; with --csv.",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(parser=whole_number("--top", 1, 10_000), metavar="K", help="How many items.")
    ] = 10,
    category: Annotated[
        list[str] | None, typer.Option(metavar="CATEGORY", help="Of this category only; may be given again.")
    ] = None,
    price: Annotated[str | None, typer.Option(metavar="FROM-TO", help="With a price from here to there only.")] = None,
    seen: Annotated[
        Seen, typer.Option(help="new: what the user did nothing with before. seen: what they viewed, carted, … before.")
    ] = "any",
    to_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Where the lists of --users go: a row an item.")
    ] = None,
    as_json: Json = False,
) -> None:
    """A user's top items, with their stages and chances.

    The chance is that the user's next purchase is this item; `nmtr calibration RUN` says how far it can be trusted.
    With --users, the lists of many users in a file. With --history, the items of a shopper who is not in the data set:
    the model stays as it was trained, and only the shopper's vector is fitted.
    """
    given = [
        name for name, value in (("--user", user), ("--users", users), ("--history", history)) if value is not None
    ]
    if len(given) != 1:
        raise ConfigError(
            f"a list needs --user U, --users all or --history view=item,item, one of them; got "
            f"{' and '.join(given) or 'none'}."
        )
    if (users is None) != (to_csv is None):
        raise ConfigError("--users and --csv go together; got one of them: add the other, or name one --user.")
    if users is not None and to_csv is not None:
        if category or price or seen != "any" or as_json:
            raise ConfigError("--category, --price, --seen and --json need --user; got --users: leave them out.")
        _write_many(run_id, users, top, to_csv)
        return
    if user is not None:
        workspace = Workspace()
        fitted = workspace.fitted(run_id)
        fitted.dataset.user_index(user)  # a mistake is refused before anything is worked out and kept
        wanted = Wanted(tuple(category or ()), None if price is None else bounds(price, "--price"), seen)
        among = wanted.items(fitted, user) if wanted else None
        found = recommend(fitted, user, top, workspace.chances(run_id, fitted), among)
    else:
        if category or price or seen != "any":
            raise ConfigError("--category, --price and --seen need --user; got --history: leave them out.")
        asked, found = served(run_id, history or [], top)
        say_how(asked)
    show(found.to_json(), as_json, lambda: show_recommendations(found))


def _write_many(run_id: str, users: str, top: int, path: Path) -> None:
    fitted = Workspace().fitted(run_id)
    rows = _rows(fitted, users)
    written = write_blocks(path, lists.rows(fitted, rows, top))
    say(f"the first {top} items of {len(rows):,} users are in {path}: {written:,} rows.")


def _rows(fitted: Fitted, users: str) -> NDArray[np.int64]:
    """The users that are meant, each once."""
    if users == "all":
        return np.arange(fitted.dataset.num_users)
    if users == "tested":
        return np.flatnonzero(fitted.split.test_item >= 0)
    try:
        lines = Path(users).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"--users must be all, tested or a text file with a user a line; got {users}.") from error
    labels = [line.strip() for line in lines if line.strip()]
    if not labels:
        raise ConfigError(f"--users must be a file with a user a line; {users} names nobody.")
    if twice := len(labels) - len({*labels}):
        note(f"{twice:,} of {len(labels):,} lines name a user again, and are left out.")
    return np.array([fitted.dataset.user_index(label) for label in dict.fromkeys(labels)], np.int64)


def explain_item(
    run_id: RunId,
    user: Annotated[str, typer.Option(metavar="U", help="The user's label.")],
    item: Annotated[str, typer.Option(metavar="I", help="The item's label.")],
    top: Annotated[
        int, typer.Option(parser=whole_number("--top", 1, 10_000), metavar="K", help="Among how many it should be.")
    ] = 10,
    as_json: Json = False,
) -> None:
    """One score taken apart along the cascade.

    For each stage: what it inherits, its own part, the item's bias, the chance that it means, and the item's rank; then
    what the item lacks to be among the first K of the user's list, and at which stage.
    """
    workspace = Workspace()
    fitted = workspace.fitted(run_id)
    fitted.dataset.user_index(user)  # before anything is worked out and kept
    fitted.dataset.item_index(item)
    chances = workspace.chances(run_id, fitted)
    found = explain(fitted, user, item, chances)
    short = why_not(fitted, found, top)
    value = found.to_json() | {"short": short and short.to_json()}
    show(value, as_json, lambda: show_explanation(found, chances, short))
