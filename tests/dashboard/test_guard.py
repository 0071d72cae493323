"""The net under every page and every callback: a mistake is a sentence, a defect a reference; never a traceback."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nmtr.config import RunConfig
from nmtr.errors import NmtrError
from nmtr.runs.store import Run
from nmtr.workspace import Workspace
from tests.dashboard.conftest import APP, Open, words


def callbacks() -> Iterator[tuple[str, ast.expr]]:
    """Where the dashboard gives Streamlit a callback, and what it gives."""
    for path in sorted(APP.parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                if (keyword.arg or "").startswith("on_"):
                    yield f"{path.relative_to(APP.parent)}:{keyword.value.lineno}", keyword.value


def test_every_callback_goes_through_the_net() -> None:
    """Streamlit runs callbacks before the page, where `guarded` does not reach."""
    through = {"guard.callback", "callback"}
    found = [*callbacks()]
    assert len(found) > 30
    for place, value in found:
        if isinstance(value, ast.Name):  # assigned one line above
            source = (APP.parent / place.split(":")[0]).read_text(encoding="utf-8")
            assert f"{value.id} = guard.callback(" in source or f"{value.id}: " in source, place
        elif not isinstance(value, ast.Constant):
            assert isinstance(value, ast.Call) and ast.unparse(value.func) in through, place


@pytest.fixture
def ended(home: Path) -> Iterator[Run]:
    """A cancelled run, in a queue that starts nothing."""
    workspace = Workspace(home)
    workspace.runs.queue.pause()
    run = workspace.runs.create(
        RunConfig.parse({"data": "shop", "epochs": 2, "threads": 1}).resolve(("view", "cart", "buy")),
        workspace.data.info("shop").fingerprint,
    )
    yield workspace.runs.request_cancel(run.id)
    with suppress(NmtrError):  # where it was not resumed, there is nothing to cancel
        workspace.runs.request_cancel(run.id)
    workspace.runs.delete(run.id)
    workspace.runs.queue.resume()


def test_resume_in_the_live_view_queues_the_run_again(open_page: Open, home: Path, ended: Run) -> None:
    app = open_page("train", run=ended.id)
    app.button(key="resume").click().run()
    assert not app.exception and not app.error
    assert Workspace(home).runs.get(ended.id).state == "queued"
    assert "Waiting for its turn" in words(app)


def test_resume_on_the_runs_page_queues_the_run_again(open_page: Open, home: Path, ended: Run) -> None:
    app = _row(open_page("runs"), ended)
    app.button(key=f"resume-{ended.id}").click().run()
    assert not app.exception and not app.error
    assert Workspace(home).runs.get(ended.id).state == "queued"


def _row(app: AppTest, run: Run) -> AppTest:
    """The Runs page with the run's row selected."""
    for table in app.dataframe:
        ids = list(table.value["run"]) if "run" in table.value else []
        if run.id in ids:
            app.session_state[table.key or ""] = {"selection": {"rows": [ids.index(run.id)], "columns": []}}
    return app.run()


def test_a_refusal_of_a_callback_is_a_sentence(open_page: Open, home: Path, ended: Run) -> None:
    app = open_page("train", run=ended.id)
    Workspace(home).resume(ended.id)  # by somebody else, meanwhile
    app.button(key="resume").click().run()
    assert not app.exception
    assert [error.value for error in app.error] and "queued" in app.error[0].value


def test_a_defect_in_a_callback_is_a_reference_and_no_traceback(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ended: Run
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Workspace, "resume", broken)
    app = open_page("train", run=ended.id)
    app.button(key="resume").click().run()
    assert not app.exception
    reference = app.error[0].value.split("**")[1]
    assert "secret" not in app.error[0].value and reference in caplog.text and "secret detail" in caplog.text
