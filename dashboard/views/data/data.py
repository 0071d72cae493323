"""What is in a data set, and a way to add one from the catalogue or a file."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, charts, selection
from dashboard.charts.behaviors import cues
from dashboard.text import and_list, past, plain, share, told
from dashboard.views.data import trust
from dashboard.widgets import figures, pickers
from dashboard.widgets.confirm import confirm
from nmtr.data.activity import Activity
from nmtr.data.library import DatasetInfo
from nmtr.data.summary import Summary
from nmtr.errors import NmtrError

_FAR_FROM_CHANCE = 2  # times what chance gives; Beibei has 7, Tmall 1


def page() -> None:
    if added := st.session_state.pop("just_added", None):
        st.toast(f"{plain(added)} is ready to train on", icon=":material/check_circle:")
    _damaged()
    info = selection.current_data()
    if info is None:
        st.subheader("Add a first data set", anchor=False)
        st.markdown("The demo shop is there at once; the others are fetched, and your own files are read.")
        _add()
        return
    address.show(data=info.name)
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        _add()
        if st.button("Train on it", key="train_on_it", type="primary", icon=":material/play_arrow:"):
            st.session_state.pop("watching", None)
            address.go("train", data=info.name, run=None)
        if st.button("Remove", key="remove", icon=":material/delete:"):
            _confirm(info.name)
    with st.skeleton(height=420):
        _show(info, cache.summary(info))


def _add() -> None:
    if st.button("Add a data set", key="adding", icon=":material/add:"):
        address.go("add")


# What is in it


def _show(info: DatasetInfo, facts: Summary) -> None:
    cue = cues(facts.behaviors)
    target = plain(past(facts.behaviors[-1]))
    with st.grid(4, min_column_width=150):
        st.metric("Shoppers", f"{facts.users:,}", border=True)
        st.metric("Items", f"{facts.items:,}", border=True)
        st.metric("Interactions", f"{sum(facts.interactions.values()):,}", border=True)
        st.metric("Tested on", f"{facts.test_users:,}", border=True, help="shoppers with a held-out pair")
    found = cache.audited(info)
    trust.verdict(found)
    where = figures.source(info)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True):
        pairs = charts.funnel(facts.interactions, cue, figures.theme())
        figures.figure(_funnel_finding(facts), "distinct shopper-item pairs", pairs, "funnel", where)
    before = {step.behavior: step.of_purchases for step in facts.funnel[:-1]}
    if before:
        with left, st.container(border=True):
            figures.figure(
                _before_finding(facts),
                f"share of what was {target} that was in the step, too",
                charts.shares(before, cue, figures.theme()),
                "before",
                where,
            )
    with right, st.container(border=True):
        _leak(info, facts)
    if len(found.groups) > 1 and found.behaviors:
        with right, st.container(border=True):
            trust.by_group(info, found)
    with left, st.container(border=True):
        trust.rules(info, found)
    with left, st.container(border=True):
        trust.gathered(info, found)
    with right, st.container(border=True):
        _per_user(facts, where)
    if facts.activity is not None:
        with left, st.container(border=True):
            _activity(facts.activity, facts, where)
    far_from_chance = facts.held_out_newest["share"] > _FAR_FROM_CHANCE * facts.held_out_newest["by_chance"]
    if far_from_chance and 2 * facts.valid_named < facts.test_users:  # else there is little to choose
        with right, st.container(border=True):
            _numbered_by_time(facts)
    st.caption(f"Source: {plain(facts.origin.source)}. Licence: {plain(facts.origin.licence)}.")
    trust.side_by_side(info, found)
    with st.expander("How it was made", icon=":material/list:"):
        made = facts.origin.steps or (facts.origin.made,)
        st.markdown("\n".join(f"- {plain(step[:1].upper() + step[1:])}" for step in made))


def _funnel_finding(facts: Summary) -> str:
    first, last = facts.funnel[0], facts.funnel[-1]
    if len(facts.funnel) == 1:
        return f"{last.pairs:,} pairs were {plain(past(last.behavior))}"
    return f"{share(first.bought)} of what was {plain(past(first.behavior))} was {plain(past(last.behavior))} too"


def _before_finding(facts: Summary) -> str:
    steps = [f"{share(step.of_purchases)} was {plain(past(step.behavior))}" for step in facts.funnel[:-1]]
    return f"Of what was {plain(past(facts.behaviors[-1]))}, {and_list(steps)}"


def _leak(info: DatasetInfo, facts: Summary) -> None:
    """Why standard and clean are two protocols, in plain words."""
    if not facts.leak:
        st.markdown("##### Nothing can leak")
        st.markdown("There is no behavior below the target, so standard and clean are the same.")
        return
    worst = max(facts.leak, key=facts.leak.__getitem__)
    figures.figure(
        f"The standard protocol shows the model {share(facts.leak[worst])} of its test answers",
        "share of held-out pairs that are in a lower behavior",
        charts.shares(facts.leak, cues(facts.behaviors), figures.theme()),
        "leak",
        figures.source(info),
    )
    target = plain(past(facts.behaviors[-1]))
    st.markdown(
        f"To test a model, one item that each shopper {target} is held out. **Standard**, as papers do it, hides it in "
        f"{plain(facts.behaviors[-1])} only: where the shopper also {plain(past(worst))} it, the model still sees that "
        "pair, and finding it again is no feat. **Clean** hides it everywhere, which is what a shop would face. "
        "Figures of the two are never compared."
    )


def _numbered_by_time(facts: Summary) -> None:
    found, by_chance = (share(facts.held_out_newest[which]) for which in ("share", "by_chance"))
    target = plain(past(facts.behaviors[-1]))
    st.markdown("##### Items are numbered by time, it seems")
    st.markdown(
        f"{found} of the held-out items stand behind all else that their shopper {target}; by chance {by_chance} "
        "would. Choosing by the validation purchase “The newest item's” (Train, Advanced) is then closer to the test "
        "than choosing by any of a shopper's."
    )


def _per_user(facts: Summary, where: str) -> None:
    behavior = st.segmented_control(
        "Behavior",
        facts.behaviors,
        default=facts.behaviors[-1],
        required=True,
        format_func=plain,
        key=f"per_user_{facts.fingerprint}",
        label_visibility="collapsed",
    )
    if behavior not in facts.per_user:
        return
    spread = facts.per_user[behavior]
    look = cues(facts.behaviors)[behavior]
    labels = [f"{b.low:,}" if b.low == b.high else f"{b.low:,}–{b.high:,}" for b in spread.bins]
    figures.figure(
        f"Half of the shoppers {plain(past(behavior))} {spread.quantiles['0.5']:.0f} items or fewer",
        f"on average {spread.mean:.1f}, at most {spread.most:,}",
        charts.histogram(labels, [b.users for b in spread.bins], look, behavior, figures.theme()),
        "per_user",
        where,
    )


def _activity(when: Activity, facts: Summary, where: str) -> None:
    totals = [sum(counts) for counts in zip(*when.pairs.values(), strict=True)]
    most = max(range(len(totals)), key=totals.__getitem__)
    beginning = "was" if when.period in ("day", "year") else "began on"
    first = f"{when.starts[most]:%Y}" if when.period == "year" else f"{when.starts[most]:%-d %B %Y}"
    figures.figure(
        f"The busiest {when.period} {beginning} {first}: {totals[most]:,} of {sum(totals):,} pairs",
        f"pairs by the {when.period} in which they were first seen, each behavior on a scale of its own; the first and "
        f"the last {when.period} may not be whole",
        charts.activity(when.starts, when.pairs, when.period, cues(facts.behaviors), figures.theme()),
        "activity",
        where,
    )


def _damaged() -> None:
    """What cannot be read, with the way to be rid of it."""
    library = cache.workspace().data
    for name in library.names():
        try:
            library.info(name)
        except NmtrError as error:
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/warning: {told(error)}", width="stretch")
                if st.button("Remove", key=f"remove_{name}", icon=":material/delete:"):
                    _confirm(name)


@st.dialog("Remove this data set?")
def _confirm(name: str) -> None:
    runs = [run for run in cache.workspace().runs.list() if run.config.data == name]
    st.markdown(f"**{plain(name)}** will be gone; {len(runs)} runs on it keep their metrics but cannot be opened.")
    confirm("Remove", "confirm_remove", "keep_data", _remove, name)


def _remove(name: str) -> None:
    cache.workspace().remove_data(name)
    if address.selected("data") in (None, name):
        address.select(data=None)


page()
