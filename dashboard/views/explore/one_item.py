"""One item over all shoppers: its funnel, its scores, where it gets stuck, who may buy it next, and what is like it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, cache, charts
from dashboard.charts.behaviors import cues
from dashboard.text import item_name, past, plain, signed
from dashboard.widgets import chances, figures
from dashboard.widgets.row_list import Cell, Column, row_list
from nmtr.data.library import DatasetInfo
from nmtr.items import Item
from nmtr.items.single import QUANTILES, Neighbor
from nmtr.runs.store import Run


def leave_if_asked() -> None:
    """Go on to the cascade of the shopper whose row was clicked: a widget's callback cannot leave the page itself."""
    if (user := st.session_state.pop("item_shopper", None)) is not None:
        address.go("cascade", user=user)


def draw(info: DatasetInfo, run: Run, item: str) -> None:
    with st.skeleton(height=520):
        one = cache.one_item(run.id, item)
    _heading(info, run, one)
    left, right = st.columns(2, gap="large")
    with left:
        _funnel(info, run, one)
    with right:
        _spread(info, run, one)
    with left:
        _shoppers(info, run, one)
    with right:
        _neighbors(info, run, one)
    if one.notes:
        st.caption(" ".join(map(plain, one.notes)))
    chances.wait(run)


def _heading(info: DatasetInfo, run: Run, one: Item) -> None:
    shop = cache.dataset(info)
    row = shop.item_index(one.item)
    facts = [] if one.title is None else [f"item {plain(one.item)}"]
    if shop.attributes is not None:
        known = [name for name in ("category", "price") if name in shop.attributes]
        values = shop.attributes[known].iloc[row].dropna().tolist()
        facts += [plain(f"{value:,.2f}" if isinstance(value, float) else str(value)) for value in values]
    with st.container(gap=None):
        st.markdown(f"##### Place {one.place:,} of {one.items:,}, by the mean {plain(info.behaviors[-1])} score")
        st.text(item_name(one.title, one.item))
        st.caption(" · ".join([*facts, figures.source(info, run)]))
    if one.stuck is not None:
        st.markdown(f"**Where does it get stuck?** {plain(one.stuck.sentence)}")


def _funnel(info: DatasetInfo, run: Run, one: Item) -> None:
    expected = " and how many the model expects (hatched)" if one.funnel[-1].expected is not None else ""
    figures.figure(
        plain(_funnel_finding(one)),
        f"how many shoppers did it (filled){expected}",
        charts.steps(one.funnel, cues(info.behaviors), figures.theme()),
        "steps",
        figures.source(info, run),
    )
    figures.export(_stages(one), f"item-{one.item}-{run.id}.csv", "CSV of the stages")


def _funnel_finding(one: Item) -> str:
    """``Viewed by 1,203, bought by 12; expected: 1,190 and 14``."""
    ends = [one.funnel[0], one.funnel[-1]] if len(one.funnel) > 1 else [one.funnel[0]]
    was = ", ".join(f"{past(step.behavior)} by {step.observed:,}" for step in ends)
    expected = [f"{step.expected:,.0f}" for step in ends if step.expected is not None]
    return was.capitalize() + (f"; expected: {' and '.join(expected)}" if len(expected) == len(ends) else "")


def _spread(info: DatasetInfo, run: Run, one: Item) -> None:
    measure = "log-odds" if run.config.loss not in (None, "squared") else "score"
    target = one.spread[-1]
    figures.figure(
        plain(
            f"Half of the shoppers score it above {signed(target.quantiles[len(QUANTILES) // 2])} at {target.behavior}"
        ),
        f"shoppers by the {measure} that each stage gives them; 5 to 95 % and the median below",
        charts.spread(one.spread, one.edges, measure, cues(info.behaviors), figures.theme()),
        "spread",
        figures.source(info, run),
    )


