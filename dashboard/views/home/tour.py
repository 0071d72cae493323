"""The tour: one shopper and one purchase in six steps, for presenters and for a first visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.glossary import help_for
from dashboard.text import item_name, past, plain, shortened, signed, thing
from dashboard.widgets import cascade, doors, empty, figures, standing
from dashboard.widgets.funnel import funnel
from dashboard.widgets.history import history
from nmtr import demo
from nmtr.data.dataset import Dataset
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation, Lift
from nmtr.opening import first_shopper
from nmtr.runs.store import Run

LISTED = 10  # items of the list


@dataclass(frozen=True)
class Subject:
    """What the tour is about: a shopper, an item, and why these two."""

    info: DatasetInfo
    shop: Dataset
    run: Run
    user: str
    item: str
    lift: Lift | None  # None where no stage lifts anybody's held-out item into the first ten

    @property
    def name(self) -> str:
        """The item, for markdown."""
        return plain(shortened(item_name(self.shop.title(self.shop.item_index(self.item)), self.item)))

    @property
    def rule(self) -> str:
        """How shopper and item were chosen."""
        target = plain(thing(self.shop.target))
        if self.lift is None:
            return (
                f"Of no shopper whom we looked at does one step of the model lift the hidden {target} into the first "
                f"{LISTED}. So this is a shopper who did more than four in five others, and the first item of their "
                "list."
            )
        stage = plain(self.run.config.learned[self.lift.stage])
        return (
            f"Shopper and item were chosen by a rule: of those whose hidden {target} is among the first {LISTED} of "
            f"their list (at most 100 of them, evenly spread), the one whom the {stage} step lifts there from furthest "
            "down."
        )


def page() -> None:
    info = _data()
    if info is None:
        empty.no_data("Here you will be led through a shop, one shopper and one purchase in six steps.")
        return
    run = _cascade(info)
    if run is None:
        _no_cascade(info)
        return
    step = _step()
    address.show(data=info.name, run=run.id, step=str(step + 1))
    _steer(step)
    with st.skeleton(height=420):
        subject = _subject(info, run)
        _, draw = STEPS[step]
        draw(subject)


def _data() -> DatasetInfo | None:
    """The selected data set, else the demo."""
    if address.selected("data") is None and address.selected("run") is None:
        names = cache.workspace().data.names()
        if demo.NAME in names:
            return cache.workspace().data.info(demo.NAME)
    return selection.current_data()


def _cascade(info: DatasetInfo) -> Run | None:
    """The selected run, else the data set's model, where it has a cascade of several steps; else the first that has."""
    chosen = selection.current_run(info)
    others = selection.finished_runs(info)
    for run in [*([chosen] if chosen else []), *others]:
        if run.config.method == "nmtr" and len(run.config.learned) > 1:
            return run
    return None


def _no_cascade(info: DatasetInfo) -> None:
    elsewhere = info.name != demo.NAME and demo.NAME in cache.workspace().data.names()
    st.markdown(f"##### The tour needs a trained cascade, and {plain(info.name)} has none yet")
    with st.container(horizontal=True):
        if elsewhere and st.button("Take it in the demo shop", key="tour_demo", type="primary"):
            address.go("tour", data=demo.NAME, run=None, step="1")
        if st.button("Train one", key="tour_train", icon=":material/play_arrow:"):
            address.go("train", data=info.name, run=None)


def _step() -> int:
    """The step of the address, from 0; the first where it names none."""
    asked = address.selected("step") or "1"
    return int(asked) - 1 if asked in {str(number) for number in range(1, len(STEPS) + 1)} else 0


def _steer(step: int) -> None:
    """Where one is, and Back and Next, which stay where they are."""
    with st.container(horizontal=True, vertical_alignment="center", key="tour_steps"):
        for label, to, arrow in (("Back", step - 1, "Left"), ("Next", step + 1, "Right")):
            st.button(
                label,
                key=f"tour_{label.lower()}",
                type="primary" if label == "Next" else "secondary",
                shortcut=arrow,
                disabled=not 0 <= to < len(STEPS),
                on_click=guard.callback(address.select, step=str(to + 1)),
            )
        st.markdown(f"**Step {step + 1} of {len(STEPS)}**: {STEPS[step][0]}")


def _subject(info: DatasetInfo, run: Run) -> Subject:
    shop = cache.dataset(info)
    hidden = cache.workspace().runs.withheld([run])  # no test figure of it is shown
    lift = None if hidden else cache.lift(run.id)
    if lift is not None:
        return Subject(info, shop, run, lift.user, lift.item, lift)
    user = first_shopper(shop)
    return Subject(info, shop, run, user, cache.recommendations(run.id, user, LISTED).items[0].item, None)


# The steps


def _shop(subject: Subject) -> None:
    info = subject.info
    funnel(info)
    st.markdown(
        f"{info.users:,} shoppers, {info.items:,} items. Each shopper {plain(past(info.behaviors[-1]))} few of them, "
        f"which says little of what they like. What they {plain(past(info.behaviors[0]))} says more, if one can tell "
        "how one step leads to the next. That is what the model learns.",
        help=help_for("behavior", "cascade"),
    )


