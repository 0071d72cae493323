"""A home with small real data and real runs, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.address import PAGES, query_names
from nmtr import sweeps
from nmtr.config import RunConfig
from nmtr.data.importing import read
from nmtr.sweeps import Plan, Study
from nmtr.workspace import Workspace

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
HOSTILE = "<b>**bold**</b> ![x](https://example.org/x.png) $a$"

Open = Callable[..., AppTest]
Runs = dict[str, str]


def events(behaviors: tuple[str, ...], users: int = 60, items: int = 40, seed: int = 3) -> pd.DataFrame:
    """A funnel: whoever does a step did the ones before it too."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for item in random.choice(items, 14, replace=False):
            reached = 1 + random.binomial(len(behaviors) - 1, 0.6) if len(behaviors) > 1 else 1
            rows += [(f"u{user}", f"i{item}", behavior, f"Thing {item}") for behavior in behaviors[:reached]]
    table = pd.DataFrame(rows, columns=["user", "item", "behavior", "title"])
    table.loc[table["item"] == "i7", "title"] = HOSTILE
    return table


def shops(root: Path) -> Workspace:
    """A home with the data sets shop (3 behaviors), one (R = 1) and five (R = 5)."""
    workspace = Workspace(root)
    five = ("seen", "view", "like", "cart", "buy")
    for name, behaviors in (("shop", ("view", "cart", "buy")), ("one", ("buy",)), ("five", five)):
        path = root / "events.csv"
        events(behaviors).to_csv(path, index=False)
        workspace.data.save(read(path, name=name, behaviors=behaviors))
    path.unlink()
    return workspace


def studied(workspace: Workspace, config: dict[str, object], step: float = 0.5, seeds: int = 1) -> Study:
    """A study whose runs are trained beforehand, in this process: no process has to start for it."""
    plan = Plan.parse({"config": config, "step": step, "metric": "HR@10"})
    behaviors = workspace.data.info(str(config["data"])).behaviors
    for weights in sweeps.simplex(len(behaviors), step):
        for seed in range(seeds):
            options = {**config, "lambdas": weights, "seed": seed, "threads": plan.threads}
            workspace.train(RunConfig.parse(options))
    return sweeps.drive(workspace, sweeps.create(workspace, plan).id)


@pytest.fixture(autouse=True)
def nobody_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page queues waits: a supervisor, which takes it whenever it gets to it, is for the tests in a browser."""
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home, slots=None: None)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets shop (3 behaviors), one (R = 1) and five (R = 5), each with runs."""
    root = tmp_path_factory.mktemp("home")
    workspace = shops(root)
    small = {"method": "nmtr", "epochs": 2, "embedding_size": 4, "threads": 1}
    for options in (
        {"data": "shop", "protocol": "standard", "method": "popularity"},
        {"data": "shop", "protocol": "clean", **small},
        {"data": "shop", "protocol": "standard", "lambdas": (0.2, 0.3, 0.5), **small},
        {"data": "one", "protocol": "standard", **small},
        {"data": "five", "protocol": "standard", **small},
        {"data": "five", "protocol": "clean", "loss": "squared", **small},
    ):
        run = workspace.train(RunConfig.parse(options), lambda report: None)
        workspace.chances(run.id)
    return root


@pytest.fixture
def runs(home: Path) -> Runs:
    """The id of each run by data set, protocol and method."""
    return {
        f"{run.config.data} {run.config.protocol} {run.config.method}": run.id
        for run in Workspace(home).runs.list("done")
    }


@pytest.fixture
def open_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a page of the app with these words in the address."""
    monkeypatch.setenv("NMTR_HOME", str(home))

    def visit(page: str = "shopper", **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=300)
        if page != "home":
            app.query_params["data"] = "one"  # the first run only registers the pages
            app.run()
            for name in ("data", "run", "user", "item"):
                if f"selected_{name}" in app.session_state:
                    del app.session_state[f"selected_{name}"]
            app.query_params.clear()
            del app.session_state["first_run_of_session"]
            app.switch_page(PAGES[page])
        for name, value in address.items():
            app.query_params[name] = value
        return app.run()

    yield visit


def address(app: AppTest) -> dict[str, str]:
    """What the address bar carries of the page that is shown."""
    page = app.session_state["page"]
    shown = {name: f"selected_{name}" for name in query_names(page)}
    return {name: app.session_state[key] for name, key in shown.items() if key in app.session_state}


def words(app: AppTest) -> str:
    """Everything that the page says, one element a line."""
    kinds = (app.markdown, app.caption, app.text, app.error, app.warning, app.title)
    return "\n".join(str(element.value).replace("\\", "") for kind in kinds for element in kind)
