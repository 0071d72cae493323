"""When things happened, counted by hand, against pandas, and kept with the data set."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nmtr.data import activity as counting
from nmtr.data.activity import Clock, activity, last_days
from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.data.library import Library
from nmtr.evaluation.groups import idle_days

LOG = """u,a,view,{0}
u,a,buy,{1}
u,b,buy,{2}
v,a,view,{0}
v,a,buy,{3}
v,a,buy,{4}
"""
DAYS = ("2024-02-28", "2024-02-29", "2024-03-02", "2024-03-01", "2024-03-09")


def made(folder: Path, times: tuple[str, ...]) -> Dataset:
    path = folder / "log.csv"
    path.write_text("user,item,behavior,time\n" + LOG.format(*times), encoding="utf-8")
    return read(path, name="shop")


def seconds(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "times",
    [
        DAYS,
        tuple(f"{day} 23:59:59" for day in DAYS),
        tuple(day.replace("-", "") for day in DAYS),
        tuple(str(seconds(day)) for day in DAYS),
        tuple(str(seconds(day) * 1_000 + 86_399_999) for day in DAYS),
        tuple(str(seconds(day) * 1_000_000) for day in DAYS),
        tuple(str(seconds(day) * 1_000_000_000 + 1) for day in DAYS),
    ],
    ids=["dates", "with hours", "digits", "seconds", "milliseconds", "microseconds", "nanoseconds"],
)
def test_pairs_are_counted_by_day_in_every_form_of_time(tmp_path: Path, times: tuple[str, ...]) -> None:
    """The second purchase of a by v is the pair of before: it counts once, on its first day."""
    dataset = made(tmp_path, times)
    found = dataset.activity
    assert found is not None and found.period == "day"
    assert found.starts == (date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 2))
    assert found.pairs == {"view": (2, 0, 0, 0), "buy": (0, 1, 1, 1)}
    # u's b is held out, so the last that is learned from is the 29th; v has one purchase, which is learned from.
    assert dataset.last_day is not None
    assert dataset.last_day.tolist() == [seconds("2024-02-29") // 86_400, seconds("2024-03-01") // 86_400]
    idle = idle_days(dataset)
    assert idle is not None and idle.tolist() == [1, 0]


def test_mere_numbers_and_no_times_have_no_activity(tmp_path: Path) -> None:
    numbers = made(tmp_path, ("1", "2", "3", "4", "5"))
    assert numbers.activity is None and numbers.last_day is None and idle_days(numbers) is None


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    dataset, library = made(tmp_path, DAYS), Library(tmp_path / "data")
    library.save(dataset)
    again = library.load("shop")
    assert again.activity == dataset.activity == library.info("shop").activity
    np.testing.assert_array_equal(again.last_day, dataset.last_day)  # type: ignore[arg-type]
    assert again.fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("days", "period"), [(61, "day"), (62, "week"), (730, "week"), (731, "month"), (4_000, "year")]
)
def test_periods_are_those_of_pandas(days: int, period: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_AT_ONCE", 64)  # so that several parts are put together
    rng = np.random.default_rng(days)
    when = np.append(rng.integers(0, days, 500), [0, days]) + 16_000
    behavior = rng.integers(0, 2, len(when)).astype(np.int8)
    kept = np.append(rng.random(500) < 0.8, [True, True])
    users = rng.integers(0, 40, len(when))
    time = when * 86_400 + rng.random(len(when)) * 86_399
    found = activity(behavior, time, kept, Clock(), ("view", "buy"))
    assert found.period == period
    rule = {"day": "D", "week": "W-SUN", "month": "M", "year": "Y"}[period]
    table = pd.DataFrame({"start": pd.to_datetime(when, unit="D").to_period(rule).start_time, "behavior": behavior})[
        kept
    ]
    whole = pd.period_range(table["start"].min(), table["start"].max(), freq=rule).start_time
    assert list(found.starts) == [start.date() for start in whole]
    for number, name in enumerate(("view", "buy")):
        expected = table["start"][table["behavior"] == number].value_counts().reindex(whole, fill_value=0)
        assert list(found.pairs[name]) == expected.tolist()
    last = pd.Series(when[kept]).groupby(users[kept]).max().reindex(range(41), fill_value=-1)
    assert last_days(users, time, kept, Clock(), 41).tolist() == last.tolist()
