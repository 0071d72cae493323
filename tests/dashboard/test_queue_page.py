"""The queue as the Runs and the Train page show it: places, times, the pause, and who goes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.text import count, in_line
from nmtr.config import RunConfig
from nmtr.runs.store import RunStore
from nmtr.runs.waiting import Place
from nmtr.workspace import Workspace
from tests.dashboard.conftest import Open, words

Queue = Callable[[], str]


@pytest.fixture
def store(home: Path) -> RunStore:
    return Workspace(home).runs


@pytest.fixture
def queue(home: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """Queue another run, which no supervisor takes up; all are gone afterwards, and so is a pause."""
    monkeypatch.setattr(Workspace, "start_worker", lambda self: None)
    options = {"data": "shop", "method": "nmtr", "epochs": 40, "embedding_size": 4, "threads": 1}
    config, info = Workspace(home).prepare(RunConfig.parse(options))
    queued = []

    def another() -> str:
        st.cache_resource.clear()  # places are kept for a second
        queued.append(store.create(config, info.fingerprint).id)
        return queued[-1]

    yield another
    store.queue.resume()
    for run in queued:
        if store.get(run).state == "running":
            store.cancelled(run)
        store.delete(run)
    st.cache_resource.clear()


def states(app: AppTest) -> dict[str, str]:
    return {row.run: row.state for frame in app.dataframe for row in frame.value.itertuples()}


def choose(app: AppTest, run: str) -> AppTest:
    frame = next(frame for frame in app.dataframe if run in list(frame.value["run"]))
    row = list(frame.value["run"]).index(run)
    app.session_state[frame.key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return app.run()


def test_nothing_is_said_of_a_queue_that_is_empty(open_page: Open, queue: Queue) -> None:
    app = open_page("runs")
    assert "Queue" not in words(app) and "pause_queue" not in [button.key for button in app.button]


def test_runs_that_wait_show_their_place_and_when_they_start(open_page: Open, queue: Queue, store: RunStore) -> None:
    first, second, third = queue(), queue(), queue()
    store.claim(1)
    app = open_page("runs")
    shown = states(app)
    assert shown[first].startswith("◐ running 0/40, about ") and shown[first].endswith(" s left")
    assert shown[second].startswith("○ next in line, starts in ")
    assert shown[third].startswith("○ no. 2 in line, starts in ")
    assert "**Queue**: 1 run trains, 2 wait; about" in words(app)


def test_queue_is_paused_and_resumed_by_a_button(open_page: Open, queue: Queue, store: RunStore) -> None:
    run = queue()
    app = open_page("runs")
    app.button(key="pause_queue").click().run()
    assert store.queue.state().paused
    assert "**Queue paused**: 1 run waits until it goes on" in words(app)
    assert states(app)[run] == "○ next in line"
    app.button(key="pause_queue").click().run()
    assert not store.queue.state().paused and "Queue paused" not in words(app)


def test_run_that_waits_is_let_go_next(open_page: Open, queue: Queue, store: RunStore) -> None:
    first, second = queue(), queue()
    app = choose(open_page("runs"), second)
    app.button(key=f"next-{second}").click().run()
    assert [run.id for run in store.line()] == [second, first]
    assert app.button(key=f"next-{second}").disabled


def test_train_page_tells_a_run_that_waits_its_place(open_page: Open, queue: Queue, store: RunStore) -> None:
    queue()
    second = queue()
    store.queue.pause()
    app = open_page("train", run=second)
    assert [bar.proto.text for bar in app.get("progress")] == ["no. 2 in line; the queue is paused"]


def test_reason_of_a_cancel_is_shown_with_the_run(open_page: Open, queue: Queue, store: RunStore) -> None:
    run = queue()
    store.request_cancel(run, "It was pruned: others were ahead.")
    for app in (choose(open_page("runs"), run), open_page("train", run=run)):
        assert [info.value.replace("\\", "") for info in app.info] == ["It was pruned: others were ahead."]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(0, 0, 130), "about 2 min left"),
        (Place(1, 0, 130), "next in line, starts now"),
        (Place(1, 61, 130), "next in line, starts in 61 s"),
        (Place(1200, 7200, 9000), "no. 1,200 in line, starts in 2 h 0 min"),
        (Place(2, None, None), "no. 2 in line"),
    ],
)
def test_place_in_words(place: Place, said: str) -> None:
    assert in_line(place) == said


def test_counts_in_words() -> None:
    assert [count(number, "run waits", "runs wait") for number in (0, 1, 1000)] == [
        "0 runs wait",
        "1 run waits",
        "1,000 runs wait",
    ]
