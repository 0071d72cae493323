"""Runs that another version wrote, and a store that is damaged, as the commands say them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtr.workspace import Workspace
from tests.cli.conftest import Nmtr
from tests.runs.fakes import FINGERPRINT, config
from tests.runs.test_unreadable import newer_option, overwritten


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home, slots=None: None)


def test_run_of_another_version_is_listed_as_unreadable_and_can_be_deleted(own_home: Path, nmtr: Nmtr) -> None:
    store = Workspace().runs
    run, other = (store.create(config(), FINGERPRINT) for _ in range(2))
    newer_option(store, run)
    listed = nmtr("runs", "--json")
    assert [(each["run"], each["state"]) for each in listed.json] == [(other.id, "queued"), (run.id, "unreadable")]
    sentence = f"run {run.id} must be one that this nmtr can read, and is not ("
    assert listed.err.startswith(sentence) and "gravity" in listed.err and listed.err.count("\n") == 1
    assert f"{run.id}  unreadable" in nmtr("runs").out
    queue = nmtr("queue", "--json")
    assert [each["run"] for each in queue.json["runs"]] == [other.id] and queue.err.startswith(sentence)
    assert nmtr("show", run.id).code == 2 and nmtr("show", run.id).err.startswith(sentence)
    assert nmtr("delete", run.id).out == f"run {run.id} is deleted; for a day nmtr undelete {run.id} brings it back\n"
    assert nmtr("runs").err == ""


@pytest.mark.parametrize("command", ["runs", "queue", "show"])
def test_store_that_is_overwritten_is_one_sentence(own_home: Path, nmtr: Nmtr, command: str) -> None:
    own_home.mkdir()
    run = overwritten(own_home)
    answer = nmtr(command, *([run] if command == "show" else []))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("The store of runs needs a database that it can read and write; ")
    assert answer.err.count("\n") == 1