def _stages(one: Item) -> pd.DataFrame:
    """A behavior a row: its numbers in the funnel, and its scores where it has a stage."""
    scores = {
        part.behavior: {
            "bias": part.bias,
            "mean score": part.mean,
            **{f"{q:.0%} of scores below": at for q, at in zip(QUANTILES, part.quantiles, strict=True)},
        }
        for part in one.spread
    }
    return pd.DataFrame(
        {
            "behavior": step.behavior,
            "shoppers": step.observed,
            "expected": step.expected,
            "rate": step.conversion,
            "expected rate": step.expected_conversion,
            **scores.get(step.behavior, {}),
        }
        for step in one.funnel
    )


def _shoppers(info: DatasetInfo, run: Run, one: Item) -> None:
    target = info.behaviors[-1]
    leads = "; a row opens the cascade behind it" if run.config.method == "nmtr" else ""
    said = f"of those who have not yet; ★ it is their held-out {plain(target)}{leads}"
    with st.container(gap=None):
        st.markdown(f"##### Most likely to {plain(target)} it next")
        st.caption(said if one.shoppers else "Every shopper has done so already.")
    if not one.shoppers:
        return
    users = [shopper.user for shopper in one.shoppers]
    found = [(shopper.stages, shopper.score, shopper.chance) for shopper in one.shoppers]
    scored = chances.scored(found, target)
    names: list[Cell] = [f"{'★ ' if shopper.held_out else ''}{shopper.user}" for shopper in one.shoppers]
    columns: dict[Column, list[Cell]] = {Column("shopper"): names}
    told = cache.chances(run.id)
    for behavior, pairs in scored.items():
        why = "Its chance is being worked out."
        column, cells = chances.column(behavior, pairs, told, run, cues(info.behaviors)[behavior], why)
        columns[column] = cells
    row_list(
        [*columns],
        [*zip(*columns.values(), strict=True)],
        -1,
        lambda place: st.session_state.update(item_shopper=users[place]),
        key=f"shoppers-{run.id}-{one.item}",
        label=f"Shoppers most likely to {target} item {one.item} next",
    )
    rows = {"shopper": users, "held out": [shopper.held_out for shopper in one.shoppers]}
    figures.export(
        pd.DataFrame(rows | chances.in_file(scored)), f"item-{one.item}-shoppers-{run.id}.csv", "CSV of the shoppers"
    )


def _neighbors(info: DatasetInfo, run: Run, one: Item) -> None:
    several = bool(one.neighbors) and one.neighbors[0].parts_at is not None
    parts = "; at which stage they part, and what it adds to the other item beyond this one" if several else ""
    said = f"by the cosine of their embeddings{parts}; a row opens that item"
    with st.container(gap=None):
        st.markdown("##### Most alike in what the model learned")
        st.caption(said if one.neighbors else "This model has no embedding of the item, so none is near by.")
    if not one.neighbors:
        return
    columns: dict[Column, list[Cell]] = {
        Column("item"): [item_name(near.title, near.item) for near in one.neighbors],
        Column("cosine", "number", "{:.2f}".format, "How alike the embeddings are: 1 is the same direction."): [
            near.similarity for near in one.neighbors
        ],
    }
    if several:
        help = "The stage that adds the most to one of the two mean scores beyond the other."
        columns[Column("parts at", "number", help=help)] = [_parts(info, near) for near in one.neighbors]
    labels = [near.item for near in one.neighbors]
    row_list(
        [*columns],
        [*zip(*columns.values(), strict=True)],
        -1,
        lambda place: address.select(item=labels[place]),
        key=f"neighbors-{run.id}-{one.item}",
        label=f"Items nearest to item {one.item}",
    )
    rows = pd.DataFrame(
        {
            "item": near.item,
            "title": near.title,
            "cosine": near.similarity,
            "parts at": near.parts_at,
            "adds": near.difference,
            **{f"mean score, {part.behavior}": at for part, at in zip(one.spread, near.scores, strict=True)},
        }
        for near in one.neighbors
    )
    figures.export(rows, f"item-{one.item}-neighbors-{run.id}.csv", "CSV of the items")


def _parts(info: DatasetInfo, near: Neighbor) -> str:
    """``■ cart −0.42``."""
    assert near.parts_at is not None and near.difference is not None
    return f"{cues(info.behaviors)[near.parts_at].glyph} {near.parts_at} {signed(near.difference)}"
