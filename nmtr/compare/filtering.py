"""Test users by a condition that somebody writes, such as ``category = 'Toys' AND purchases < 5``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.evaluation.groups import Members, idle_days, visited
from nmtr.lists import popularity

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

LONGEST = 1_000  # characters
#: What a condition may be made of, as DuckDB's parser names it: nothing that takes time or memory beyond one pass.
_PARTS = {"CONJUNCTION", "COMPARISON", "OPERATOR", "BETWEEN", "COLUMN_REF", "CONSTANT"}
_FUNCTIONS = {"+", "-", "*", "/", "%", "~~", "!~~", "~~*", "!~~*", "lower", "upper", "contains", "length", "abs"}
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "python_enable_replacements": False,
    "threads": 1,
}


def facts(dataset: Dataset, tested: Members) -> pd.DataFrame:
    """A row for each of the n tested users, by what a condition may ask.

    user; how many training pairs it has, by the name of each behavior; and of its held-out item: item, visited (in a
    lower behavior), buyers (in training), and title, category and price where the data set has them. Where it has
    times of day, recency: days from the user's last training pair to the log's end. A behavior that is called as one of
    these is left out.
    """
    import pandas as pd

    items = dataset.test_item[tested]
    found = pd.DataFrame(
        {
            behavior: np.diff(matrix.indptr)[tested]
            for behavior, matrix in zip(dataset.behaviors, dataset.matrices, strict=True)
        }
    )
    for name in ("title", "category", "price"):
        if dataset.attributes is not None and name in dataset.attributes:
            found[name] = dataset.attributes[name].to_numpy()[items]
    if (idle := idle_days(dataset)) is not None:
        found["recency"] = pd.Series(idle[tested]).where(lambda days: days >= 0)
    return found.assign(
        user=dataset.users[tested].astype(object),
        item=dataset.items[items].astype(object),
        visited=visited(dataset)[tested],
        buyers=popularity(dataset)[items],
    )


def matching(facts: pd.DataFrame, condition: str) -> Members:
    """(n,) for which rows of `facts` a condition holds; where it is not known, it does not.

    condition: one SQL expression over the columns, as DuckDB reads it: comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL,
    LIKE, arithmetic and a few functions of text. ConfigError for anything else, and where it holds for all or none.
    """
    if not condition.strip() or len(condition) > LONGEST:
        raise ConfigError(f"a condition has 1 to {LONGEST:,} characters; got {len(condition):,}.")
    import duckdb

    names = [str(name) for name in facts]
    with duckdb.connect(":memory:", config=_CLOSED) as database:
        try:
            _check(database, condition, {name.lower() for name in names})
            numbered = database.from_df(facts.assign(row_number=np.arange(len(facts))))
            rows = numbered.filter(condition).project("row_number").fetchnumpy()["row_number"]
        except (duckdb.Error, _Refused) as error:
            example = "price < 20" if "price" in facts else "buyers < 20"
            raise ConfigError(
                f"a condition is written over {', '.join(names)}, such as {example}; {condition} cannot be taken: "
                f"{_reason(error)}."
            ) from error
    found = np.zeros(len(facts), np.bool_)
    found[rows] = True
    if found.all() or not found.any():
        raise ConfigError(
            f"a condition must hold for some of the {len(facts):,} test users and not for others; {condition} holds "
            f"for {'all' if found.any() else 'none'}."
        )
    return found


class _Refused(ValueError):
    """What stands in a condition and may not."""


def _check(database: duckdb.DuckDBPyConnection, condition: str, columns: Collection[str]) -> None:
    """_Refused where a condition is no SQL, or holds more than `_PARTS`, `_FUNCTIONS` and these columns."""
    ((text,),) = database.execute("SELECT json_serialize_sql(?)", [f"SELECT 1 WHERE {condition}"]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        several = tree["error_type"] != "parser"
        raise _Refused("it must be one expression" if several else tree["error_message"])
    for part in _parts(tree["statements"]):
        kind = part["class"]
        if kind not in _PARTS and not (kind == "FUNCTION" and part["function_name"] in _FUNCTIONS):
            raise _Refused(f"it holds {part.get('function_name') or kind.lower().replace('_', ' ')}")
        if kind == "COLUMN_REF" and part["column_names"][-1].lower() not in columns:
            raise _Refused(f"there is no {part['column_names'][-1]}")


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression of a parsed statement."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for below in tree:
            yield from _parts(below)


def _reason(error: Exception) -> str:
    """What DuckDB says of it, in one line and without what it offers besides."""
    first = str(error).partition("\n")[0]
    return first.removeprefix("Parser Error: ").removeprefix("Binder Error: ").rstrip(".! ")
