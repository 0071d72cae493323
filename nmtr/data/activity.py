"""When things happened in a shop: counted by day, week, month or year, and kept with the data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nmtr.frozen import Frozen

Members = NDArray[np.bool_]
Period = Literal["day", "week", "month", "year"]
#: The most days that a log may span for each period: so that no figure has more than about 120 of them.
_SPANS: tuple[tuple[Period, int], ...] = (("day", 62), ("week", 731), ("month", 3_653))
_MONDAY = 3  # days from 1970-01-01, a Thursday, back to its week's Monday
_DAY = 86_400  # seconds
_AT_ONCE = 1 << 22  # rows: what is worked out of them takes memory, too


@dataclass(frozen=True)
class Clock:
    """How a source's times become times of day."""

    per_second: float = 1.0  # units in a second
    start: float = 0.0  # seconds since 1970 where the units are 0

    def days(self, time: NDArray[np.float64]) -> NDArray[np.int32]:
        """(n,) whole days since 1970 (UTC)."""
        return np.floor((time / self.per_second + self.start) / _DAY).astype(np.int32)


class Activity(Frozen):
    """How many pairs of each behavior were first seen in each period; the target's with the held-out ones."""

    period: Period
    starts: tuple[date, ...]  # the first day of each, with none left out between the first and the last
    pairs: dict[str, tuple[int, ...]]  # behavior -> a number for each period


def activity(
    behavior: NDArray[np.int8], time: NDArray[np.float64], kept: Members, clock: Clock, names: Sequence[str]
) -> Activity:
    """Count the pairs that are kept, one at least, by the period of their time.

    behavior: (n,) places in `names`. time: (n,) in the clock's units.
    """
    ends = [(part.min(), part.max()) for part in (time[where][kept[where]] for where in _parts(len(time))) if len(part)]
    first, last = clock.days(np.array([min(low for low, _ in ends), max(high for _, high in ends)]))
    period: Period = next((name for name, most in _SPANS if last - first < most), "year")
    low, high = (int(number) for number in _periods(np.array([first, last]), period))
    counts = np.zeros((len(names), high - low + 1), np.int64)
    for where in _parts(len(time)):
        place = _periods(clock.days(time[where][kept[where]]), period) - low
        place += behavior[where][kept[where]].astype(np.int64) * counts.shape[1]
        counts += np.bincount(place, minlength=counts.size).reshape(counts.shape)
    return Activity(
        period=period,
        starts=tuple(_start(number, period) for number in range(low, high + 1)),
        pairs={name: tuple(row.tolist()) for name, row in zip(names, counts, strict=True)},
    )


def last_days(
    user: NDArray[Any], time: NDArray[np.float64], kept: Members, clock: Clock, users: int
) -> NDArray[np.int32]:
    """(users,) the day since 1970 of the last pair of each user that is kept, of n pairs; -1 where there is none."""
    found = np.full(users, -1, np.int32)
    for where in _parts(len(time)):
        np.maximum.at(found, user[where][kept[where]], clock.days(time[where][kept[where]]))
    return found


def _parts(rows: int) -> Iterator[slice]:
    """So many rows, some millions at a time."""
    return (slice(start, start + _AT_ONCE) for start in range(0, rows, _AT_ONCE))


def _periods(days: NDArray[np.int32], period: Period) -> NDArray[np.int64]:
    """Which period each day is in, numbered without gaps."""
    if period == "day":
        return days.astype(np.int64)
    if period == "week":
        return (days.astype(np.int64) + _MONDAY) // 7
    return days.astype("datetime64[D]").astype("datetime64[M]" if period == "month" else "datetime64[Y]").astype(int)


def _start(number: int, period: Period) -> date:
    """The first day of a period."""
    match period:
        case "day" | "week":
            day = number if period == "day" else 7 * number - _MONDAY
            return date.fromordinal(date(1970, 1, 1).toordinal() + day)
        case "month":
            return date(1970 + number // 12, number % 12 + 1, 1)
        case "year":
            return date(1970 + number, 1, 1)
