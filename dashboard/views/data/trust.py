"""What a data set's test can be trusted for, and two data sets side by side."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.text import past, plain, share
from dashboard.widgets import figures
from nmtr.audit import FIRST, Audit, Found, beside
from nmtr.data.library import DatasetInfo


def verdict(found: Audit) -> None:
    """What it comes to, first of all."""
    with st.container(border=True):
        st.markdown("##### Before you train on it")
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in found.verdict))


def by_group(info: DatasetInfo, found: Audit) -> None:
    """For whom the test is given away: shoppers by how many purchases they have."""
    if not found.behaviors or len(found.groups) < 2:
        return
    few, many = found.groups[0], found.groups[-1]
    name = "in a lower behavior"
    target = plain(info.behaviors[-1])
    figures.figure(
        f"Of shoppers who {past(target)} {plain(few.name)}, {share(few.share)} of the answers leak; of those who "
        f"{past(target)} {plain(many.name)}, {share(many.share)}",
        f"share of held-out pairs that stand in a lower behavior, by training {target} pairs, 95 % intervals",
        charts.by_group(
            {group.name: group.held_out for group in found.groups},
            {name: [(group.share, (group.high - group.low) / 2) for group in found.groups]},
            charts.looks([name], name),
            figures.theme(),
        ),
        "leak_by_group",
        figures.source(info),
    )


def rules(info: DatasetInfo, found: Audit) -> None:
    """What lists score that nobody learned: the floor under every model, and what the leak is worth."""
    if not found.rules:
        return
    target = plain(info.behaviors[-1])
    best = max(found.rules, key=lambda rule: rule.clean.share)
    st.markdown(
        f"##### Without learning, a rule has the held-out {target} among its first {FIRST} for "
        f"{share(best.clean.share)} of shoppers"
    )
    st.caption(
        f"share of test shoppers whose held-out {target} is among the first {FIRST} (HR@{FIRST}), 95 % intervals — "
        f"{figures.source(info)}"
    )
    rows = [
        {
            "list": f"{plain(rule.touched)}, then the most bought" if rule.touched else "the most bought",
            "clean": _found(rule.clean),
            "standard": _found(rule.standard),
        }
        for rule in found.rules
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="What rules score without learning, on both protocols")


def _found(part: Found) -> str:
    return f"{share(part.share)} ({share(part.low)} to {share(part.high)})"


def gathered(info: DatasetInfo, found: Audit) -> None:
    """How far pairs gather at few items, and steps that were left out."""
    last = found.tails[-1]
    st.markdown(f"##### A tenth of the items has {share(last.top_tenth)} of all {plain(last.behavior)} pairs")
    st.caption(f"long tail and steps that are missing — {figures.source(info)}")
    rows = [
        {"behavior": tail.behavior, "of the top tenth of items": share(tail.top_tenth), "Gini": f"{tail.gini:.2f}"}
        for tail in found.tails
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="How far each behavior's pairs gather at few items")
    for gap in found.gaps:
        part = share(gap.missing / max(gap.pairs, 1))
        st.caption(f"{part} of the {plain(gap.behavior)} pairs ({gap.missing:,}) are without a {plain(gap.below)}.")


def side_by_side(info: DatasetInfo, found: Audit) -> None:
    """The facts of this data set beside those of another, which is chosen."""
    others = [name for name in cache.workspace().data.names() if name != info.name]
    if not others:
        return
    asked = address.selected("beside")
    st.session_state["beside"] = asked if asked in others else None
    chosen = st.selectbox(
        "Side by side with",
        others,
        index=None,
        placeholder="another data set",
        key="beside",
        on_change=guard.callback(lambda: address.select(beside=st.session_state["beside"])),
        width=260,
    )
    facts = {info.name: beside(cache.summary(info), found)}
    if chosen is not None:
        other = cache.workspace().data.info(chosen)
        facts[chosen] = beside(cache.summary(other), cache.audited(other))
        if facts[info.name]["fingerprint"] == facts[chosen]["fingerprint"]:
            st.info(f"{plain(info.name)} and {plain(chosen)} hold the same data under two names.")
    names = list(dict.fromkeys(name for own in facts.values() for name in own))
    rows = [{"": name, **{data: own.get(name, "–") for data, own in facts.items()}} for name in names]
    if chosen is not None:
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Facts of both data sets")
    figures.export(rows, f"data-{'-'.join(facts)}.csv", "CSV of the facts")
