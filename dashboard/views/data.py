"""What is in a data set, and a way to add one from the catalogue or a file."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import charts, parts, state
from dashboard.cues import cues
from dashboard.words import and_list, past, plain, share
from nmtr.data.catalogue import CATALOGUE, Entry, add
from nmtr.data.library import DatasetInfo
from nmtr.data.summary import Summary
from nmtr.errors import NmtrError

TYPES = ["csv", "tsv", "txt", "parquet", "zip", "gz"]
COLUMNS = ("user", "item", "behavior", "time", "split", "title", "category", "price")
GUESS = "found by its name"
UPLOAD_TAB, CATALOGUE_TAB = "Upload a file", "From the catalogue"


def page() -> None:
    if added := st.session_state.pop("just_added", None):
        st.toast(f"{plain(added)} is ready to train on", icon=":material/check_circle:")
    info = state.current_data()
    if info is None:
        st.subheader("Add a first data set", anchor=False)
        st.markdown("The demo shop is there at once; the others are fetched, and your own files are read.")
        _adding(CATALOGUE_TAB)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        parts.pick_data(info)
        with st.popover("Add a data set", icon=":material/add:", key="adding", on_change="rerun"):
            _adding()
        if st.button("Train on it", key="train_on_it", type="primary", icon=":material/play_arrow:"):
            st.session_state.pop("watching", None)
            state.go("train", data=info.name, run=None)
        if st.button("Remove", key="remove", icon=":material/delete:"):
            _confirm(info)
    with st.skeleton(height=420):
        _show(info, state.summary(info))


# What is in it


def _show(info: DatasetInfo, facts: Summary) -> None:
    cue = cues(facts.behaviors)
    target = plain(past(facts.behaviors[-1]))
    with st.grid(4, min_column_width=150):
        st.metric("Shoppers", f"{facts.users:,}", border=True)
        st.metric("Items", f"{facts.items:,}", border=True)
        st.metric("Interactions", f"{sum(facts.interactions.values()):,}", border=True)
        st.metric("Tested on", f"{facts.test_users:,}", border=True, help="shoppers with a held-out pair")
    where = parts.source(info)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True):
        pairs = charts.funnel(facts.interactions, cue, parts.theme())
        parts.figure(_funnel_finding(facts), "distinct shopper-item pairs", pairs, "funnel", where)
    before = {step.behavior: step.of_purchases for step in facts.funnel[:-1]}
    if before:
        with left, st.container(border=True):
            parts.figure(
                _before_finding(facts),
                f"share of what was {target} that stands in the step too",
                charts.shares(before, cue, parts.theme()),
                "before",
                where,
            )
    with right, st.container(border=True):
        _leak(info, facts)
    with right, st.container(border=True):
        _per_user(facts, where)
    st.caption(
        f"Source: {plain(facts.origin.source)}. Licence: {plain(facts.origin.licence)}. {plain(facts.origin.made)}"
    )


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
    parts.figure(
        f"The standard protocol shows the model {share(facts.leak[worst])} of its test answers",
        "share of held-out pairs that stand in a lower behavior",
        charts.shares(facts.leak, cues(facts.behaviors), parts.theme()),
        "leak",
        parts.source(info),
    )
    target = plain(past(facts.behaviors[-1]))
    st.markdown(
        f"To test a model, one item that each shopper {target} is held out. **Standard**, as papers do it, hides it in "
        f"{plain(facts.behaviors[-1])} only: where the shopper also {plain(past(worst))} it, the model still sees that "
        "pair, and finding it again is no feat. **Clean** hides it everywhere, which is what a shop would face. "
        "Figures of the two are never compared."
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
    parts.figure(
        f"Half of the shoppers {plain(past(behavior))} {spread.quantiles['0.5']:.0f} items or fewer",
        f"on average {spread.mean:.1f}, at most {spread.most:,}",
        charts.histogram(labels, [b.users for b in spread.bins], look, behavior, parts.theme()),
        "per_user",
        where,
    )


@st.dialog("Remove this data set?")
def _confirm(info: DatasetInfo) -> None:
    runs = [run for run in state.workspace().runs.list() if run.config.data == info.name]
    st.markdown(f"**{plain(info.name)}** will be gone; {len(runs)} runs on it keep their metrics but cannot be opened.")
    with st.container(horizontal=True):
        done = st.button(
            "Remove",
            key="confirm_remove",
            type="primary",
            icon=":material/delete:",
            on_click=state.attempt,
            args=(_remove, info.name),
        )
        if st.button("Keep it", key="keep_data") or done:
            st.rerun()


def _remove(name: str) -> None:
    state.workspace().remove_data(name)
    state.select(data=None, run=None, user=None, item=None)


# Adding one


def _adding(first: str = UPLOAD_TAB) -> None:
    upload, catalogue = st.tabs([UPLOAD_TAB, CATALOGUE_TAB], default=first)
    with upload:
        _upload()
    with catalogue:
        there = state.workspace().data.names()
        with st.grid(2, min_column_width=320):
            for entry in CATALOGUE.values():
                _entry(entry, entry.name in there)


def _entry(entry: Entry, there: bool) -> None:
    shape = f"{entry.users:,} shoppers · {entry.items:,} items · {', '.join(entry.behaviors)}"
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.markdown(f"**{entry.title}** · {shape}")
        st.caption(plain(entry.description))
        if entry.files and entry.repository is None:
            # A folder of the server is named on the server, never from a browser.
            st.code(f"nmtr data add {entry.name} --from FOLDER", language=None)
            return
        label = "Added" if there else "Fetch" if entry.files else "Add"
        if st.button(label, key=f"add_{entry.name}", icon=":material/download:", disabled=there):
            _add(entry.name, None)


def _upload() -> None:
    file = st.file_uploader(
        "A file of events: user, item, behavior and, if there are any, a timestamp and titles; or a line "
        "`user item item …` for each user",
        type=TYPES,
        key="upload",
    )
    if file is None:
        return
    header = _header(file.name, file.getvalue()[: 1 << 16])
    name = st.text_input("Name", value=_name(file.name), key=f"upload_name_{file.file_id}", max_chars=64)
    columns: dict[str, str] = {}
    if header is not None:
        st.dataframe(header.head(3), hide_index=True, alt="The first rows of the file")
        guesses = {column: _guess(column, list(header.columns)) for column in COLUMNS}
        with st.expander("Columns", expanded=any(guesses[column] is None for column in ("user", "item", "behavior"))):
            with st.grid(4, min_column_width=140):
                for column in COLUMNS:
                    options = [GUESS, *map(str, header.columns)]
                    guess = guesses[column]
                    chosen = st.selectbox(
                        column,
                        options,
                        index=options.index(guess) if guess in options else 0,
                        key=f"upload_{column}_{file.file_id}",
                    )
                    if chosen != GUESS:
                        columns[column] = chosen
    behaviors = st.text_input(
        "Behaviors, lowest first, the one to recommend for last",
        key=f"upload_behaviors_{file.file_id}",
        placeholder="view, cart, buy — leave empty where the names tell it",
    )
    if st.button("Add it", key="upload_add", type="primary", icon=":material/upload:"):
        order = [behavior.strip() for behavior in behaviors.split(",") if behavior.strip()]
        with tempfile.TemporaryDirectory(prefix="nmtr-upload-") as scratch:
            # The upload's own name is only ever shown: the path is ours.
            kept = Path(scratch) / f"upload.{_suffix(file.name)}"
            kept.write_bytes(file.getbuffer())
            _add(name.strip(), kept, order or None, columns or None, file.name)


def _add(
    name: str,
    source: Path | None,
    behaviors: list[str] | None = None,
    columns: dict[str, str] | None = None,
    label: str | None = None,
) -> None:
    """Add a data set while its steps are told; a mistake is one sentence and leaves nothing behind."""
    shown = st.empty()
    with shown.container(gap="xsmall"):
        bar = st.progress(0.0, "starting")
        st.caption(
            "Stay on this page until it is done, a minute at most as a rule; leaving stops it, with nothing kept."
        )

    def tell(what: str, part: float) -> None:
        bar.progress(min(max(part, 0.0), 1.0), plain(what))

    try:
        add(state.workspace().data, name, source, behaviors, columns, tell, label=label)
    except NmtrError as error:
        shown.empty()
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.session_state["just_added"] = name
    state.select(data=name, run=None, user=None, item=None)
    st.rerun()


def _header(name: str, start: bytes) -> pd.DataFrame | None:
    """The first rows of a text file of events; None where the core has to look itself."""
    if _suffix(name) not in ("csv", "tsv"):
        return None
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < 1 << 16 else "ignore")
        lines = text.splitlines()[:20]
        separator = max("\t,;|", key=lines[0].count)
        rows = [line.split(separator) for line in lines]
        width = len(rows[0])
        return pd.DataFrame([row for row in rows[1:] if len(row) == width], columns=rows[0]) if width > 2 else None
    except (UnicodeDecodeError, IndexError, ValueError):
        return None


def _guess(column: str, names: list[str]) -> str | None:
    """The file's column that is most likely meant; None where none is."""
    words = {
        "user": ("user", "shopper", "customer", "visitor", "session"),
        "item": ("item", "product", "article", "sku", "asin"),
        "behavior": ("behavior", "behaviour", "event", "action", "type"),
        "time": ("timestamp", "time", "date"),
    }.get(column, (column,))
    return next((name for word in words for name in names if word in name.lower()), None)


def _suffix(name: str) -> str:
    suffix = name.rsplit(".", 1)[-1].lower()
    return suffix if suffix in TYPES else "csv"


def _name(name: str) -> str:
    """A name for the data set, from the file's."""
    slug = re.sub(r"[^a-z0-9_-]+", "-", Path(name).name.split(".")[0].lower()).strip("-_")
    return slug[:64] or "upload"


page()
