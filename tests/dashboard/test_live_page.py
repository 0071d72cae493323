"""Weights tried live: the page with its process, which really solves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache
from nmtr import sweeps
from nmtr.live import Answer
from nmtr.workspace import Workspace
from tests.dashboard.conftest import Open, address, shops, words


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own: a study brings a worker, which would train what other tests only queue."""
    return shops(tmp_path_factory.mktemp("live")).home


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    for live in cache._live:
        live.close()
    cache._live.clear()


def settled(app: AppTest, number: int) -> Answer:
    """Run the page until the answer to that question is shown."""
    for _ in range(300):
        app.run()
        assert not app.exception and not app.error
        live = app.session_state["live_process"]
        if live.latest is not None and live.latest.number >= number and not live.busy:
            app.run()
            answer: Answer = live.latest
            return answer
        time.sleep(0.1)
    raise AssertionError("there is no answer")


def test_moving_the_weights_shows_what_it_does_and_leaves_marks(open_page: Open) -> None:
    app = open_page("lab", data="shop")
    app.button(key="lab_live").click().run()
    assert address(app)["study"] == "live"
    first = settled(app, 1)
    assert f"HR@100 {f'{first.metric.value:.3f}'.removeprefix('0')}, from where you compare" in words(app)
    assert f"on {first.users:,} of {first.of_users:,} validation purchases" in words(app)
    assert app.button(key="live_keep").disabled
    next(button for button in app.button if button.key == "live_preset_target only").click().run()
    second = settled(app, 2)
    assert second.lambdas == (0.0, 0.0, 1.0) and second.difference is not None
    sign = "−" if round(second.difference.value, 3) < 0 else "+"
    assert f"{sign}{abs(second.difference.value):.3f}".replace("0.", ".") + " since you began" in words(app)
    assert ("more than chance" in words(app)) and second.p is not None
    assert ("not more than chance" in words(app)) == (second.p >= 0.05)
    (listed,) = [frame.value for frame in app.dataframe if "item" in frame.value]
    assert len(listed) == len(second.items) and "moved" in listed
    assert [cell == "new" for cell in listed["moved"]] == [entry.before is None for entry in second.items]
    app.button(key="live_begin").click().run()
    begun = settled(app, 3)
    assert begun.difference is None and "from where you compare" in words(app)
    assert len(app.session_state["live_marks"]) == 2


def test_what_was_visited_is_kept_as_a_study(open_page: Open, home: Path) -> None:
    app = open_page("lab", data="shop", study="live")
    first = settled(app, 1)
    next(button for button in app.button if button.key == "live_preset_target only").click().run()
    settled(app, 2)
    app.button(key="live_keep").click().run()
    study = sweeps.read(Workspace(home), address(app)["study"])
    try:
        config = study.plan.config
        assert (config.solver, config.l2_embeddings, config.protocol) == ("als", first.l2, "clean")
        wanted = [tuple(round(weight, 3) for weight in point.lambdas or ()) for point in study.points]
        assert {(0.0, 0.0, 1.0), (0.333, 0.333, 0.333)} <= set(wanted)
    finally:
        sweeps.stop(Workspace(home), study.id)


def test_only_so_many_windows_move_at_once(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_LIVE", 1)
    one = open_page("lab", data="shop", study="live")
    settled(one, 1)
    other = open_page("lab", data="shop", study="live")
    assert "λ is being tried live in 1 other windows already" in words(other)
    one.session_state["live_process"].close()
    other.run()
    settled(other, 1)


def test_a_process_that_ended_begins_anew_with_the_next_move(open_page: Open) -> None:
    app = open_page("lab", data="shop", study="live")
    settled(app, 1)
    app.session_state["live_process"].close()
    next(button for button in app.button if button.key == "live_preset_target only").click().run()
    answer = settled(app, 1)
    assert answer.lambdas == (0.0, 0.0, 1.0) and len(app.session_state["live_marks"]) == 1


def test_a_process_that_fails_is_not_begun_again_and_again(open_page: Open) -> None:
    app = open_page("lab", data="shop", study="live")
    settled(app, 1)
    live = app.session_state["live_process"]
    live._child.kill()
    while live.error is None:
        time.sleep(0.05)
    app.run()
    assert "ended by itself" in app.error[0].value and app.session_state["live_process"] is live
    app.button(key="live_again").click().run()
    settled(app, 1)
    assert not app.error
