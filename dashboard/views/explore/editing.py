"""A shopper's history to be changed, and the entries of it that brought an item to its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dashboard import cache, guard
from dashboard.charts.behaviors import Cue, cues
from dashboard.text import count, item_name, past, plain, shortened
from dashboard.views.explore.changes import Changes
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run
from nmtr.whatif import Entry, WhatIf

#: Entries of a behavior that have a chip each; of more, the others are in a select.
CHIPS = 40


def history(info: DatasetInfo, before: WhatIf, asked: WhatIf, changes: Changes) -> None:
    """What the shopper did, the target first: a chip an entry, pale where it is taken out, and a select to add."""
    st.markdown("##### History")
    st.caption(_said(asked, changes))
    if changes != Changes():
        st.button(
            "Take all changes back", key="whatif_back", icon=":material/undo:", type="tertiary",
            on_click=guard.callback(Changes().select),
        )  # fmt: skip
    cue = cues(info.behaviors)
    for behavior in reversed(asked.fitted.config.behaviors):
        was = [entry for entry in before.history if entry.behavior == behavior]
        new = [entry for entry in asked.history if (entry.behavior, entry.item) in changes.add]
        _behavior(info, behavior, cue[behavior], was, [entry for entry in new if entry.behavior == behavior], changes)


def _said(asked: WhatIf, changes: Changes) -> str:
    """What was changed, in a sentence."""
    if changes == Changes():
        who = (
            "Nobody yet: add what a new shopper did" if asked.start is None else "As the run learned it: click an entry"
        )
        return f"{who}{' to take it out, or add one' if asked.start is not None else ''}. List and cascade follow."
    told = []
    if changes.add:
        told.append(f"{len(changes.add):,} added (\\+)")
    if changes.remove:
        told.append(f"{len(changes.remove):,} taken out (pale)")
    if changes.without is not None:
        told.append(f"stage {plain(changes.without)} switched off, not retrained")
    return f"Changed: {', '.join(told)}."


def _behavior(
    info: DatasetInfo, behavior: str, cue: Cue, was: Sequence[Entry], new: Sequence[Entry], changes: Changes
) -> None:
    out = {item for own, item in changes.remove if own == behavior}
    entries = [*new, *sorted(was, key=lambda entry: entry.item not in out)]  # what is changed stands first
    shown, rest = entries[:CHIPS], [entry for entry in entries[CHIPS:] if entry.item not in out]
    there = len(entries) - len(out)
    before = {entry.item for entry in was}
    with st.container(gap="xsmall"):
        st.markdown(f"{cue.glyph} {plain(past(behavior))} **{there:,}**")
        if shown:
            _chips(behavior, shown, {entry.item for entry in new}, out, before)
        if rest:
            _others(behavior, rest)
        _adder(info, behavior, before)


def _chips(behavior: str, shown: Sequence[Entry], new: set[str], out: set[str], before: set[str]) -> None:
    """A chip an entry; chosen ones are in the history."""
    names = Counter(_short(entry) for entry in shown)
    labels = {
        entry.item: ("\\+ " if entry.item in new else "")
        + plain(_short(entry) if names[_short(entry)] == 1 else f"{_short(entry)} · {entry.item}")
        for entry in shown
    }
    key = f"whatif_chips_{behavior}"
    inside = [item for item in labels if item not in out]
    st.session_state[key] = inside

    def changed() -> None:
        changes, chosen = Changes.selected(), set(st.session_state[key])
        for item in labels:
            if (item in chosen) != (item in inside):
                changes = changes.put(behavior, item, there=item in chosen, before=item in before)
        changes.select()

    st.pills(
        f"{past(behavior)}: click to take out or put back",
        [*labels],
        selection_mode="multi",
        key=key,
        format_func=labels.__getitem__,
        on_change=guard.callback(changed),
        label_visibility="collapsed",
    )


def _short(entry: Entry) -> str:
    return shortened(item_name(entry.title, entry.item), 28)


def _others(behavior: str, rest: Sequence[Entry]) -> None:
    """Entries that have no chip."""
    names = {entry.item: item_name(entry.title, entry.item) for entry in rest}
    key = f"whatif_others_{behavior}"
    st.session_state[key] = None

    def taken() -> None:
        item = st.session_state[key]
        if item is not None:
            Changes.selected().put(behavior, item, there=False, before=True).select()

    st.selectbox(
        f"Take out one of {count(len(rest), 'more entry', 'more entries')} of {behavior}",
        [*names],
        index=None,
        key=key,
        format_func=lambda item: names.get(item, item),
        filter_mode="contains",
        placeholder=f"take out one of {len(rest):,} more",
        on_change=guard.callback(taken),
        label_visibility="collapsed",
    )


def _adder(info: DatasetInfo, behavior: str, before: set[str]) -> None:
    names = cache.item_names(info)
    key = f"whatif_add_{behavior}"
    st.session_state[key] = None

    def added() -> None:
        item = st.session_state[key]
        if item is not None:
            cache.dataset(info).item_index(item)  # a typed one may be none: a sentence, and nothing is changed
            Changes.selected().put(behavior, item, there=True, before=item in before).select()

    st.selectbox(
        f"Add an item to {behavior}",
        [*names],
        index=None,
        key=key,
        format_func=lambda item: names.get(item, item),
        filter_mode="contains",
        accept_new_options=info.items > cache.SUGGESTIONS,
        placeholder=f"add to {behavior}",
        on_change=guard.callback(added),
        label_visibility="collapsed",
    )


def reasons(info: DatasetInfo, run: Run, asked: WhatIf, changes: Changes, item: str) -> None:
    """The entries that brought the item to its place, once asked for: the list does not wait for these seconds."""
    st.markdown("##### What brought this item here?")
    this = (run.id, asked.start, changes, item)
    st.button(
        "Find out",
        key="whatif_reasons",
        icon=":material/search:",
        help="Fits the shopper again without one entry after the other.",
        disabled=not asked.history,
        on_click=guard.callback(st.session_state.__setitem__, "whatif_explained", this),
    )
    if not asked.history:
        st.caption("The history is empty, so nothing of it did.")
        return
    if st.session_state.get("whatif_explained") != this:
        st.caption("The three entries of the history whose removal lowers its score most.")
        return
    with st.skeleton(height=120):
        found = cache.reasons(run.id, asked.start, *changes.pairs, item)
    if not found.reasons:
        st.markdown("No entry of the history lowers its score when it is taken out.")
    cue = cues(info.behaviors)
    for number, reason in enumerate(found.reasons):
        entry = reason.entry
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap=None):
                st.text(f"{cue[entry.behavior].glyph} {past(entry.behavior)} {item_name(entry.title, entry.item)}")
                moved = "stays" if reason.rank == found.rank else f"goes from {found.rank + 1:,} to {reason.rank + 1:,}"
                st.caption(f"without it the score is {reason.drop:.2f} lower, and the place {moved}")
            st.button(
                "Take out",
                key=f"whatif_reason_{number}",
                on_click=guard.callback(_take_out, entry, (entry.behavior, entry.item) not in changes.add),
            )
    st.caption(plain(found.method))


def _take_out(entry: Entry, before: bool) -> None:
    Changes.selected().put(entry.behavior, entry.item, there=False, before=before).select()
