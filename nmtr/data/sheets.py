"""Spreadsheets (.xlsx, .xls, .ods) as CSV: the one sheet that holds rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from nmtr.data.cells import as_text
from nmtr.errors import DataError

#: From here on a spreadsheet no longer keeps every digit of a whole number.
_EXACT = 10**15
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"


def is_spreadsheet(archive: ZipFile) -> bool:
    """Whether a zip is one, by what it holds."""
    members = archive.namelist()
    if "xl/workbook.xml" in members or "xl/workbook.bin" in members:
        return True
    return "mimetype" in members and archive.open("mimetype").read(len(_ODS)) == _ODS


def write_csv(path: Path, name: str, target: Path) -> str:
    """Write the rows of a spreadsheet's one sheet that has any; returns the sheet's name.

    DataError where the file is damaged or locked, several sheets have rows, or a number has more digits than a
    spreadsheet keeps.
    """
    from python_calamine import CalamineError, load_workbook

    try:
        with load_workbook(path) as book:
            full = [sheet for sheet in book.sheet_names if book.get_sheet_by_name(sheet).height > 1]
            if len(full) != 1:
                raise DataError(_which(name, book.sheet_names, full))
            rows = book.get_sheet_by_name(full[0]).iter_rows()
            with target.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(_rows(rows, name))
    except CalamineError as error:
        raise DataError(
            f"{name} must be a whole spreadsheet without a password; it cannot be read ({str(error)[:100]}): save the "
            "table as CSV and add that."
        ) from None
    return str(full[0])


def _which(name: str, sheets: Sequence[str], full: Sequence[str]) -> str:
    if not full:
        return f"{name} must hold a table with a header and rows; none of its {len(sheets)} sheets does."
    listed = ", ".join(full)[:200]
    return (
        f"{name} must have its rows in one sheet; {len(full)} have some ({listed}): delete the others, or save the one "
        "with the events as CSV."
    )


def _rows(rows: Iterator[list[Any]], name: str) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        cells = [_text(cell, name, number) for cell in row]
        if any(cells):  # a spreadsheet keeps rows that were emptied
            yield cells


def _text(cell: Any, name: str, row: int) -> str:
    if isinstance(cell, int | float) and abs(cell) >= _EXACT:
        raise DataError(
            f"every number of {name} must have all its digits; row {row} has {cell:g}, which a spreadsheet has "
            "rounded: export the column as text."
        )
    return as_text(cell)
