"""Which column of a table is what: the names that shops and published logs give them, and what values tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from nmtr.data.behaviors import is_step
from nmtr.data.tables import Table
from nmtr.errors import DataError, option

REQUIRED = ("user", "item", "behavior")
ATTRIBUTES = ("title", "category", "price", "image")
#: The names that a column may have in a file, in lower case, in the order in which they are looked for.
NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        *("user", "user_id", "userid", "uid", "visitorid", "visitor_id", "customer_id", "customerid", "customer"),
        *("client_id", "member_id", "user_pseudo_id", "session", "session_id", "sessionid"),
    ),
    "item": (
        *("item", "item_id", "itemid", "iid", "product_id", "productid", "product", "sku_id", "sku"),
        *("article_id", "aid", "asin", "movieid"),
    ),
    "behavior": (
        *("behavior", "behaviour", "behavior_type", "behaviour_type", "event", "event_type", "event_name"),
        *("action", "action_type", "interaction", "interaction_type", "type"),
    ),
    "time": (
        *("timestamp", "time", "event_time", "time_stamp", "ts", "event_timestamp", "datetime", "date_time"),
        *("created_at", "order_date", "date", "when"),
    ),
    "split": ("split",),
    "title": ("title", "item_title", "product_title", "product_name", "item_name"),
    "category": ("category", "category_code", "category_id", "cat_id", "item_category"),
    "price": ("price", "unit_price", "item_price"),
    "image": ("image",),
}
#: What stands in for a column where every row has the same value: `behavior==buy`.
CONSTANT = "="
#: Google's export has both; only the first is filled in for whoever did not log in.
_INSTEAD = {"user_id": "user_pseudo_id"}
#: What a column's name may hold that is not known as a whole.
_WORDS = {
    "user": ("user", "shopper", "customer", "visitor", "session"),
    "item": ("item", "product", "article", "sku", "asin"),
    "behavior": ("behavior", "behaviour", "event", "action", "type"),
    "time": ("timestamp", "time", "date"),
}
_RECBOLE = re.compile(r":(token|float|token_seq|float_seq)$")
_TIME_NAME = re.compile(r"time|date|stamp|when|_at$|^day$|^ts$")
_TIME_VALUE = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?([T ].*)?|\d\d?[-/.]\d\d?[-/.](\d{4}|\d\d)([T ].*)?")


class OtherTable(DataError):
    """A table that holds no events, it seems: it lacks two of the columns that each event needs."""


def find_columns(table: Table, columns: Mapping[str, str], name: str) -> dict[str, int]:
    """The place of each column that a table has; `columns` names some of them, by name or by place from 1.

    One that is named nothing is not taken, and `=buy` as a behavior is a value. DataError, which says all that is still
    to be named, where a column is missing, two may be meant, or the time may stand in one that nobody names. `name` is
    what to call the table.
    """
    for key in columns:
        if key not in NAMES:
            raise DataError(f"{option('columns')} can name {', '.join(NAMES)}; got {key}.")
    found: dict[str, int] = {}
    missing = {}
    for role in NAMES:
        wanted = columns.get(role)
        if wanted is not None and (not wanted or wanted.startswith(CONSTANT)):
            continue
        place = _place(table, role, wanted, name)
        if place is not None:
            found[role] = place
        elif role in REQUIRED or wanted:
            missing[role] = wanted or role
    if missing:
        other = table.header and sum(role in missing for role in REQUIRED) > 1
        raise (OtherTable if other else DataError)(_missing(table, missing, name))
    _check_once(table, found, name)
    _check_time(table, columns, found, name)
    return found


def proposed(table: Table, columns: Mapping[str, str]) -> dict[str, int]:
    """What each column may be, for somebody to say: named ones, those of known names, those whose names hold a word.

    None is taken for two things, and nothing is refused: see `find_columns` for what is read without being asked.
    """
    found: dict[str, int] = {}
    for role in NAMES:
        wanted = columns.get(role)
        if wanted is not None and (not wanted or wanted.startswith(CONSTANT)):
            continue
        with suppress(DataError):
            place = _place(table, role, wanted, "")
            if place is not None and place not in found.values():
                found[role] = place
    for role, words in _WORDS.items():
        if role not in found and role not in columns:
            names = enumerate(table.names if table.header else ())
            free = (place for place, name in names if place not in found.values() and _holds(name, words))
            if (place := next(free, None)) is not None:
                found[role] = place
    return found


def _holds(name: str, words: Sequence[str]) -> bool:
    return any(word in name.lower() for word in words)


def has_header(columns: Mapping[str, str], first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a table's first line names its columns, rather than being an event as the second is.

    Where neither tells, columns that are chosen by place do: whoever has names chooses by those.
    """
    known = {name for names in NAMES.values() for name in names}
    if any(_plain(name) in known for name in first) or list(first) == [str(n) for n in range(len(first))]:
        return True
    chosen = [value for value in columns.values() if value and not value.startswith(CONSTANT)]
    if chosen and all(value.isdecimal() for value in chosen):
        return False
    alike = len(first) == len(second) and all(_kind(a) == _kind(b) or not a for a, b in zip(first, second, strict=True))
    return not (any(_kind(value) for value in first) and (alike or not second))


