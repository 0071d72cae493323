"""How the head of an upload is read, and which columns are meant."""

from __future__ import annotations

import pytest

from dashboard.views.data.uploading import _guess, _header
from tests.dashboard.conftest import Open


def test_header_with_quotes_is_read_as_the_core_reads_it() -> None:
    header = _header("shop.csv", b'"user","item, or product","event"\n"u1","a, b","view"\n')
    assert header is not None
    assert list(header.columns) == ["user", "item, or product", "event"]
    assert header.iloc[0].tolist() == ["u1", "a, b", "view"]


@pytest.mark.parametrize(
    "start", [b"user,item,user\n1,2,3\n", b"User,item,user\n1,2,3\n", b"1 2\n", b"", b"\xff\xfe\x00", b'"a\n']
)
def test_header_that_only_the_core_can_judge_is_left_to_it(start: bytes) -> None:
    assert _header("shop.csv", start) is None


def test_names_of_the_core_come_before_names_that_only_hold_a_word() -> None:
    names = ["customer_type", "Event", "item_title", "item_id", "user_id"]
    assert _guess("behavior", names) == ("Event", True)
    assert _guess("item", names) == ("item_id", True)
    assert _guess("user", ["session_number"]) == ("session_number", False)
    assert _guess("price", names) == (None, False)


@pytest.mark.parametrize(("header", "opened"), [("user,item,behavior", False), ("visitor,product,action", True)])
def test_columns_are_opened_where_they_are_only_guessed(open_page: Open, header: str, opened: bool) -> None:
    app = open_page("data", data="shop")
    app.file_uploader(key="upload").upload("shop.csv", f"{header}\nu1,i1,view\n".encode()).run()
    (columns,) = (block for block in app.expander if block.label == "Columns")
    assert columns.proto.expanded is opened
