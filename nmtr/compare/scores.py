"""What is said of each entry: its value with its interval, and how far it is from the reference, with tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nmtr.evaluation.groups import Members
from nmtr.evaluation.significance import Values, bootstrap, ends, holm, mcnemar, paired_t, wilcoxon
from nmtr.frozen import Frozen
from nmtr.runs.store import Run

#: Values of entries, metrics and users that are held at once: 256 MB, and as much again in a resampling.
_AT_ONCE = 1 << 25
_NOTHING = 1e-6  # what float32 leaves of a mean of 0
TESTS = ("t-test", "wilcoxon", "mcnemar")


class Interval(Frozen):
    """A mean over users with its 95 % bootstrap interval, which one user alone does not have."""

    value: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float | None:
        """What stands behind ±."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


class PerUser(Protocol):
    """Something with values for each of n users: an `Entry` by its metrics."""

    @property
    def runs(self) -> Sequence[Run]: ...

    def by_seed(self, metric: str) -> Values:
        """(seeds, n)"""
        ...

    def per_user(self, metric: str) -> Values:
        """(n,) in mean over the seeds."""
        ...


class PValue(Frozen):
    """What one test says of one difference; None where there is nothing to judge by."""

    p: float | None
    holm: float | None  # corrected over the family: see `scores`


class Difference(Interval):
    """How far an entry is from the reference, over the same users."""

    #: t-test: always. wilcoxon: NDCG. mcnemar: HR of one seed each, since means over seeds are no hits.
    tests: dict[str, PValue]

    @property
    def p(self) -> float | None:
        """The corrected p of the paired t-test, which all metrics and any number of seeds allow."""
        return self.tests["t-test"].holm


class Score(Interval):
    """One metric of one entry: the mean over its seeds, and the interval over users of their means over the seeds."""

    seed_spread: float | None  # standard deviation over the seeds, which no user interval holds; None of one seed
    difference: Difference | None  # None of the reference itself

    def row(self) -> dict[str, Any]:
        """As columns of a CSV."""
        found = {"value": self.value, "low": self.low, "high": self.high, "seed_spread": self.seed_spread}
        other = self.difference
        found |= {f"difference{end}": None for end in ("", "_low", "_high")}
        found |= {f"{kind}_{name}": None for name in TESTS for kind in ("p", "holm")}
        if other is not None:
            found |= {"difference": other.value, "difference_low": other.low, "difference_high": other.high}
            for name, test in other.tests.items():
                found |= {f"p_{name}": test.p, f"holm_{name}": test.holm}
        return found


def scores(
    entries: Sequence[PerUser], reference: int, metrics: Sequence[str], groups: Sequence[Members]
) -> list[list[dict[str, Score]]]:
    """For each group of the tested users (n,) and each entry, its metrics; no group may be empty.

    Holm's family is, for each metric and test by itself, every entry but the reference in every group.
    """
    found: list[list[dict[str, Score]]] = [[{} for _ in entries] for _ in groups]
    at_once = max(1, _AT_ONCE // (len(entries) * max(1, len(groups[0]))))
    for start in range(0, len(metrics), at_once):
        _score(found, entries, reference, metrics[start : start + at_once], groups)
    return found


def _score(
    found: list[list[dict[str, Score]]],
    entries: Sequence[PerUser],
    reference: int,
    metrics: Sequence[str],
    groups: Sequence[Members],
) -> None:
    """Adds metrics whose values are held at once."""
    values = np.array([[entry.per_user(metric) for metric in metrics] for entry in entries])  # (E, K, n)
    single = [len(entry.runs) == 1 and len(entries[reference].runs) == 1 for entry in entries]
    tests = [_tests(metric, values[:, k], reference, single, groups) for k, metric in enumerate(metrics)]
    for number, members in enumerate(groups):
        of_group = values[:, :, members]
        mean = of_group.mean(axis=2)  # (E, K)
        apart = bootstrap(of_group.reshape(mean.size, -1).T).reshape(-1, *mean.shape)
        own, other = ends(apart), ends(apart - apart[:, [reference]])
        for e, entry in enumerate(entries):
            for k, metric in enumerate(metrics):
                found[number][e][metric] = Score(
                    **_interval(mean[e, k], own, (e, k)),
                    seed_spread=_spread(entry.by_seed(metric)[:, members]),
                    difference=None
                    if e == reference
                    else Difference(
                        **_interval(mean[e, k] - mean[reference, k], other, (e, k)),
                        tests=tests[k][number][e],
                    ),
                )


def mean_interval(values: Values) -> Interval:
    """The mean over users (n,), n > 0, with its interval."""
    return Interval(**_interval(float(values.mean()), ends(bootstrap(values[:, None])), (0,)))


def relative_drop(richest: Values, sparsest: Values) -> Interval | None:
    """By which share of its mean over some users (n,) a metric is lower over others (m,); None of a mean of 0.

    The groups share no user, so each is resampled by itself.
    """
    before, after = float(richest.mean()), float(sparsest.mean())
    if not before:
        return None
    drop = 1 - after / before
    draws = [bootstrap(values[:, None], seed)[:, 0] for seed, values in enumerate((richest, sparsest))]
    count = min(map(len, draws))
    # A resample in which nobody of the richest group is hit says nothing of what is lost from there.
    kept = ~(np.abs(before + draws[0][:count]) <= _NOTHING)
    apart = 1 - (after + draws[1][:count][kept]) / (before + draws[0][:count][kept]) - drop
    return Interval(**_interval(drop, ends(apart[:, None]), (0,)))


def _interval(value: float, around: tuple[Values, Values], place: tuple[int, ...]) -> dict[str, Any]:
    low, high = (float(value + end[place]) for end in around)
    known = not math.isnan(low)
    return {"value": float(value), "low": low if known else None, "high": high if known else None}


def _spread(by_seed: Values) -> float | None:
    """Standard deviation over the seeds of the mean over users; by_seed (seeds, n)."""
    return float(by_seed.mean(axis=1).std(ddof=1)) if len(by_seed) > 1 else None


def _tests(
    metric: str, values: Values, reference: int, single: Sequence[bool], groups: Sequence[Members]
) -> list[list[dict[str, PValue]]]:
    """For each group and entry the tests that its metric allows, none for the reference; values (E, n)."""
    ps: list[list[dict[str, float | None]]] = []
    for members in groups:
        base = values[reference, members]
        ps.append([{} for _ in values])
        for e, own in enumerate(values[:, members]):
            if e == reference:
                continue
            ps[-1][e]["t-test"] = paired_t(own - base)
            if metric.startswith("NDCG"):
                ps[-1][e]["wilcoxon"] = wilcoxon(own - base)
            elif metric.startswith("HR") and single[e]:
                ps[-1][e]["mcnemar"] = mcnemar(own, base)
    found: list[list[dict[str, PValue]]] = [[{} for _ in values] for _ in groups]
    for name in TESTS:
        places = [(g, e) for g, group in enumerate(ps) for e, own in enumerate(group) if name in own]
        for (g, e), corrected in zip(places, holm([ps[g][e][name] for g, e in places]), strict=True):
            found[g][e][name] = PValue(p=ps[g][e][name], holm=corrected)
    return found
