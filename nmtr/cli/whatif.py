"""nmtr whatif, and what it shares with nmtr recommend"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from nmtr.cli.console import Json, note, say, show, table
from nmtr.cli.options import whole_number
from nmtr.cli.shown import show_explanation, show_recommendations
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.explain import Explanation, Recommendations
from nmtr.whatif import Reasons, WhatIf, whatif
from nmtr.workspace import Workspace

_FORM = "BEHAVIOR=ITEM,…"


def changes(given: Sequence[str] | None, flag: str, dataset: Dataset) -> dict[str, list[str]]:
    """``view=a,b`` and the like as items by behavior; a label that has commas stands alone. ConfigError otherwise."""
    found: dict[str, list[str]] = {}
    for text in given or ():
        behavior, _, labels = text.partition("=")
        items = [labels] if dataset.has_item(labels) else labels.split(",")
        if not (behavior and all(items)):
            raise ConfigError(f"{flag} must look like view=item or view=item,item; got {text!r}.")
        found.setdefault(behavior, []).extend(items)
    return found


def what_if(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `nmtr runs` shows it.")],
    user: Annotated[
        str | None, typer.Option(metavar="U", help="The user to start from; nobody if not given.", show_default=False)
    ] = None,
    add: Annotated[list[str] | None, typer.Option(metavar=_FORM, help="Pairs to add; may be given again.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar=_FORM, help="Pairs to take away; may be given again.")
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(metavar="STAGE", help="A stage of the cascade to switch off, not retrained.", show_default=False),
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(metavar="I", help="An item to take apart, and what brought it here.", show_default=False),
    ] = None,
    top: Annotated[
        int, typer.Option(parser=whole_number("--top", 1, 10_000), metavar="K", help="How many items.")
    ] = 10,
    as_json: Json = False,
) -> None:
    """What a shopper would get with another history.

    Only the shopper's vector is fitted; the model stays as it was trained. An item's place is traced to the three
    entries of the history whose removal lowers its score most.
    """
    workspace = Workspace()
    fitted = workspace.fitted(run_id)
    added, removed = (changes(g, f, fitted.dataset) for g, f in ((add, "--add"), (remove, "--remove")))
    asked = whatif(fitted, user, add=added, remove=removed, without=without)
    if item is not None:
        fitted.dataset.item_index(item)  # before anything is worked out and kept
    chances = workspace.chances(run_id, fitted)
    found = asked.recommend(top, chances)
    taken_apart = None if item is None else (asked.explain(item, chances), asked.reasons(item))
    value: dict[str, Any] = {**asked.to_json(), "agreement": asked.agreement, "items": found.to_json()["items"]}
    if taken_apart is not None:
        explanation, reasons = taken_apart
        value["explanation"] = {**explanation.to_json(), "reasons": reasons.to_json()}
    show(value, as_json, lambda: _show(asked, found, taken_apart))


def served(run_id: str, history: Sequence[str], top: int) -> tuple[WhatIf, Recommendations]:
    """The list of a shopper who was not in the data set."""
    workspace = Workspace()
    fitted = workspace.fitted(run_id)
    asked = whatif(fitted, add=changes(history, "--history", fitted.dataset))
    return asked, asked.recommend(top, workspace.chances(run_id, fitted))


def say_how(asked: WhatIf) -> None:
    """How the shopper was fitted, beside the result."""
    for sentence in (asked.method, *asked.notes):
        note(sentence)


def _show(asked: WhatIf, found: Recommendations, taken_apart: tuple[Explanation, Reasons] | None) -> None:
    behaviors: Mapping[str, list[str]] = {entry.behavior: [] for entry in asked.history}
    for entry in asked.history:
        behaviors[entry.behavior].append(entry.item)
    table(["history", ""], [[behavior, ", ".join(items)] for behavior, items in behaviors.items()])
    show_recommendations(found)
    if taken_apart is not None:
        explanation, reasons = taken_apart
        show_explanation(explanation)
        _show_reasons(reasons)
    if asked.agreement is not None:
        note(
            f"of the first 20 items of {asked.start} as trained, {asked.agreement} are in the fit with nothing changed"
        )
    say_how(asked)


def _show_reasons(reasons: Reasons) -> None:
    if not reasons.reasons:
        say(f"No entry of the history lowers the score of item {reasons.item} when it is left out.")
        return
    rows = [
        [
            reason.entry.behavior,
            reason.entry.item,
            reason.entry.title or "",
            f"{reason.drop:.3f}",
            f"{reason.rank + 1:,}",
        ]
        for reason in reasons.reasons
    ]
    table(["brought here by", "item", "title", "score falls by", "place without"], rows)
    note(reasons.method)
