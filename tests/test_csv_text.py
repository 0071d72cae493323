"""CSV: read back as it was, and nothing in it that a spreadsheet runs."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtr.csv_text import csv_text

Value = str | int | float | None


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
def test_a_formula_becomes_text(cell: str) -> None:
    assert read(csv_text([{cell: cell}])) == [[f"'{cell}"], [f"'{cell}"]]


@pytest.mark.parametrize(
    ("cell", "written"),
    [("-5", "-5"), ("+4.5e3", "+4.5e3"), (-5, "-5"), (0.1, "0.1"), (None, ""), (float("nan"), ""), ("a=b", "a=b")],
)
def test_all_else_stays_as_it_is(cell: Value, written: str) -> None:
    assert read(csv_text([{"a": cell, "b": 1}])) == [["a", "b"], [written, "1"]]


def test_every_key_of_any_row_is_a_column() -> None:
    assert csv_text([{"a": 1}, {"b": 2, "a": 3}]) == "a,b\r\n1,\r\n3,2\r\n"


@given(st.lists(st.tuples(st.text(), st.integers()), min_size=1))
def test_no_cell_begins_as_a_formula_does_and_none_is_lost(rows: list[tuple[str, int]]) -> None:
    found = read(csv_text([{"text": text, "number": number} for text, number in rows]))[1:]
    assert [int(number) for _, number in found] == [number for _, number in rows]
    for (cell, _), (text, _) in zip(found, rows, strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert not cell.startswith(("=", "@", "\t", "\r"))
