"""The queue, on the Runs page: how many train and wait and until when, with a pause; and each run's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import cache, guard
from dashboard.text import count, duration
from nmtr.runs.store import Run
from nmtr.runs.waiting import Place


def places() -> dict[str, Place]:
    """Where each run that waits or trains stands, as of a second ago at most, for all who look."""
    return _places(cache.home())


@st.cache_resource(max_entries=4, ttl=1.0, show_spinner=False)
def _places(home: str) -> dict[str, Place]:
    return cache.workspace().places()


def _rearrange(action: Callable[..., object], *arguments: object) -> None:
    """Do what a button asks of the queue; places are looked up anew."""
    try:
        action(*arguments)
    finally:
        _places.clear()


def strip(runs: Sequence[Run]) -> None:
    """One line above the tables: what the queue is doing, and the button that stops it or lets it go on."""
    train = sum(run.state == "running" and not run.foreground for run in runs)
    wait = sum(run.state == "queued" for run in runs)
    paused = cache.workspace().runs.queue.state().paused
    if not (train or wait or paused):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="queue"):
        if paused:
            still = f"; {count(train, 'still trains', 'still train')}" if train else ""
            waits = count(wait, "run waits", "runs wait")
            st.markdown(f":material/pause_circle: **Queue paused**: {waits} until it goes on{still}")
            label, icon, action = "Resume queue", ":material/play_arrow:", cache.workspace().resume_queue
        else:
            waits = f", {count(wait, 'waits', 'wait')}" if wait else ""
            ends = [place.ends for place in places().values() if place.ends is not None]
            until = f"; about {duration(max(ends))} until all are done, at most" if ends else ""
            st.markdown(f":material/queue: **Queue**: {count(train, 'run trains', 'runs train')}{waits}{until}")
            label, icon, action = "Pause queue", ":material/pause:", cache.workspace().runs.queue.pause
        st.button(label, key="pause_queue", icon=icon, on_click=guard.callback(_rearrange, action))


def next_button(run: Run) -> None:
    """Let a run that waits be the next one."""
    place = places().get(run.id)
    st.button(
        "Run next",
        key=f"next-{run.id}",
        icon=":material/vertical_align_top:",
        disabled=place is None or place.number <= 1,
        on_click=guard.callback(_rearrange, cache.workspace().runs.move, run.id),
    )
