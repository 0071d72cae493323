"""Reading times: which unit numbers have, which form dates have, and what is no time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from nmtr.data.activity import Clock
from nmtr.data.bad import BadRows
from nmtr.errors import DataError, option

_YEAR_1990, _DAY = 631_152_000, 86_400
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_DATE = (
    r"^(\d{1,4})[-/.年](\d{1,2})[-/.月](\d{1,4})日?"
    r"(?:[T ]+(\d{1,2})(?::(\d{2}))?(?::(\d{2}(?:[.,]\d{1,9})?))?\s*([AaPp][Mm])?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
_PARTS = "['a', 'b', 'c', 'hour', 'minute', 'second', 'half', 'zone']"


#: The parts of a date that are its year, month and day, in each form.
FORMS = {"day-first": ("c", "b", "a"), "month-first": ("c", "a", "b"), "year-first": ("a", "b", "c")}


@dataclass(frozen=True)
class Times:
    """How the times of a table of events are read."""

    expression: str  # SQL for an event's time, a DOUBLE that grows with it
    note: str  # what was read, in words
    clock: Clock | None = None  # what makes times of day of them; None where they are mere numbers


def read_times(bad: BadRows, dates: str | None = None) -> Times | None:
    """How to read the text in `events.time`; None where there is none.

    Numbers are taken as they are, once they are seen to have one unit; dates, with a year of four digits. `dates` says
    that they are dates of one of the `FORMS`, whose year may have two digits. DataError where an event has no time, or
    one that cannot be read, and bad rows are not left out, or where more than one reading fits.
    """
    database = bad.database
    if dates is not None and dates not in FORMS:
        raise DataError(f"{option('dates')} must be {', '.join(FORMS)}; got {dates}.")
    if not _one(database, "SELECT count(time) FROM events"):
        return None
    bad.refuse("time IS NULL", "every event needs a time", "has none")
    if dates:
        return _named(bad, dates)
    number = "try_cast(time AS DOUBLE)"
    numbers, total = (
        _one(database, f"SELECT count(*) FROM events WHERE isfinite({number})"),
        _one(database, "SELECT count(*) FROM events"),
    )
    if numbers == total:
        return _numbers(bad)
    if 2 * numbers >= total:
        rule = "every time must be a number or a date, all of one kind, and most are numbers"
        bad.refuse(f"NOT coalesce(isfinite({number}), false)", rule, "has {}")
        return _numbers(bad)
    return _dates(bad)


def _numbers(bad: BadRows) -> Times:
    database, source = bad.database, bad.source
    bad.refuse(
        "contains(lower(time), 'e')",
        "times must have all their digits",
        "has {}, which a spreadsheet has rounded: export them as text",
        always=True,
    )
    number = "time::DOUBLE"
    if note := _dates_in_digits(bad):
        return Times("epoch(strptime(time, '%Y%m%d'))", note, Clock())
    low, high = _YEAR_1990, time.time() + _DAY
    within = ", ".join(f"count(*) FILTER ({number} BETWEEN {low * size} AND {high * size})" for size in _UNITS.values())
    *counted, total = database.execute(f"SELECT {within}, count(*) FROM events").fetchone() or ()
    counts = dict(zip(_UNITS, counted, strict=True))
    unit = max(counts, key=counts.__getitem__)
    found = {name: count for name, count in counts.items() if count}
    if len(found) > 1 and sum(found.values()) == total:
        listed = " and ".join(f"{count:,} in {name}" for name, count in found.items())
        raise DataError(f"times must have one unit; {source} seems to have {listed}: bring them to one.")
    smallest, largest = _span(database, number)
    if 2 * counts[unit] <= total:  # no times of day: a count, perhaps
        return Times(number, f"times read as numbers from {smallest:g} to {largest:g}")
    size, start = _UNITS[unit], 0.0
    if unit == "nanoseconds":  # nineteen digits are more than a DOUBLE has
        first = _one(database, "SELECT min(try_cast(time AS BIGINT)) FROM events")
        start = first / size
        number = f"coalesce((try_cast(time AS BIGINT) - {first})::DOUBLE, time::DOUBLE - {first})"
    bad.refuse(
        f"time::DOUBLE NOT BETWEEN {low * size} AND {high * size}",
        f"times in {unit} since 1970 must lie between 1990 and today",
        "has {}",
    )
    span = f"{_day(smallest / size)} to {_day(largest / size)}"
    return Times(number, f"times read in {unit} since 1970, {span}", Clock(size, start))


def _dates_in_digits(bad: BadRows) -> str | None:
    """Of times that are eight digits: what they are where they are all YYYYMMDD; DataError where they are DDMMYYYY."""
    database = bad.database
    if database.execute("SELECT min(length(time)), max(length(time)) FROM events").fetchone() != (8, 8):
        return None
    total = _one(database, "SELECT count(*) FROM events")
    if _one(database, "SELECT count(*) FROM events WHERE regexp_full_match(time, '(19|20)\\d{6}')") == total:
        whole = "try_strptime(time, '%Y%m%d') IS NOT NULL"
        if _one(database, f"SELECT count(*) FROM events WHERE {whole}") == total:
            first, last = database.execute("SELECT min(time), max(time) FROM events").fetchone() or ("", "")
            return f"times read as days, {first} to {last}"
    day_first = "regexp_full_match(time, '\\d{4}(19|20)\\d{2}') AND try_strptime(time, '%d%m%Y') IS NOT NULL"
    if _one(database, f"SELECT count(*) FROM events WHERE {day_first}") == total:
        rule, way_out = (
            "times of eight digits must be YYYYMMDD",
            f"if they are days, say so with {option('dates', 'day-first')}",
        )
        bad.refuse("true", rule, f"has {{}}, which looks like DDMMYYYY: {way_out}", always=True)
    return None


def _dates(bad: BadRows) -> Times:
    database = bad.database
    plain = (
        "length(time) IN (10, 16, 19) AND time[5] IN ('-', '/') AND time[8] IN ('-', '/') "
        "AND try_cast(time AS TIMESTAMP) IS NOT NULL"
    )
    if not _one(database, f"SELECT count(*) FROM events WHERE NOT ({plain})"):
        return _dated(database, "epoch(time::TIMESTAMP)", "year first")
    _part_dates(bad, "time")
    total = _one(database, "SELECT count(*) FROM events")
    if _one(database, "SELECT count(*) FROM events WHERE length(date.a) = 4") == total:
        return _whole(bad, ("a", "b", "c"), "year first")
    bad.refuse(
        "length(date.c) <> 4 OR length(date.a) > 2",
        "a date must have a year of four digits, and all of them one form",
        f"has {{}}, in which day, month and year may be mistaken for each other: {_SAY}",
        always=True,
    )
    dotted = _one(database, "SELECT count(*) FROM events WHERE contains(time, '.')") == total
    fits = {
        form: _one(database, f"SELECT count(*) FROM events WHERE {_stamp(*parts)} IS NULL") == 0
        for form, parts in (("day first", ("c", "b", "a")), ("month first", ("c", "a", "b")))
    }
    if all(fits.values()) and not dotted:
        bad.refuse(
            "date.a <> date.b",
            "a date must tell day from month",
            f"has {{}}, and no date of it says which comes first: {_SAY}",
            always=True,
        )
    if fits["day first"]:
        return _whole(bad, ("c", "b", "a"), "day first")
    return _whole(bad, ("c", "a", "b"), "month first")


_SAY = f"say it with {option('dates', 'day-first, month-first or year-first')}"
_STRUCT = ", ".join(f"{part} VARCHAR" for part in re.findall(r"\w+", _PARTS))


def _stamp(year: str, month: str, day: str) -> str:
    """SQL for the seconds since 1970 of a date in its parts, NULL where there is no such day or hour."""
    number = "coalesce(try_cast(date.{} AS INTEGER), 0)"
    century = f"CASE WHEN length(date.{year}) > 2 THEN 0 WHEN date.{year}::BIGINT < 70 THEN 2000 ELSE 1900 END"
    whole_year = f"(date.{year}::BIGINT + {century})"
    half = f"{number.format('hour')} % 12 + CASE WHEN lower(date.half) = 'pm' THEN 12 ELSE 0 END"
    hour = f"CASE WHEN date.half = '' THEN {number.format('hour')} ELSE {half} END"
    second = "coalesce(try_cast(replace(date.second, ',', '.') AS DOUBLE), 0)"
    made = (
        f"TRY(make_timestamp({whole_year}, date.{month}::BIGINT, date.{day}::BIGINT, ({hour})::BIGINT, "
        f"{number.format('minute')}::BIGINT, {second}))"
    )
    minutes = "CASE WHEN length(date.zone) > 3 THEN right(date.zone, 2)::INTEGER ELSE 0 END"
    ahead = f"(date.zone[2:3]::INTEGER * 60 + {minutes})"  # of UTC
    offset = f"CASE WHEN date.zone[1] = '+' THEN {ahead} WHEN date.zone[1] = '-' THEN -{ahead} ELSE 0 END"
    return f"(epoch({made}) - 60 * ({offset}))"


def _part_dates(bad: BadRows, text: str) -> None:
    """Take the dates that `text` (SQL) gives apart, in a column `date` of the events."""
    bad.database.execute(f"ALTER TABLE events ADD COLUMN IF NOT EXISTS date STRUCT({_STRUCT})")
    bad.database.execute(f"UPDATE events SET date = regexp_extract({text}, '{_DATE}', {_PARTS})")
    bad.refuse(
        "date.a = ''", "every time must be a number or a date such as 2024-01-31 10:00, all of one kind", "has {}"
    )


def _named(bad: BadRows, form: str) -> Times:
    """Dates of the form that they are said to have."""
    digits = {"year-first": ("(\\d{2}|\\d{4})(\\d{2})(\\d{2})")}.get(form, "(\\d{2})(\\d{2})(\\d{2}|\\d{4})")
    _part_dates(bad, f"regexp_replace(time, '^{digits}$', '\\1-\\2-\\3')")
    year, month, day = FORMS[form]
    bad.refuse(
        f"length(date.{year}) NOT IN (2, 4) OR length(date.{month}) > 2 OR length(date.{day}) > 2",
        f"every date must have its {form.replace('-', ' ')}",
        "has {}",
    )
    return _whole(bad, FORMS[form], form.replace("-", " "))


def _whole(bad: BadRows, parts: tuple[str, str, str], form: str) -> Times:
    bad.refuse(f"{_stamp(*parts)} IS NULL", "every date must be a day that there is", "has {}")
    return _dated(bad.database, _stamp(*parts), form)


def _dated(database: duckdb.DuckDBPyConnection, expression: str, form: str) -> Times:
    smallest, largest = _span(database, expression)
    return Times(expression, f"times read as dates, {form}, {_day(smallest)} to {_day(largest)}", Clock())


def _span(database: duckdb.DuckDBPyConnection, expression: str) -> tuple[float, float]:
    low, high = database.execute(f"SELECT min({expression}), max({expression}) FROM events").fetchone() or (0, 0)
    return float(low), float(high)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query returns."""
    row = database.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
