"""Adding a data set while its steps are told; an upload as a file that is swept if nobody comes back for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import address, cache
from dashboard.text import plain, told
from nmtr.data.catalogue import add
from nmtr.data.recipe import Recipe
from nmtr.errors import NmtrError

TYPES = ["csv", "tsv", "txt", "json", "jsonl", "parquet", "xlsx", "xls", "ods", "zip", "gz", "bz2", "xz"]


@contextmanager
def on_disk(file: UploadedFile) -> Iterator[Path]:
    """The upload as a file. Its own name is only ever shown: the path is ours."""
    with cache.workspace().data.staging() as place:
        path = place / f"upload.{_suffix(file.name)}"
        path.write_bytes(file.getbuffer())
        yield path


def add_and_tell(name: str, source: Path | None, recipe: Recipe | None = None, label: str | None = None) -> bool:
    """Add a data set while its steps are told; whether it is there. A mistake is one sentence, and leaves nothing."""
    shown = st.empty()
    with shown.container(gap="xsmall"):
        bar = st.progress(0.0, "starting")
        st.caption(
            "Stay on this page until it is done, a minute at most as a rule; leaving stops it, with nothing kept."
        )

    def tell(what: str, part: float) -> None:
        bar.progress(min(max(part, 0.0), 1.0), plain(what))

    try:
        add(cache.workspace().data, name, source, progress=tell, label=label, recipe=recipe)
    except NmtrError as error:
        shown.empty()
        st.error(told(error), icon=":material/error:")
        return False
    st.session_state["just_added"] = name
    address.show(data=name, run=None, user=None, item=None)
    return True


def _suffix(name: str) -> str:
    suffix = name.rsplit(".", 1)[-1].lower()
    return suffix if suffix in TYPES else "csv"


def name_for(name: str) -> str:
    """A name for the data set, from the file's."""
    slug = re.sub(r"[^a-z0-9_-]+", "-", Path(name).name.split(".")[0].lower()).strip("-_")
    return slug[:64] or "upload"
