"""What can be done with one run, or with several at once, once their rows are selected."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.text import count, plain
from dashboard.views.runs import archives
from dashboard.widgets import queue
from dashboard.widgets.confirm import confirm
from nmtr.runs.labels import MOST_TAGS, checked
from nmtr.runs.store import Run

SHOWN = 20  # deleted runs


def of_one(run: Run, tags: Sequence[str]) -> None:
    """What can be done with a run; `tags` are those that any run has."""
    workspace = cache.workspace()
    with st.container(horizontal=True, vertical_alignment="center", key=f"actions-{run.id}"):
        st.markdown(f"**{plain(run.name or run.config.label)}** {run.id}")
        if st.button("Open", key=f"open-{run.id}", type="primary", icon=":material/open_in_new:"):
            st.session_state["watching"] = run.id
            address.go("shopper" if run.state == "done" else "train", data=run.config.data, run=run.id, item=None)
        if st.button("Details", key=f"details-{run.id}", icon=":material/info:"):
            address.go("run", data=run.config.data, run=run.id, item=None)
        if run.live:
            st.button(
                "Cancel",
                key=f"cancel-{run.id}",
                icon=":material/stop_circle:",
                disabled=run.cancel_requested,
                on_click=guard.callback(workspace.cancel, run.id),
            )
        if run.state == "queued":
            queue.next_button(run)
        if run.state in ("failed", "cancelled"):
            st.button(
                "Resume",
                key=f"resume-{run.id}",
                icon=":material/play_arrow:",
                on_click=guard.callback(workspace.resume, run.id, owner=selection.owner()),
            )
        manage(run, tags)
    if run.note:
        st.caption(plain(run.note))
    if run.error:
        st.error(plain(run.error), icon=":material/error:")
    if run.reason:
        st.info(plain(run.reason), icon=":material/info:")


def manage(run: Run, tags: Sequence[str]) -> None:
    """What can be done with a run in any state, but to let it go on or stop it."""
    if run.state == "done":
        _pin(run)
        archives.export(run)
    _label(run, tags)
    if st.button("Delete", key=f"delete-{run.id}", icon=":material/delete:", disabled=run.state == "running"):
        _confirm([run])


def _pin(run: Run) -> None:
    st.button(
        "Unpin" if run.pinned else "Pin",
        key=f"pin-{run.id}",
        icon=":material/keep_off:" if run.pinned else ":material/keep:",
        help="Pages open on the best run by validation again."
        if run.pinned
        else f"Make it the model of {plain(run.config.data)}, which pages open on.",
        on_click=guard.callback(cache.workspace().runs.pin, run.id, not run.pinned),
    )


def _label(run: Run, known: Sequence[str]) -> None:
    with st.popover("Name and tags", icon=":material/label:", key=f"label-{run.id}"):
        with st.form(f"labels-{run.id}", border=False):
            name = st.text_input("Name", run.name, max_chars=80, key=f"name-{run.id}")
            tags = st.multiselect(
                "Tags", known, [*run.tags], accept_new_options=True, max_selections=MOST_TAGS, key=f"tags-{run.id}"
            )
            note = st.text_area("Note", run.note, max_chars=4_000, key=f"note-{run.id}")
            if st.form_submit_button("Save", type="primary", key=f"keep-labels-{run.id}"):
                with guard.guarded():
                    cache.workspace().runs.label(run.id, name=name, tags=tags, note=note)
                    st.rerun()
        _archiving([run], run.id)


def _archiving(runs: Sequence[Run], key: str) -> None:
    """Put runs aside, or back where all are aside."""
    back = all(run.archived for run in runs)

    def archive() -> None:
        for run in runs:
            cache.workspace().runs.label(run.id, archived=not back)

    st.button(
        "Take out of the archive" if back else "Archive",
        key=f"archive-{key}",
        icon=":material/unarchive:" if back else ":material/archive:",
        help=None if back else "Puts it aside: lists leave it out until archived ones are asked for.",
        on_click=guard.callback(archive),
    )


def of_several(runs: Sequence[Run], tags: Sequence[str], key: str) -> None:
    """Compare, tag, archive or delete several runs of the table of this key; `tags` are those that any run has."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"several-{key}"):
        st.markdown(f"**{count(len(runs), 'run', 'runs')}**")
        done = [run.id for run in runs if run.state == "done" and run.result and run.result.test]
        if st.button("Compare", key=f"compare-{key}", icon=":material/compare_arrows:", disabled=len(done) < 2):
            address.go("compare", data=runs[0].config.data, runs=",".join(done), against=None)
        with st.popover("Tag", icon=":material/label:", key=f"tag-{key}"):
            added = st.multiselect("Tags to add", tags, accept_new_options=True, key=f"more-tags-{key}")
            st.button(
                "Add", key=f"add-tags-{key}", disabled=not added, on_click=guard.callback(_add_tags, runs, tuple(added))
            )
        _archiving(runs, key)
        live = any(run.state == "running" for run in runs)
        if st.button("Delete", key=f"delete-several-{key}", icon=":material/delete:", disabled=live):
            _confirm(runs)


def _add_tags(runs: Sequence[Run], added: Sequence[str]) -> None:
    tags = {run.id: [*dict.fromkeys([*run.tags, *added])] for run in runs}
    for every in tags.values():  # all of them before any is kept
        checked({"tags": every})
    for run_id, every in tags.items():
        cache.workspace().runs.label(run_id, tags=every)


@st.dialog("Delete?")
def _confirm(runs: Sequence[Run]) -> None:
    for run in runs[:10]:
        st.markdown(
            f"**{plain(run.name or run.config.label)}** {run.id} on {plain(run.config.data)}, {run.config.protocol}"
        )
    if len(runs) > 10:
        st.markdown(f"and {count(len(runs) - 10, 'more run', 'more runs')}")
    st.markdown("Metrics, weights and log go with it. For a day it can be brought back.")
    confirm("Delete", "confirm_delete", "keep", _delete, [run.id for run in runs])


def _delete(runs: Sequence[str]) -> None:
    for run in runs:
        cache.workspace().delete(run)
        if address.selected("run") == run:
            address.select(run=None)


def undo() -> None:
    """The runs that were deleted within a day, to be brought back."""
    if not (deleted := cache.workspace().runs.trash.list()):
        return
    with st.expander(f"{count(len(deleted), 'deleted run', 'deleted runs')}, kept for a day", icon=":material/delete:"):
        for one in deleted[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center"):
                said = f"**{plain(one.name or str(one.config.get('method', '')))}** {one.id}"
                st.markdown(f"{said} on {plain(str(one.config.get('data', '')))}", width="stretch")
                st.button(
                    "Bring back",
                    key=f"undelete-{one.id}",
                    icon=":material/undo:",
                    on_click=guard.callback(cache.workspace().runs.undelete, one.id),
                )
        if len(deleted) > SHOWN:
            st.caption(
                f"and {count(len(deleted) - SHOWN, 'earlier one', 'earlier ones')}: `nmtr undelete RUN` in a terminal"
            )
