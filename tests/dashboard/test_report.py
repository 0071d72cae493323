"""The report: what it holds is what the core says, and nothing in it runs or is fetched."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from subprocess import run as started

import plotly
import pytest

from dashboard.report import SECTIONS, Request, document, write
from nmtr.compare import leaderboard
from nmtr.config import RunConfig
from nmtr.errors import NmtrError
from nmtr.explain import recommend
from nmtr.shipped import ASSETS
from nmtr.workspace import Workspace
from tests.dashboard.conftest import HOSTILE, Open, Runs, words


class Read(HTMLParser):
    """The parts of a report by their id: text, links to save, and figures' JSON; and every address that it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.files: dict[str, str] = {}
        self.figures: dict[str, str] = {}
        self.addresses: list[str] = []
        self.scripts = 0
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self._in = tag
        self.addresses += [value for name in ("src", "href", "action") if (value := found.get(name))]
        if download := found.get("download"):
            self.files[download] = str(found["href"])
        if tag == "script" and found.get("type") == "application/json":
            self._in = str(found["id"])
        elif tag == "script":
            self.scripts += 1
        assert not [name for name in found if name.startswith("on")], "nothing runs on an event"

    def handle_endtag(self, tag: str) -> None:
        self._in = None

    def handle_data(self, data: str) -> None:
        if self._in and self._in.endswith("-data"):
            self.figures[self._in] = data
        elif self._in not in ("script", "style"):
            self.text.append(data)

    def rows(self, file: str) -> list[dict[str, str]]:
        kind, _, encoded = self.files[file].partition(",")
        assert kind == "data:text/csv;base64"
        return [*csv.DictReader(io.StringIO(base64.b64decode(encoded).decode(), newline=""))]