def _shopper(subject: Subject) -> None:
    row = subject.shop.user_index(subject.user)
    st.markdown(f"##### Shopper {plain(subject.user)}, as the model knows them")
    hidden = subject.shop.test_item[row] >= 0
    if hidden:
        target = plain(thing(subject.shop.target))
        st.markdown(
            f"One {target} was hidden from the model before it learned, the one with the ★. Will the model list it?",
            help=help_for("held-out purchase", subject.run.config.protocol),
        )
    with st.container(key="history"):
        history(subject.info, subject.shop, row)
    st.caption(subject.rule)


def _list(subject: Subject) -> None:
    top = cache.recommendations(subject.run.id, subject.user, LISTED)
    st.markdown(f"##### The {len(top.items)} items that shopper {plain(subject.user)} would buy next, best first")
    lines = []
    for item in top.items:
        name = f"{'★ ' if item.held_out else ''}{plain(item_name(item.title, item.item))}"
        lines.append(
            f"{item.rank + 1}. " + (f"**{name}** ← this is the one we look at" if item.item == subject.item else name)
        )
    st.markdown("\n".join(lines))
    found = top.held_out is not None and top.held_out.rank < LISTED
    st.markdown(
        f"Chosen among {top.candidates:,} items that they had not bought. "
        + ("The ★ is the hidden one: the model found it." if found else ""),
        help=help_for("rank", "held-out purchase"),
    )
    st.caption(figures.source(subject.info, subject.run))


def _why(subject: Subject) -> None:
    explanation = cache.explanation(subject.run.id, subject.user, subject.item)
    left, right = st.columns([1, 1.15], gap="large")
    with left:
        st.markdown(f"##### Why {subject.name} is there, step by step")
        for sentence in reasons(explanation):
            st.markdown(f"- {sentence}")
        st.markdown(conclusion(explanation), help=help_for("cascade", "inherited", "own part", "item bias", "rank"))
    with right, st.container(border=True):
        cascade.cascade(explanation, subject.info, subject.run, key="tour_why")
        if "whatif" in address.PAGES and st.button(
            "What if they had done less?", key="tour_whatif", icon=":material/tune:"
        ):
            address.go("whatif", data=subject.info.name, run=subject.run.id, user=subject.user, item=subject.item)


def reasons(explanation: Explanation) -> list[str]:
    """A sentence a stage, for markdown: where it puts the item, and what it adds."""
    found = []
    for number, stage in enumerate(explanation.stages):
        place = f"place {stage.rank + 1:,}" if stage.rank is not None else ""
        name = plain(past(stage.behavior))
        parts = (
            f"{signed(stage.own)} for how well shopper and item match there, {signed(stage.bias)} for how many of all "
            "shoppers choose it"
        )
        if number == 0:
            found.append(
                f"Going by what shoppers **{name}**, it stands at **{place}** of {explanation.candidates:,}: {parts}."
            )
            continue
        before = explanation.stages[number - 1].rank or 0
        moved = (
            "brings it up to"
            if (stage.rank or 0) < before
            else "moves it down to"
            if (stage.rank or 0) > before
            else "leaves it at"
        )
        found.append(f"What they **{name}** {moved} **{place}**: {parts}.")
    return found


def conclusion(explanation: Explanation) -> str:
    """Which step did most for the place in the list; for markdown."""
    ranks = [stage.rank or 0 for stage in explanation.stages]
    steps = [(before + 1) / (after + 1) for before, after in zip(ranks[:-1], ranks[1:], strict=True)]
    best = max(range(len(steps)), key=steps.__getitem__)
    name = plain(explanation.stages[best + 1].behavior)
    if steps[best] <= 1:
        return f"No later step brings it further up: the **{plain(explanation.stages[0].behavior)}** step put it there."
    stage = explanation.stages[best + 1]
    suits, liked = "because it suits this shopper", "because many shoppers choose it"
    why = f"{suits} than {liked}" if stage.own >= stage.bias else f"{liked} than {suits}"
    moved = f"from place {ranks[best] + 1:,} to {ranks[best + 1] + 1:,}"
    return f"So it is in the list **mostly because of the {name} step**: {moved}, there more {why}."


def _good(subject: Subject) -> None:
    target = plain(thing(subject.shop.target))
    st.markdown(
        f"One shopper proves nothing. So a {target} of each of {subject.info.test_users:,} shoppers was hidden, and we "
        "count for how many of them the model finds it."
    )
    with st.container(border=True):
        standing.standing(subject.info, subject.run)


def _yours(subject: Subject) -> None:
    st.markdown("##### Your turn")
    st.markdown(
        f"Look at shopper {plain(subject.user)} yourself, go on to others, or see what the model makes of your own "
        "shop.",
        help=help_for("run", "epoch"),
    )
    if st.button(f"Open shopper {plain(subject.user)}", key="tour_shopper", icon=":material/shopping_bag:"):
        address.go("shopper", data=subject.info.name, run=subject.run.id, user=subject.user, item=subject.item)
    doors.doors(subject.info)


STEPS: list[tuple[str, Callable[[Subject], None]]] = [
    ("the shop", _shop),
    ("one shopper", _shopper),
    ("what they would buy next", _list),
    ("why this item", _why),
    ("is it any good?", _good),
    ("your turn", _yours),
]

page()
