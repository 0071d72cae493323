"""From a file to a data set in five steps, nothing of which is kept before the last; or one of the catalogue."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import address, cache
from dashboard.text import past, plain, told
from dashboard.views.data import steps
from dashboard.views.data.adding import TYPES, add_and_tell, name_for, on_disk
from nmtr.config import RunConfig
from nmtr.data.catalogue import CATALOGUE, Entry, preview
from nmtr.data.preview import Preview
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError, NmtrError

UPLOAD_TAB, CATALOGUE_TAB = "A file of your own", "Catalogue"


def page() -> None:
    upload, catalogue = st.tabs([UPLOAD_TAB, CATALOGUE_TAB])
    with upload:
        _upload()
    with catalogue:
        there = cache.workspace().data.names()
        with st.grid(2, min_column_width=320):
            for entry in CATALOGUE.values():
                _entry(entry, entry.name in there)


def _upload() -> None:
    st.markdown("##### From a log to recommendations")
    file = st.file_uploader(
        "A log of who did what with which item: CSV, TSV, JSON lines, Parquet or a spreadsheet, zipped or not",
        type=TYPES,
        key="upload",
    )
    if file is None:
        st.caption(
            "One row for each event, with columns for the shopper, the item, the behavior (view, cart, buy, …) and, "
            "best, the time; or a line `user item item …` for each shopper. The file stays on this server."
        )
        return
    key = f"add_{file.file_id}"
    with st.container(border=True):
        st.markdown("##### 1 · Which column is what")
        plain_text = Recipe(delimiter=steps.delimiter(_looked_at(file, Recipe()), key))
        first = _looked_at(file, plain_text)
        key += (plain_text.delimiter or "").encode().hex()  # other columns, so other choices of them
        columns = steps.columns(first, key)
    missing = [steps.ROLES[role].lower() for role in steps.NEEDED if role not in columns]
    if missing and first.layout == "events":
        st.info(f"Choose the column of the {' and the '.join(missing)}.", icon=":material/arrow_upward:")
        return
    as_found = plain_text.model_copy(update={"columns": columns})
    named = first if steps.as_found(columns, first) else _looked_at(file, as_found)
    with st.container(border=True):
        st.markdown("##### 2 · Which behaviors, in which order")
        order, merged = steps.behaviors(named, key)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown("##### 3 · Which purchase to test on")
        rule = steps.hold_out(key)
    with right, st.container(border=True, height="stretch"):
        st.markdown("##### 4 · Cleaning")
        cleaned = steps.cleaning(named, key)
    recipe = Recipe.parse(
        {"delimiter": plain_text.delimiter, "columns": columns, "behaviors": order, "merged": merged, **rule, **cleaned}
    )
    with st.container(border=True):
        st.markdown("##### 5 · What will be kept")
        usual = recipe.model_copy(update={"behaviors": None}) == as_found and recipe.behaviors == named.order
        _finish(file, recipe, named if usual else _looked_at(file, recipe), key)


def _looked_at(file: UploadedFile, recipe: Recipe) -> Preview:
    """What the recipe makes of the upload; of one session's upload the last looks are kept."""
    kept: dict[tuple[str, str], Preview] = st.session_state.setdefault("previews", {})
    key = (file.file_id, recipe.model_dump_json())
    if key not in kept:
        bar = st.progress(0.0, "reading the file")

        def tell(what: str, part: float) -> None:
            bar.progress(min(max(part, 0.0), 1.0), plain(what))

        with on_disk(file) as path:
            found = preview(cache.workspace().data, path, recipe, tell, label=file.name)
        bar.empty()
        while len(kept) >= 12:
            kept.pop(next(iter(kept)))
        kept[key] = found
    return kept[key]


def _finish(file: UploadedFile, recipe: Recipe, found: Preview, key: str) -> None:
    if found.refusal is not None:
        st.error(told(DataError(found.refusal)), icon=":material/error:")
    _kept(found)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", value=name_for(file.name), key=f"{key}_name", max_chars=64, width=260)
        ready = found.refusal is None
        added = st.button("Add it", key="upload_add", icon=":material/add:", disabled=not ready)
        trained = st.button(
            "Add it, train and show me",
            key="upload_train",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not ready,
            help="Trains the usual model with the usual options, and leads to what it recommends.",
        )
    if added or trained:
        with on_disk(file) as path:
            there = add_and_tell(name.strip(), path, recipe, file.name)
        if there:
            st.session_state.pop("previews", None)
            _onward(name.strip(), trained)


def _onward(name: str, train: bool) -> None:
    if not train:
        address.go("data", data=name)
    try:
        run = cache.workspace().submit(RunConfig.parse({"data": name}))
    except NmtrError as error:  # it is added; what hinders the training is said where one trains
        st.session_state["refused"] = told(error)
        address.go("train", data=name)
        return
    st.session_state["watching"] = run.id
    address.go("train", data=name, run=run.id)


def _kept(found: Preview) -> None:
    """The card of what is kept and lost, and the first rows as they are read."""
    if found.size is not None:
        with st.grid(4, min_column_width=140):
            st.metric("Shoppers", f"{found.size.users:,}", border=True)
            st.metric("Items", f"{found.size.items:,}", border=True)
            st.metric("Interactions", f"{sum(found.size.interactions.values()):,}", border=True)
            st.metric("Tested on", f"{found.size.test_users:,}", border=True)
        pairs = " · ".join(f"{plain(past(name))} {pairs:,}" for name, pairs in found.size.interactions.items())
        st.caption(f"distinct pairs of shopper and item: {pairs}")
    if found.steps:
        st.markdown("\n".join(f"- {plain(step[:1].upper() + step[1:])}" for step in found.steps))
    if found.rows:
        st.dataframe(
            pd.DataFrame([row.model_dump() for row in found.rows]),
            hide_index=True,
            height=280,
            alt="The first rows as they are read",
        )
        st.caption(f"The first {len(found.rows)} rows as they are read, in no order.")


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
        add = st.button(label, key=f"add_{entry.name}", icon=":material/download:", disabled=there)
        if add and add_and_tell(entry.name, None):
            address.go("data", data=entry.name)


page()
