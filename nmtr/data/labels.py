"""Labels of users, items and behaviors as text: whatever a column holds, and nothing that it has lost."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from nmtr.errors import DataError

_MISSING = "('', 'nan', 'none', 'null', '<na>', '\\n')"
_LONGEST = 4  # characters that such a word has
#: Whole numbers that a column of this type still tells from their neighbors.
_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
_IDS = ("user", "item", "behavior")


def text_of(column: str, kind: str, role: str, name: str) -> str:
    """SQL for a column of a DuckDB type as text; a text is left to `trim_texts`.

    A whole number is its digits, whether a table with gaps stores it as 1.0 or not. DataError where the column holds
    several values a row. `role` is what it is, `name` what to call its table.
    """
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        raise DataError(
            f"the {role} of {name} must be one value a row; its column holds lists or records ({kind[:40]}): "
            "write a row an item."
        )
    text = f"{column}::VARCHAR"
    if kind == "BLOB":
        lost = f"error('every {role} of {name} must be text; one is bytes that are no UTF-8: write it as text.')"
        text = f"CASE WHEN {column} IS NOT NULL THEN coalesce(TRY(decode({column})), {lost}) END"
    elif kind in _EXACT:
        whole = f"try_cast({column} AS BIGINT)::VARCHAR"
        if role in _IDS:
            lost = (
                f"error('every {role} of {name} must have all its digits; ' || {column}::VARCHAR || ' is stored as a "
                f"{kind}, which has lost some: write the column as text or whole numbers.')"
            )
            whole = f"CASE WHEN abs({column}) < {_EXACT[kind]} THEN {whole} ELSE {lost} END"
        text = (
            f"CASE WHEN isfinite({column}) THEN CASE WHEN {column} = trunc({column}) THEN {whole} ELSE {text} END END"
        )
    return text if kind == "VARCHAR" else _written(f"trim({text})")


def _written(text: str) -> str:
    """SQL for a text, NULL where it says that nothing is written."""
    return f"CASE WHEN {_says(text)} THEN {text} END"


def _says(text: str) -> str:
    """SQL for whether a text is more than a word for nothing."""
    return f"(length({text}) > {_LONGEST} OR lower({text}) NOT IN {_MISSING})"


def trim_texts(database: duckdb.DuckDBPyConnection, roles: Iterable[str]) -> None:
    """Take surrounding blanks and words for nothing, such as `null`, out of these columns of the table of events.

    Most have none, and to look costs a fraction of changing every row: of labels, each is looked at once.
    """
    for role in roles:
        rows = f"(SELECT DISTINCT {role} FROM events)" if role in _IDS else "events"
        kept = f"({role} = trim({role}) AND {_says(role)})"
        if database.execute(f"SELECT 1 FROM {rows} WHERE NOT {kept} LIMIT 1").fetchone():
            database.execute(f"UPDATE events SET {role} = {_written(f'trim({role})')} WHERE NOT {kept}")


def _list_labels(database: duckdb.DuckDBPyConnection, role: str) -> None:
    """Make the table of users or of items: the label of each that has events."""
    database.execute(f"CREATE OR REPLACE TABLE {role}s AS SELECT DISTINCT {role} AS label FROM events")


def clean_labels(database: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    """Make the tables of users and items, and give whole numbers, some written 12.0, their digits; what was done.

    DataError where a spreadsheet has rounded one.
    """
    notes = []
    for role in ("user", "item"):
        _list_labels(database, role)
        rounded, dotted = database.execute(
            f"SELECT any_value(label) FILTER (contains(label, '+') AND regexp_full_match(label, "
            f"'\\d([.,]\\d+)?[eE]\\+\\d+')), bool_or(contains(label, '.')) FROM {role}s"
        ).fetchone() or (None, False)
        if rounded:
            raise DataError(
                f"every {role} must have all its digits; {source} has {rounded}, which a spreadsheet has rounded: "
                "export it as text."
            )
        if not dotted:
            continue
        whole = "regexp_full_match(label, '-?\\d+(\\.0+)?')"
        if not database.execute(f"SELECT 1 FROM {role}s WHERE NOT {whole} LIMIT 1").fetchone():
            database.execute(f"UPDATE events SET {role} = regexp_replace({role}, '\\.0+$', '')")
            _list_labels(database, role)
            notes.append(f"{role}s such as 12.0 read as 12")
    return notes