def _kind(value: str) -> str:
    """What a value looks like: a number, a date, or nothing of the sort."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
        return "number"
    return "date" if _TIME_VALUE.fullmatch(value) else ""


def _plain(name: str) -> str:
    return _RECBOLE.sub("", name.strip().lower())


def _place(table: Table, role: str, wanted: str | None, name: str) -> int | None:
    plain = [_plain(there) for there in table.names]
    if wanted is not None:
        exact = [place for place, there in enumerate(table.names) if there == wanted]
        if not exact and wanted.isdecimal() and 1 <= int(wanted) <= len(plain):
            return int(wanted) - 1
        places = exact or [p for p, there in enumerate(table.names) if there.lower() == wanted.lower()]
        places = places or [p for p, there in enumerate(plain) if there == wanted.lower()]
    else:
        known = next((known for known in NAMES[role] if known in plain), None)
        known = _INSTEAD.get(known or "", known) if _INSTEAD.get(known or "") in plain else known
        places = [place for place, there in enumerate(plain) if there == known]
    return _only(places, table, role, name) if places else None


def _only(places: Sequence[int], table: Table, role: str, name: str) -> int:
    """The one place that there is; DataError where there are more."""
    there = [table.names[place] for place in places]
    if len(set(there)) < len(there):
        raise DataError(
            f"the columns of {name} must have names of their own; {len(there)} of them are called {there[0]}: "
            "rename all but one."
        )
    if len(there) > 1:
        article = "an" if role[0] in "aeio" else "a"
        raise DataError(
            f"one column of {name} must be {article} {role}; {' and '.join(there)} may both be: say which one it is "
            f"with {option('columns', f'{role}=NAME')}."
        )
    return places[0]


def knows_behavior(table: Table) -> bool:
    """Whether a column of the table is called as behaviors are."""
    return any(_plain(there) in NAMES["behavior"] for there in table.names)


def flags_of(table: Table) -> dict[str, int]:
    """The place of each column that says by 1 or 0 whether a behavior was done; none where there are not two."""
    flags = {
        name.strip(): place
        for place, name in enumerate(table.names)
        if is_step(name.strip()) and {row[place].lower() for row in table.sample} <= {"0", "1", "false", "true"}
    }
    return flags if len(flags) > 1 else {}


def _missing(table: Table, missing: Mapping[str, str], name: str) -> str:
    roles = list(missing)
    if not table.header:
        return (
            f"{name} must begin with a header line such as user,item,behavior, but its first line is a row as the "
            f"others are ({', '.join(table.sample[0])[:100]}): add one, or name its columns by their place with "
            f"{option('columns', 'user=1,item=2,behavior=3')} and so on."
        )
    several = "columns" if len(roles) > 1 else "a column"
    given = ",".join(f"{role}=NAME" for role in roles)
    constant = (
        f", or {option('columns', 'behavior==buy')} if all its rows are of one behavior"
        if "behavior" in missing
        else ""
    )
    there = ", ".join(filter(None, table.names))[:300]
    return (
        f"{name} must have {several} {_listed(list(missing.values()))}; it has {there}: "
        f"say which {'ones they are' if len(roles) > 1 else 'one it is'} with {option('columns', given)}{constant}."
    )


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _check_once(table: Table, found: Mapping[str, int], name: str) -> None:
    for role, place in found.items():
        others = [other for other, there in found.items() if there == place and other != role]
        if others:
            raise DataError(
                f"each column of {name} can be one thing; {table.names[place]} was named as {role} and {others[0]}."
            )


def _check_time(table: Table, columns: Mapping[str, str], found: Mapping[str, int], name: str) -> None:
    """DataError where no column is the time and one that is left looks like it: it decides what is tested."""
    if "time" in found or "time" in columns:
        return
    for place, there in enumerate(table.names):
        values = [row[place] for row in table.sample if row[place]]
        by_name = _TIME_NAME.search(there.lower()) and not there.lower().endswith("id")
        by_value = bool(values) and all(_TIME_VALUE.fullmatch(value) for value in values)
        if place not in found.values() and (by_name or by_value):
            shown = there if table.header else str(place + 1)
            raise DataError(
                f"{name} must say which column is the time, since it decides which purchase is tested; {shown} looks "
                f"like it: take it with {option('columns', f'time={shown}')}, or none with "
                f"{option('columns', 'time=')}."
            )
