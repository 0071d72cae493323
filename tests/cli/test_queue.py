"""nmtr queue, and what trains in the background of `nmtr train --queue`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nmtr.errors import RunError
from nmtr.runs.store import Run, RunStore
from nmtr.workspace import Workspace
from tests.cli.conftest import Nmtr

TRAIN = ("train", "--data", "shop", "--queue", "--epochs", 5, "--threads", 1, "--json")


@pytest.fixture
def workspace(nmtr: Nmtr, own_home: Path, shop_csv: Path) -> Iterator[Workspace]:
    nmtr("data", "add", "shop", "--from", shop_csv)
    workspace = Workspace()
    yield workspace
    workspace.runs.close()


def test_train_can_queue_a_run_and_return(nmtr: Nmtr, workspace: Workspace) -> None:
    value = nmtr(*TRAIN, "--priority", 2, "--owner", "ann").json
    assert (value["state"], value["priority"], value["owner"]) == ("queued", 2, "ann")
    assert value == nmtr("runs", "--json").json[0]
    assert nmtr(*TRAIN[:-1]).out == f"run {workspace.runs.list()[0].id} is queued; see nmtr queue\n"


def test_queue_lists_what_trains_and_waits_in_order_with_expected_times(nmtr: Nmtr, workspace: Workspace) -> None:
    low, high, first = (nmtr(*TRAIN, "--priority", priority).json["run"] for priority in (-1, 1, 0))
    workspace.runs.move(first, 9)
    workspace.runs.claim(1)
    value = nmtr("queue", "--json").json
    assert {key: value[key] for key in ("paused", "slots", "per_owner")} == {
        "paused": False,
        "slots": 1,
        "per_owner": None,
    }
    listed = value["runs"]
    assert [(run["run"], run["place"]) for run in listed] == [(first, 0), (high, 1), (low, 2)]
    assert 0 < listed[0]["ends_in"] == listed[1]["starts_in"] < listed[1]["ends_in"] == listed[2]["starts_in"]
    shown = nmtr("queue").out.splitlines()
    assert shown[0] == "the queue is open: 1 at once"
    assert [line.split()[:2] for line in shown[2:]] == [["–", first], ["1", high], ["2", low]]
    assert "trains" in shown[2]


def test_empty_queue_says_how_many_train_at_once(nmtr: Nmtr, workspace: Workspace) -> None:
    workspace.runs.queue.served(3, 2)
    assert nmtr("queue").out == "the queue is open: 3 at once, 2 of one owner\n"


def test_queue_is_paused_and_goes_on(nmtr: Nmtr, workspace: Workspace) -> None:
    run = nmtr(*TRAIN).json["run"]
    assert nmtr("queue", "pause", "--json").json == {"paused": True, "slots": 1, "per_owner": None}
    assert workspace.runs.claim(1) is None
    assert "paused" in nmtr("queue").out
    assert nmtr("queue", "--json").json["runs"][0]["starts_in"] is None
    assert nmtr("queue", "resume").out == "the queue is open: 1 at once\n"
    assert (claimed := workspace.runs.claim(1)) is not None and claimed.id == run


def test_run_is_moved_to_the_front_or_to_a_priority(nmtr: Nmtr, workspace: Workspace) -> None:
    first, second, third = (nmtr(*TRAIN).json["run"] for _ in range(3))
    assert nmtr("queue", "move", third).out == f"run {third} is at place 1, with priority 1\n"
    moved = nmtr("queue", "move", first, "--priority", -3, "--json").json
    assert (moved["place"], moved["priority"]) == (3, -3)
    assert [run.id for run in workspace.runs.line()] == [third, second, first]


def test_run_that_ends_while_it_is_moved_is_told_of(
    nmtr: Nmtr, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = (nmtr(*TRAIN).json["run"] for _ in range(2))
    move = RunStore.move

    def moved(store: RunStore, run_id: str, priority: int | None) -> Run:
        before = move(store, run_id, priority)
        if run_id == run:
            store.claim(1)
            store.fail(run, "It ran out of luck.")
        else:
            store.claim(1)
        return before

    monkeypatch.setattr(RunStore, "move", moved)
    assert nmtr("queue", "move", run).out == f"run {run} waits no longer: it is failed\n"
    assert nmtr("queue", "move", other).out == f"run {other} waits no longer: it is running\n"


def test_queue_is_shown_where_no_worker_can_be_started(
    nmtr: Nmtr, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = nmtr(*TRAIN).json["run"]

    def refused(home: Path) -> None:
        raise RunError("a supervisor cannot be started: mend that.")

    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", refused)
    answer = nmtr("queue", "--json")
    assert answer.json["runs"][0]["run"] == run and answer.err == "a supervisor cannot be started: mend that.\n"


def test_reason_of_a_cancel_is_shown(nmtr: Nmtr, workspace: Workspace) -> None:
    run = nmtr(*TRAIN).json["run"]
    workspace.runs.request_cancel(run, "It was pruned: others were ahead after 5 epochs.")
    assert nmtr("show", run, "--json").json["reason"] == "It was pruned: others were ahead after 5 epochs."
    assert "It was pruned: others were ahead" in nmtr("show", run).out
