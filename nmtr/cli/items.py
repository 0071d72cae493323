"""nmtr items"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nmtr.chances import about
from nmtr.cli.console import Json, note, say, show, table
from nmtr.cli.files import write_csv
from nmtr.cli.options import whole_number
from nmtr.cli.runs import RunId
from nmtr.errors import ConfigError
from nmtr.items import Item, Items, all_items, one_item
from nmtr.items.single import Step
from nmtr.workspace import Workspace


def items(
    run_id: RunId,
    item: Annotated[str | None, typer.Option(metavar="I", help="One item's label; all items if left out.")] = None,
    top: Annotated[
        int,
        typer.Option(
            parser=whole_number("--top", 1, 10_000),
            metavar="K",
            help="How many items to print (--json and --csv have all); with --item, how many shoppers and neighbors.",
        ),
    ] = 10,
    as_json: Json = False,
    to_csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write all items to a CSV file.")] = None,
) -> None:
    """What a run says of items, over all shoppers.

    Mean stage scores, how many shoppers did each behavior and how many the run expects; of one item also where it gets
    stuck, who may buy it next and which items are near by.
    """
    if item is not None and to_csv is not None:
        raise ConfigError("--csv is for all items; leave --item out, or ask for one item's --json.")
    workspace = Workspace()
    fitted = workspace.fitted(run_id)
    if item is not None:
        fitted.dataset.item_index(item)  # before what takes seconds
    every = all_items(fitted)
    if item is not None:
        one = one_item(fitted, every, item, top, chances=workspace.chances(run_id, fitted))
        show(one.to_json(), as_json, lambda: _show_one(one))
    else:
        if to_csv is not None:
            write_csv(to_csv, every.rows())
        show(every.to_json(), as_json, lambda: _show_all(every, top))
    for sentence in every.notes:
        note(sentence)


def _show_all(every: Items, top: int) -> None:
    rows = every.rows()[:top]
    titled = [name for name in ("title", "category", "price") if any(row.get(name) is not None for row in rows)]
    steps = [f"{a}_to_{b}" for a, b in zip(every.behaviors, every.behaviors[1:], strict=False)]
    expected = not np.isnan(every.expected).all()
    columns = ["place", "item", *titled]
    columns += [text for b in every.behaviors for text in (b, *(["expected"] if expected else []))]
    columns += [text for step in steps for text in (step.replace("_to_", " → "), *(["expected"] if expected else []))]
    columns += [f"score, {behavior}" for behavior in every.scored]
    table(
        columns,
        [
            [
                f"{row['place']:,}",
                row["item"],
                *(_text(row[name]) for name in titled),
                *(text for behavior in every.behaviors for text in _counts(row, behavior, expected)),
                *(text for step in steps for text in _rates(row, step, expected)),
                *(f"{row[f'score_{behavior}']:.3f}" for behavior in every.scored),
            ]
            for row in rows
        ],
        title=f"Run {every.run}: the first {len(rows)} of {every.dataset.num_items:,} items by mean target score",
    )


def _counts(row: dict[str, Any], behavior: str, expected: bool) -> list[str]:
    value, error = row.get(f"expected_{behavior}"), row.get(f"expected_{behavior}_error")
    shown = "–" if value is None else f"{value:,.1f}" + ("" if error is None else f" ± {error:,.1f}")
    return [f"{row[f'observed_{behavior}']:,}", *([shown] if expected else [])]


def _rates(row: dict[str, Any], step: str, expected: bool) -> list[str]:
    return [_share(row[step]), *([_share(row.get(f"expected_{step}"))] if expected else [])]


def _show_one(one: Item) -> None:
    title = f" ({one.title})" if one.title else ""
    say(f"item {one.item}{title}: place {one.place:,} of {one.items:,} by mean target score")
    if one.stuck:
        say(one.stuck.sentence)
    table(
        ["behavior", "shoppers", "expected", "did the one before", "rate", "expected rate"],
        [_funnel(step) for step in one.funnel],
    )
    table(
        ["stage", "item bias", "mean score", "5 %", "25 %", "median", "75 %", "95 %"],
        [
            [
                s.behavior,
                "–" if s.bias is None else f"{s.bias:.3f}",
                f"{s.mean:.3f}",
                *(f"{q:.3f}" for q in s.quantiles),
            ]
            for s in one.spread
        ],
        title="Scores over all shoppers",
    )
    behaviors = [stage.behavior for stage in one.shoppers[0].stages] if one.shoppers else []
    table(
        ["shopper", *behaviors, "score", "chance"],
        [
            [
                shopper.user + (" (held out)" if shopper.held_out else ""),
                *(f"{stage.expected:.3f}" for stage in shopper.stages),
                f"{shopper.score:.3f}",
                "–" if shopper.chance is None else about(shopper.chance.next),
            ]
            for shopper in one.shoppers
        ],
        title="The likeliest to buy it next",
    )
    if one.neighbors:
        table(
            ["item", "title", "cosine", *(f"score, {s.behavior}" for s in one.spread), "parts at", "adds"],
            [
                [
                    near.item,
                    near.title or "",
                    f"{near.similarity:.3f}",
                    *(f"{score:.3f}" for score in near.scores),
                    near.parts_at or "–",
                    "–" if near.difference is None else f"{near.difference:+.3f}",
                ]
                for near in one.neighbors
            ],
            title="The nearest items in the embedding",
        )


def _funnel(step: Step) -> list[str]:
    return [
        step.behavior,
        f"{step.observed:,}",
        "–" if step.expected is None else f"{step.expected:,.1f}",
        "–" if step.also is None else f"{step.also:,}",
        _share(step.conversion),
        _share(step.expected_conversion),
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _text(value: object) -> str:
    return "" if value is None else f"{value:,.2f}" if isinstance(value, float) else str(value)
