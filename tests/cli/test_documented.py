"""Every command and every flag says what it is for, and the README lists every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from nmtr.cli.main import app
from tests.cli.conftest import Nmtr

README = Path(__file__).parents[2] / "README.md"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield (*path, name), command
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_commands_are_those_that_were_promised() -> None:
    data = {("data", name) for name in ("list", "show", "add", "rebuild", "export", "remove")}
    queue = {("queue",)} | {("queue", name) for name in ("pause", "resume", "move")}
    runs = (
        "runs",
        "show",
        "cancel",
        "resume",
        "delete",
        "undelete",
        "pin",
        "label",
        "evaluate",
        "compare",
        "recommend",
        "explain",
    )
    what = ("items", "calibration", "whatif")
    files = ("export", "import")
    suites = ("suite", "report", "sweep", "studies", "study")
    assert set(COMMANDS) == data | queue | {
        (name,) for name in ("methods", "train", *runs, *what, *files, *suites, "worker", "dashboard")
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_says_what_it_and_each_of_its_flags_does(path: tuple[str, ...], nmtr: Nmtr) -> None:
    answer = nmtr(*path, "--help")
    assert (answer.code, answer.err) == (0, "")
    for parameter in COMMANDS[path].params:
        assert parameter.help, parameter.name
        assert parameter.param_type_name == "argument" or parameter.opts[0] in answer.out
    assert COMMANDS[path].help.splitlines()[0] in answer.out
    # The list of commands has room for a first line of this length.
    assert len(COMMANDS[path].help.split(".")[0]) <= 60


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_that_has_a_result_gives_it_as_json(path: tuple[str, ...]) -> None:
    flags = {flag for parameter in COMMANDS[path].params for flag in parameter.opts}
    assert ("--json" in flags) == (path not in {("worker",), ("dashboard",)})


def test_without_a_command_the_help_is_shown(nmtr: Nmtr) -> None:
    answer = nmtr()
    assert (answer.code, answer.err) == (0, "")
    assert answer == nmtr("--help")
    assert "..." not in answer.out.replace("[ARGS]...", "")


def named(text: str) -> Iterator[tuple[str, ...]]:
    """The commands on the lines that begin with nmtr, where `nmtr data list | show NAME` names two."""
    for line in text.splitlines():
        group: tuple[str, ...] = ()
        for part in re.split(r" [|·] ", line) if line.startswith("nmtr ") else ():
            words = part.split()
            if words[0] == "nmtr":
                group = (words[1],) if words[1] in ("data", "queue") else ()
                words = words[1 + len(group) :]
            yield (*group, *words[:1])


def test_readme_lists_every_command() -> None:
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    assert set(COMMANDS) - set(named("\n".join(blocks))) == set()
