"""How lists and cascades are printed for people."""

from __future__ import annotations

from nmtr.chances import Chances, about, standing
from nmtr.cli.console import note, say, table
from nmtr.explain import Explanation, Recommendations, Stage
from nmtr.whynot import Shortfall


def show_recommendations(found: Recommendations) -> None:
    behaviors = [stage.behavior for stage in found.items[0].stages] if found.items else []
    rows = [
        [
            str(item.rank + 1),
            item.item,
            (item.title or "") + (" (held out)" if item.held_out else ""),
            *(f"{stage.expected:.3f}" for stage in item.stages),
            f"{item.logit:.3f}",
            about(item.chance.next) if item.chance else "–",
        ]
        for item in found.items
    ]
    columns = ["place", "item", "title", *behaviors, "score", "chance"]
    of = (
        f"{found.candidates:,} items"
        if found.wanted is None
        else f"{found.wanted:,} wanted, of {found.candidates:,} items"
    )
    table(columns, rows, title=f"User {found.user}: the first {len(rows)} of {of}")
    if found.held_out:
        note(f"held-out item {found.held_out.item} stands at place {found.held_out.rank + 1:,}")


def show_explanation(found: Explanation, chances: Chances | None = None, short: Shortfall | None = None) -> None:
    title = f" ({found.title})" if found.title else ""
    bought = ", if it were not bought already" if found.bought else ""
    say(
        f"item {found.item}{title} for user {found.user}: place {found.rank + 1:,} of {found.candidates:,}{bought}, "
        f"score {found.logit:.3f}"
    )
    if found.stages:
        values = ["logit", "sigmoid"] if found.stages[0].probability is not None else ["score"]
        columns = ["stage", "inherits", "own", "item bias", *values, "chance", "place"]
        table(columns, [_row(stage) for stage in found.stages])
    elif found.chance:
        say(f"chance: {about(found.chance.next)}")
    for lower, stage in zip(found.stages, found.stages[1:], strict=False):
        if stage.chance and stage.chance.step is not None:
            share = about(stage.chance.step)
            say(f"of those who get as far as {lower.behavior}, {share} get as far as {stage.behavior}")
    if short:
        parts = ", ".join(f"{one.behavior} {one.together:+.3f}" for one in short.stages)
        say(
            f"to be among the first {short.first} it lacks {short.lacks:.3f}, beside item {short.item} there"
            + (f": {parts}" if parts else "")
        )
    for judged in chances.stages if chances else ():
        note(f"{judged.behavior}: {standing(judged)}")


def _row(stage: Stage) -> list[str]:
    parts = [stage.inherited, stage.own, stage.bias, stage.logit]
    parts += [] if stage.probability is None else [stage.probability]
    chance = about(stage.chance.next) if stage.chance else "–"
    place = "–" if stage.rank is None else f"{stage.rank + 1:,}"
    return [stage.behavior, *(f"{part:.3f}" for part in parts), chance, place]
