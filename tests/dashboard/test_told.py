"""Messages of the core on a page: they name what the page's forms are called, never a command's flag."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dashboard.text import OPTIONS, told
from nmtr.data.importing import read
from nmtr.errors import DataError, NmtrError, option

CORE = Path(__file__).parents[2] / "nmtr"


def test_a_command_names_flags_and_a_page_names_its_form() -> None:
    error = NmtrError(f"Say it with {option('columns', 'user=NAME')}, or leave {option('skip-bad')} out.")
    assert str(error) == "Say it with --columns user=NAME, or leave --skip-bad out."
    assert told(error).replace("\\", "") == (
        "Say it with the choice of columns, or leave “Leave out rows that cannot be read” out."
    )


def test_pages_have_words_for_every_option_that_a_message_names() -> None:
    named = {
        node.args[0].value
        for path in CORE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "option"
        and isinstance(node.args[0], ast.Constant)
    }
    assert "columns" in named and named <= set(OPTIONS)


def test_no_message_about_data_writes_a_flag_by_hand() -> None:
    for path in (CORE / "data").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise):
                assert "--" not in ast.unparse(node), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n1,2,3\n",
        "user,item,behavior,seen_on\nu,i,buy,2024-01-01\nu,j,buy,2024-01-02\n",
        "user,item,behavior,time\nu,i,buy,01/02/2024\nu,j,buy,02/03/2024\n",
        "user,item,behavior\nu,i,buy\nu,,buy\n",
        "user,item,behavior\nu,i,foo\nu,j,bar\n",
    ],
)
def test_no_mistake_with_a_file_names_a_flag_on_a_page(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read(path, name="shop")
    assert "--" in str(refused.value), "the command says which flag settles it"
    assert "--" not in told(refused.value).replace("\\", "") and "\x02" not in told(refused.value)
