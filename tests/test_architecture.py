"""Imports go one way, as docs/architecture.md says; read from the sources, nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What each room may import; a room comes after those that it imports, so that all imports go one way.
#: `training.report` is a room of its own: what a training says of itself is for everyone, torch is not. So are
#: the kernels as functions of tensors, `native.tensors`, `pairs` and `systems`.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "shipped": set(),
    "csv_text": set(),
    "files": {"errors"},
    "frozen": set(),
    "training.report": {"frozen"},
    "config": {"frozen", "errors"},
    "data": {"frozen", "errors", "config"},
    "native": {"errors"},
    "native.tensors": {"errors", "native"},
    "evaluation": {"frozen", "errors", "config", "data", "native"},
    "models": {"config", "evaluation", "native.tensors"},
    "chances": {"frozen", "files", "config", "data", "evaluation"},
    "audit": {"frozen", "config", "data", "evaluation", "chances"},
    "explain": {"errors", "config", "data", "evaluation", "chances"},
    "opening": {"files", "data", "evaluation", "chances", "explain"},
    "lists": {"files", "data", "evaluation", "explain"},
    "items": {"errors", "config", "data", "evaluation", "chances", "explain", "lists"},
    "estimate": {"frozen", "errors", "config", "data"},
    "training": {"errors", "config", "native.tensors", "models", "evaluation", "training.report"},
    "methods": {"errors", "config", "evaluation", "models", "training", "training.report"},
    "experiment": {"errors", "config", "data", "native.tensors", "evaluation", "methods", "models", "training.report"},
    "foldin": {"errors", "config", "data", "evaluation", "methods", "training", "experiment"},
    "whatif": {"errors", "config", "data", "evaluation", "chances", "explain", "foldin"},
    "whynot": {"errors", "evaluation", "explain"},
    "wanted": {"errors", "explain"},
    "runs": {"frozen", "files", "errors", "config", "data", "evaluation", "training.report", "experiment"},
    "probe": {"files", "errors", "config", "data", "evaluation", "estimate", "training.report", "experiment", "runs"},
    "workspace": {
        *(
            "errors",
            "files",
            "config",
            "data",
            "native",
            "evaluation",
            "chances",
            "explain",
            "opening",
            "estimate",
            "lists",
        ),
        *("training.report", "experiment", "runs", "probe"),
    },
    "live.record": {"config", "frozen"},
    "live.engine": {"live.record", "errors", "config", "data", "evaluation", "explain", "lists", "experiment"},
    "live": {"errors", "frozen", "config", "workspace", "live.record", "live.engine"},
    "paper": {"config"},
    "compare": {"frozen", "errors", "config", "data", "evaluation", "runs", "workspace", "paper", "lists"},
    "suites": {"frozen", "errors", "files", "config", "data", "evaluation", "runs", "workspace", "compare"},
    "sweeps": {
        *("frozen", "errors", "config", "data", "evaluation", "training.report", "runs", "workspace", "compare"),
    },
    "demo": {"shipped", "opening", "config", "data", "evaluation", "chances", "training.report", "runs", "workspace"},
    "dashboard": {
        *(
            "frozen",
            "errors",
            "shipped",
            "csv_text",
            "config",
            "data",
            "evaluation",
            "chances",
            "explain",
            "opening",
            "audit",
            "items",
            "lists",
            "whatif",
            "whynot",
            "wanted",
            "live",
            "live.record",
            "estimate",
        ),
        *("training.report", "runs", "workspace", "paper", "compare", "suites", "sweeps", "demo"),
    },
    "cli": {
        *(
            "files",
            "errors",
            "csv_text",
            "config",
            "data",
            "evaluation",
            "chances",
            "audit",
            "explain",
            "items",
            "whatif",
            "whynot",
            "wanted",
        ),
        *("estimate", "lists"),
        *("training.report", "runs", "workspace", "paper", "compare", "suites", "sweeps", "demo"),
        "dashboard",  # its reports, which know no Streamlit
    },
    "__main__": {"cli"},
    "__init__": set(),
}
#: Where torch may be imported with the module; elsewhere only inside a function, since it takes seconds.
WITH_TORCH = {"native.tensors", "live.engine", "models", "training", "methods", "experiment", "foldin"}


#: Modules that are rooms of their own.
_SUBROOMS = {
    "training.report": "training.report",
    **dict.fromkeys(("native.tensors", "native.pairs", "native.systems"), "native.tensors"),
    "live.engine": "live.engine",
    "live.record": "live.record",
}


@dataclass(frozen=True)
class Import:
    file: str
    module: str  # "nmtr.data.split.split": with the imported name
    runs: bool  # with the module: neither inside a function nor for the type checker only

    @property
    def room(self) -> str:
        return room_of(self.module.split("."))


def room_of(parts: list[str]) -> str:
    """Of a module's dotted name or a file's path."""
    if parts[0] == "dashboard":
        return "dashboard"
    return _SUBROOMS.get(".".join(parts[1:3]), (parts[1:2] or ["__init__"])[0])


def imports_of(path: Path) -> Iterator[Import]:
    file = path.relative_to(ROOT).as_posix()

    def visit(node: ast.AST, runs: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(file, alias.name, runs) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (Import(file, f"{node.module}.{alias.name}", runs) for alias in node.names)
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        runs = runs and not typing_only and not isinstance(node, ast.FunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, runs)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), True)


def sources(room: str | None = None) -> list[Path]:
    paths = [path for top in ("nmtr", "dashboard") for path in sorted((ROOT / top).rglob("*.py"))]
    return [path for path in paths if room in (None, room_of([*path.relative_to(ROOT).with_suffix("").parts]))]


IMPORTS = [found for path in sources() for found in imports_of(path)]


def imports_in(*rooms: str) -> list[Import]:
    files = {path.relative_to(ROOT).as_posix() for room in rooms for path in sources(room)}
    return [found for found in IMPORTS if found.file in files]


def test_reader_finds_imports_wherever_they_stand() -> None:
    """Else the rules below would hold of nothing."""
    assert Import("nmtr/models/nmtr.py", "torch.nn", True) in IMPORTS
    assert Import("nmtr/workspace/__init__.py", "nmtr.experiment.load_scorer", False) in IMPORTS
    assert Import("nmtr/runs/checkpoint.py", "torch.Tensor", False) in IMPORTS
    assert len(sources()) > 50


def test_every_module_is_in_a_room_that_is_listed() -> None:
    listed = {path for room in MAY_IMPORT for path in sources(room)}
    assert not set(sources()) - listed, "list the new room in MAY_IMPORT and in docs/architecture.md"
    assert all(sources(room) for room in MAY_IMPORT), "a listed room is gone"


def test_every_room_of_the_documented_table_is_listed() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    documented = {room.removeprefix("nmtr/") for room in re.findall(r"^\| `([\w/]+?)(?:\.py|/)` \|", table, re.M)}
    assert {"errors", "data", "dashboard"} <= documented <= set(MAY_IMPORT)


def test_rooms_are_listed_in_an_order_in_which_imports_go_one_way() -> None:
    rooms = list(MAY_IMPORT)
    for number, room in enumerate(rooms):
        assert MAY_IMPORT[room] <= set(rooms[:number]), room


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_room_imports_only_what_it_may(room: str) -> None:
    for found in imports_in(room):
        if found.module.split(".")[0] in ("nmtr", "dashboard") and found.room not in {room, *MAY_IMPORT[room]}:
            raise AssertionError(f"{found.file} imports {found.module}: {room} may not")


def test_core_knows_no_streamlit() -> None:
    core = [room for room in MAY_IMPORT if room != "dashboard"]
    assert not [found for found in imports_in(*core) if found.module.split(".")[0] == "streamlit"]


def test_charts_know_no_streamlit() -> None:
    charts = [found for found in IMPORTS if found.file.startswith("dashboard/charts")]
    assert charts and not [found for found in charts if found.module.split(".")[0] == "streamlit"]


def test_data_and_dashboard_know_no_torch() -> None:
    assert not [found for found in imports_in("data", "dashboard") if found.module.split(".")[0] == "torch"]


def test_torch_comes_with_the_rooms_that_train_only() -> None:
    for found in imports_in(*(set(MAY_IMPORT) - WITH_TORCH)):
        brings_torch = found.module.split(".")[0] == "torch" or (
            found.module.startswith("nmtr.") and found.room in WITH_TORCH
        )
        assert not (found.runs and brings_torch), f"{found.file} imports {found.module} with the module"


def test_only_the_job_drives_an_experiment() -> None:
    drivers = {found.file for found in imports_in("runs") if found.room == "experiment"}
    assert drivers == {"nmtr/runs/job.py"}
