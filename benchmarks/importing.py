"""Reading a shop's log to a data set, beside DuckDB's reading and grouping of the same file."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.child import call
from benchmarks.core import Case, Figures, Measure, Round, Side, Target, figure
from benchmarks.places import KEPT

_FOLDER = KEPT / "logs"
_BEHAVIORS = ("0", "3", "1", "2")  # clicked, favored, carted, bought
_COLUMNS = "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type"


def written(rows: int, folder: str = str(_FOLDER)) -> Figures:
    """Invents a log in the layout of IJCAI-15, once: 130 rows a user, 50 an item, long-tailed, half a year of days.

    Remove .benchmarks/ to have it done anew.
    """
    import duckdb

    path = _log(rows, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draws = ", ".join(f"hash(i, '{name}') % 1000003 / 1000003.0 AS {name}" for name in "uitab")
        users, items = rows // 130, rows // 50
        draft = path.with_suffix(".tmp")
        duckdb.execute(
            f"COPY (SELECT (pow(u, 1.4) * {users})::INTEGER * 7 AS user_id, (pow(i, 2.5) * {items})::INTEGER + 1 AS "
            f"item_id, (pow(i, 2.5) * {items})::INTEGER % 1658 AS cat_id, (pow(i, 2.5) * {items})::INTEGER % 4995 AS "
            f"seller_id, (pow(i, 2.5) * {items})::INTEGER % 8844 AS brand_id, strftime(DATE '2014-05-11' + "
            "(t * 184)::INTEGER, '%m%d') AS time_stamp, CASE WHEN a < .884 THEN 0 WHEN a < .939 THEN 3 WHEN a < .94 "
            f"THEN 1 ELSE 2 END AS action_type FROM (SELECT i AS n, {draws} FROM range({rows}) AS drawn(i))) "
            f"TO '{draft}' (HEADER)"
        )
        draft.rename(path)
    return {"mb": path.stat().st_size / 2**20}


def grouped(rows: int, folder: str = str(_FOLDER)) -> Figures:
    """DuckDB reads the log as text and takes each user, item and behavior once, at its earliest."""
    import duckdb

    def group() -> float:
        found = duckdb.execute(
            "SELECT count(*) FROM (SELECT user_id, item_id, action_type, min(time_stamp) FROM "
            f"read_csv('{_log(rows, folder)}', all_varchar = true) GROUP BY ALL)"
        ).fetchone()
        return float(found[0]) if found else 0.0

    return _timed(group, resource.RUSAGE_SELF)


def imported(rows: int, folder: str = str(_FOLDER)) -> Figures:
    """NMTR adds the log as a data set, in a process of its own as always."""
    from nmtr.data.catalogue import add
    from nmtr.data.library import Library
    from nmtr.data.recipe import Recipe

    with tempfile.TemporaryDirectory(dir=folder) as home:

        def read() -> float:
            made = add(Library(Path(home)), "log", _log(rows, folder), recipe=Recipe(behaviors=_BEHAVIORS))
            return float(sum(matrix.nnz for matrix in made.matrices))

        return _timed(read, resource.RUSAGE_CHILDREN)


def _timed(work: Callable[[], float], who: int) -> Figures:
    """Seconds, processor seconds and peak memory of this process or of its children."""
    before, started = resource.getrusage(who), time.perf_counter()
    pairs = work()
    seconds, after = time.perf_counter() - started, resource.getrusage(who)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "busy": busy, "own_peak_mb": after.ru_maxrss / 2**10, "pairs": pairs}


def _log(rows: int, folder: str) -> Path:
    return Path(folder) / f"ijcai-15-{rows}.csv"


def _side(name: str, function: Callable[..., Figures], rows: int) -> Side:
    def measure() -> Figures:
        call(written, rows=rows)
        return call(function, rows=rows)

    return Side(f"{name} {rows}", measure)


def _case(name: str, rows: int, most_rounds: int | None = None) -> Case:
    ours, theirs = _side("import", imported, rows), _side("DuckDB import", grouped, rows)

    def ratio(figures: Round) -> float:
        return figures[ours.name]["busy"] / figures[theirs.name]["busy"]

    return Case(
        name,
        f"Adding a log of {rows // 1_000_000} million rows",
        f"Invented, in the layout of IJCAI-15 ({_COLUMNS}), {rows:,} rows as CSV, four behaviors. NMTR: all that "
        "adding does, with checks, merging, hold-out and saving. DuckDB: reads the same columns as text and groups by "
        "user, item and behavior.",
        (ours, theirs),
        (
            Measure("processor time, in DuckDB's", "x", ratio, Target(2)),
            figure(ours, "busy", "processor time", "s"),
            figure(theirs, "busy", "processor time of DuckDB", "s"),
            figure(ours, "seconds", "time", "s"),
            figure(ours, "own_peak_mb", "peak memory", "MB", Target(4096)),
            figure(theirs, "own_peak_mb", "peak memory of DuckDB", "MB"),
        ),
        most_rounds,
    )


CASES = (_case("import", 5_000_000), _case("import-50m", 50_000_000, most_rounds=1))
