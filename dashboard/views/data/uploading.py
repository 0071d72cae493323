"""Adding a data set: an upload and how it is read, and the steps that are told while it is added."""

from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import address, cache
from dashboard.text import plain, told
from nmtr.data.catalogue import add
from nmtr.data.events import NAMES
from nmtr.errors import NmtrError

TYPES = ["csv", "tsv", "txt", "parquet", "zip", "gz"]
COLUMNS = ("user", "item", "behavior", "time", "split", "title", "category", "price")
GUESS = "found by its name"
#: What a column's name holds that the core does not know by its whole name.
WORDS = {
    "user": ("user", "shopper", "customer", "visitor", "session"),
    "item": ("item", "product", "article", "sku", "asin"),
    "behavior": ("behavior", "behaviour", "event", "action", "type"),
    "time": ("timestamp", "time", "date"),
}


def upload() -> None:
    """Takes a file, shows how it is read, and adds it under a name."""
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
        unsure = any(not guesses[column][1] for column in ("user", "item", "behavior"))
        unsure = unsure or any(guess is not None and not exact for guess, exact in guesses.values())
        with st.expander("Columns", expanded=unsure):
            with st.grid(4, min_column_width=140):
                for column in COLUMNS:
                    options = [GUESS, *map(str, header.columns)]
                    guess, _ = guesses[column]
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
            add_and_tell(name.strip(), kept, order or None, columns or None, file.name)


def add_and_tell(
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
        add(cache.workspace().data, name, source, behaviors, columns, tell, label=label)
    except NmtrError as error:
        shown.empty()
        st.error(told(error), icon=":material/error:")
        return
    st.session_state["just_added"] = name
    address.select(data=name)
    st.rerun()


def _header(name: str, start: bytes) -> pd.DataFrame | None:
    """The first rows of a text file of events; None where the core has to look itself, or to complain."""
    if _suffix(name) not in ("csv", "tsv"):
        return None
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < 1 << 16 else "ignore")
        lines = text.splitlines()[:20]
        separator = max("\t,;|", key=lines[0].count)
        names, *rows = csv.reader(lines, delimiter=separator)
    except (UnicodeDecodeError, IndexError, ValueError, csv.Error):
        return None
    if len(names) < 3 or len({name.lower() for name in names}) < len(names):
        return None
    return pd.DataFrame([row for row in rows if len(row) == len(names)], columns=names)


def _guess(column: str, names: list[str]) -> tuple[str | None, bool]:
    """The file's column that is meant, None where none is, and whether its name is one that the core takes."""
    known = {name.lower(): name for name in names}
    exact = next((known[name] for name in NAMES[column] if name in known), None)
    if exact is not None:
        return exact, True
    words = WORDS.get(column, (column,))
    return next((name for word in words for name in names if word in name.lower()), None), False


def _suffix(name: str) -> str:
    suffix = name.rsplit(".", 1)[-1].lower()
    return suffix if suffix in TYPES else "csv"


def _name(name: str) -> str:
    """A name for the data set, from the file's."""
    slug = re.sub(r"[^a-z0-9_-]+", "-", Path(name).name.split(".")[0].lower()).strip("-_")
    return slug[:64] or "upload"
