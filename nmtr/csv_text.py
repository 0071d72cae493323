"""Rows as CSV: what the pages' downloads and the commands' `--csv` files hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

#: A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Rows as CSV with a header, a column for each of their keys; None and NaN are empty.

    Text that a spreadsheet would run as a formula, as a title from a shop's log may be, gets an apostrophe in front.
    Numbers stay as they are, also where they are text: `-5` is no formula.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) and not _is_number(value) else value
    return None if value != value else value  # NaN alone differs from itself


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
