"""Values of spreadsheets and databases as text, for a CSV file."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def as_text(cell: Any) -> str:
    """A whole number as its digits, a date as ISO 8601, yes and no as 1 and 0, nothing as nothing."""
    match cell:
        case None:
            return ""
        case bool():
            return str(int(cell))
        case float():
            return f"{cell:.0f}" if cell.is_integer() else repr(cell)
        case Decimal():
            return f"{cell:f}"
        case datetime():
            return cell.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)
