"""Spreadsheets: what Excel and LibreOffice keep is read as it was meant, or refused."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError

HEADER = ("customer_id", "product_id", "event", "event_time")
#: Of shopper 1 the later purchase is x; the rows' order and the text of a day-first date would say y.
ROWS = [
    (1, "x", "view", datetime(2024, 1, 2)),
    (1, "x", "buy", datetime(2024, 2, 1, 8, 30)),
    (1, "y", "buy", datetime(2024, 1, 11, 9)),
    (2.0, "y", "view", datetime(2024, 1, 3)),
    (2, "x", "buy", datetime(2024, 1, 4)),
]


def saved(path: Path, *sheets: list[tuple[Any, ...]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Table {number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def held_out(dataset: Dataset) -> dict[str, str]:
    tested = np.flatnonzero(dataset.test_item >= 0)
    return {str(dataset.users[user]): str(dataset.items[dataset.test_item[user]]) for user in tested}


def test_the_sheet_with_rows_is_read_and_the_last_purchase_held_out(tmp_path: Path) -> None:
    path = saved(tmp_path / "log.xlsx", [("Exported by the shop",)], [HEADER, *ROWS, (None,) * 4])
    dataset = read(path, name="shop")
    assert held_out(dataset) == {"1": "x"}
    assert sorted(map(str, dataset.users)) == ["1", "2"], "2.0 and 2 are one number to a spreadsheet"
    assert dataset.behaviors == ("view", "buy")


def test_a_spreadsheet_in_a_zip_among_others_is_read(tmp_path: Path) -> None:
    saved(tmp_path / "log.xlsx", [HEADER, *ROWS])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "log.xlsx", "export/log.xlsx")
    assert held_out(read(tmp_path / "all.zip", name="shop")) == {"1": "x"}


def test_days_and_yes_and_no_keep_their_meaning(tmp_path: Path) -> None:
    """A flag column a behavior, and days without a time."""
    rows = [
        ("user", "item", "view", "buy", "date"),
        ("u", "a", True, True, date(2024, 3, 1)),
        ("u", "b", True, True, date(2024, 11, 2)),
        ("u", "c", True, False, date(2024, 12, 1)),
    ]
    path = saved(tmp_path / "log.xlsx", rows)
    dataset = read(path, name="shop", recipe=Recipe(behaviors=("view", "buy")))
    assert held_out(dataset) == {"u": "b"}
    assert [matrix.nnz for matrix in dataset.matrices] == [3, 1], "without the held-out one"


ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0">
<office:body><office:spreadsheet><table:table table:name="Log">{}
</table:table></office:spreadsheet></office:body></office:document-content>"""


MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'


def document(path: Path, kind: str, content: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", MANIFEST)
    return path


def test_an_open_document_spreadsheet_is_read(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = ["user,item,behavior,time", "u,a,buy,2024-01-01", "u,b,buy,2024-01-03", "u,c,buy,2024-01-02"]
    body = "".join(f"<table:table-row>{''.join(map(cell.format, row.split(',')))}</table:table-row>" for row in rows)
    path = document(tmp_path / "log.ods", "spreadsheet", ODS.format(body))
    assert held_out(read(path, name="shop")) == {"u": "b"}


def big(path: Path) -> Path:
    return saved(path, [HEADER, (1234567890123456789, "x", "buy", 1)])


def cut(path: Path) -> Path:
    whole = saved(path, [HEADER, *ROWS]).read_bytes()
    path.write_bytes(whole.replace(b"xl/worksheets/sheet1.xml", b"xl/worksheets/sheet9.xml"))
    return path


def old(path: Path) -> Path:
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    return path


def letter(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w/>")
    return path


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        (
            "two.xlsx",
            lambda path: saved(path, [HEADER, *ROWS], [HEADER, *ROWS]),
            r"in one sheet; 2 have some \(Table 1, T",
        ),
        ("none.xlsx", lambda path: saved(path, [("a", "b")]), "none of its 1 sheets does"),
        ("big.xlsx", big, r"row 2 has 1.23457e\+18, which a spreadsheet has rounded: export the column as text"),
        (
            "error.xlsx",
            lambda path: saved(path, [HEADER, *ROWS, ("#N/A", "x", "buy", 1)]),
            "needs a user; 1 of the 6 in error.xlsx",
        ),
        ("cut.xlsx", cut, "must be a whole spreadsheet without a password"),
        ("old.xls", old, "must be a whole spreadsheet without a password"),
        ("letter.docx", letter, "is an office document; save the table as CSV"),
        (
            "letter.odt",
            lambda path: document(path, "text", ODS.format("")),
            "is an office document; save the table as CSV",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, name: str, make: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(make(tmp_path / name), name="shop")