@pytest.fixture(scope="module")
def home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home, which has one more run."""
    return shutil.copytree(home, tmp_path_factory.mktemp("reports") / "home")


@pytest.fixture(scope="module")
def models(home: Path) -> list[str]:
    """Two runs of one data set and protocol, the model first."""
    workspace = Workspace(home)
    small = {"data": "shop", "protocol": "clean", "threads": 1, "epochs": 2}
    workspace.train(RunConfig.parse({**small, "method": "bpr", "embedding_size": 4}))
    done = [run for run in workspace.runs.list("done") if run.config.data == "shop" and run.config.protocol == "clean"]
    return [run.id for run in sorted(done, key=lambda run: run.config.method != "nmtr")]


def test_figures_and_files_hold_what_the_core_says(home: Path, models: list[str]) -> None:
    workspace = Workspace(home)
    found = Read(write(workspace, Request(runs=tuple(models), shoppers=("u3", "u8"), metric="HR@10")))
    board = leaderboard(workspace, models, metric="HR@10")
    shown = found.rows("models-1.csv")
    assert shown == [{name: _text(value) for name, value in row.items()} for row in board.rows()]
    drawn = json.loads(found.figures["models-1-data"])
    values = [trace["x"][0] for trace in drawn["data"] if trace.get("mode") == "markers" or "error_x" in trace]
    assert sorted(values) == pytest.approx(sorted(entry.test["HR@10"].value for entry in board.entries))
    top = recommend(workspace.fitted(models[0]), "u8", 10, workspace.chances(models[0]))
    lists = found.rows("shoppers-3.csv")
    assert [row["item"].removeprefix("★ ").lstrip("'") for row in lists] == [item.title for item in top.items]
    assert set(SECTIONS.values()) - {SECTIONS["suites"]} <= set(found.text)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def test_everything_stands_beside_its_figure(home: Path, models: list[str]) -> None:
    text = write(Workspace(home), Request(runs=tuple(models), shoppers=("u3",)))
    found = Read(text)
    info = Workspace(home).data.info("shop")
    blocks = re.findall(r'<div class="block".*?</h3>\s*<p class="[a-z]+">(.*?)</p>', text, re.S)
    assert len(blocks) >= len(found.figures) >= 7
    assert all("shop" in where for where in blocks)
    assert sum("clean" in where for where in blocks) >= 5
    said = " ".join(found.text)
    assert info.fingerprint in said and "torch 2.13.0" in said and f"--run={models[0]}" in said
    assert f"nmtr recommend {models[0]} --user u3" in said


def test_nothing_of_it_runs_or_is_fetched(home: Path, models: list[str]) -> None:
    notes = {"summary": "</script><script>alert(1)</script>", "data": "<img src=https://example.org/x.png>"}
    request = Request(runs=tuple(models), shoppers=("u1", "u2", "u3"), notes=notes, title='"><script>x</script>')
    text = write(Workspace(home), request)
    found = Read(text)
    assert found.scripts == 2, "the charting library and the call to it"
    assert all(address.startswith(("#", "data:text/csv;")) for address in found.addresses)
    assert HOSTILE in " ".join(found.text), "a title is shown as it is"
    assert "default-src 'none'" in text and "<img" not in re.sub(r"<script.*?</script>", "", text, flags=re.S)
    for figure in found.figures.values():
        assert "<" not in figure and json.loads(figure)["data"]


def test_the_library_is_the_one_that_figures_are_made_for() -> None:
    packaged = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    (wanted,) = re.findall(r"plotly\.js v([\d.]+)", packaged.read_text(encoding="utf-8")[:300])
    (shipped,) = re.findall(r"v([\d.]+)", (ASSETS / "report" / "plotly-basic.min.js").read_text("utf-8")[:100])
    assert shipped == wanted


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"runs": ()}, "a report needs a finished run to be about; got none: name one."),
        ({"shoppers": tuple(map(str, range(13)))}, "a report holds up to 12 shoppers; got 13: leave some out."),
        ({"sections": ("summary", "weather")}, "got weather."),
        ({"notes": {"weather": "fine"}}, "got weather."),
        ({"notes": {"data": "x" * 4001}}, "a note can have up to 4,000 characters; that on data has more."),
        ({"title": "x" * 201}, "a title can have up to 200 characters; got 201: shorten it."),
        ({"shoppers": ("nobody",)}, "nobody"),
        ({"runs": ("nosuchid",)}, "there is no run nosuchid"),
        ({"metric": "HR"}, "HR"),
    ],
)
def test_mistake_is_one_sentence(home: Path, models: list[str], asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(NmtrError, match=re.escape(sentence)):
        write(Workspace(home), Request.model_validate({"runs": models, **asked}))


def test_runs_of_two_protocols_make_no_report(home: Path, runs: Runs) -> None:
    with pytest.raises(NmtrError, match="protocol"):
        write(Workspace(home), Request(runs=(runs["shop clean nmtr"], runs["shop standard nmtr"])))


def test_too_large_a_report_is_refused(home: Path, models: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LIMIT", 1_000_000)
    with pytest.raises(NmtrError, match=r"up to 1 MB; this one would have 1\.\d: leave out shoppers"):
        write(Workspace(home), Request(runs=tuple(models)))


def test_it_needs_no_streamlit() -> None:
    code = "import sys, dashboard.report; sys.exit('streamlit' in sys.modules or 'torch' in sys.modules)"
    assert started([sys.executable, "-c", code], check=False).returncode == 0


def test_page_makes_what_is_asked_for(open_page: Open, models: list[str]) -> None:
    app = open_page("report", data="shop", runs=",".join(models), shoppers="u4", sections="summary,shoppers")
    assert not app.error and "One file, no network" in words(app)
    app.text_input(key="report_title").set_value("For Monday").run()
    app.text_area(key="report_note_shoppers").set_value("Look at this one.").run()
    app.button(key="make_report").click().run()
    assert not app.error and not app.exception
    request, text = app.session_state["report"]
    assert (request.title, request.shoppers, request.sections) == ("For Monday", ("u4",), ("summary", "shoppers"))
    assert "For Monday" in text and "Look at this one." in text and "Shopper u4" in text
    app.multiselect(key="report_shoppers").set_value(["u4", "u5"]).run()
    assert "You changed what goes into it since" in words(app)
