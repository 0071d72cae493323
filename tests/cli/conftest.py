"""The command in this process, over one small home that holds every kind of run."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nmtr.cli import main
from nmtr.config import RunConfig
from nmtr.data.importing import read
from nmtr.workspace import Workspace

SMALL = {"epochs": 2, "embedding_size": 4, "threads": 1}
TITLE = "[red]a :smile: \x1b[31m mug[/red]"  # as an upload may have it


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Nmtr = Callable[..., Answer]


def events(users: int = 12, items: int = 9) -> str:
    """A CSV of a funnel: everybody views five items, carts four of them and buys three."""
    lines = ["user,item,behavior,title"]
    for user in range(users):
        for step, behavior in enumerate(("view", "cart", "buy")):
            touched = [(user + 2 * n) % items for n in range(5 - step)]
            lines += [f"u{user},i{item},{behavior},{TITLE if item == 7 else f'Thing {item}'}" for item in touched]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def shop_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "shop.csv"
    path.write_text(events(), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, shop_csv: Path) -> tuple[Path, dict[str, str]]:
    """A home with the data set shop, and the id of a run of each kind by its kind."""
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    workspace.data.save(read(shop_csv, name="shop"))
    workspace.data.save(read(shop_csv, name="spare"))
    cascade = {"data": "shop", **SMALL}
    trained = {
        "done": workspace.train(RunConfig.parse(cascade)),
        "popularity": workspace.train(RunConfig.parse({"data": "shop", "method": "popularity"})),
    }
    runs = {kind: run.id for kind, run in trained.items()}
    config, info = workspace.prepare(RunConfig.parse(cascade))
    for kind in ("running", "failed", "cancelled"):
        runs[kind] = workspace.runs.create(config, info.fingerprint, foreground=True).id
    workspace.runs.fail(runs["failed"], "It ran out of luck; resume it.")
    workspace.runs.cancelled(runs["cancelled"])
    runs["queued"] = workspace.runs.create(config, info.fingerprint).id
    workspace.runs.close()
    return workspace.home, runs


@pytest.fixture
def runs(made: tuple[Path, dict[str, str]]) -> dict[str, str]:
    """The id of a run of each kind: done (a cascade), popularity (done, too), running, failed, cancelled, queued."""
    return made[1]


@pytest.fixture
def home(made: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that everybody reads and nobody changes."""
    monkeypatch.setenv("NMTR_HOME", str(made[0]))
    return made[0]


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of one's own."""
    monkeypatch.setenv("NMTR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def nmtr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Nmtr]:
    """Run a command as the shell would, in this process; queued runs stay queued."""
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", lambda home: None)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["nmtr", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        code = exit_.value.code
        assert isinstance(code, int)
        return Answer(code, captured.out, captured.err)

    yield run
    signal.signal(signal.SIGTERM, before)
