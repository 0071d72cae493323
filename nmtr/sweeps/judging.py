"""What a study's validation ranks say: intervals, equally good points, groups of users, trade-offs.

Only ranks of validation purchases are read here, at each run's best epoch, and of points that are done. Users are the
sample, and all points share them: a user's value is the mean over the seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from nmtr.compare.entries import parse_metric
from nmtr.errors import RunError
from nmtr.evaluation.groups import by_purchases, purchases
from nmtr.evaluation.metrics import hit_rate_per_user, ndcg_per_user
from nmtr.evaluation.ranking import Ranks
from nmtr.evaluation.result import Result
from nmtr.evaluation.significance import Values, bootstrap, ends
from nmtr.frozen import Frozen
from nmtr.runs.checkpoint import RANKS, load_ranks
from nmtr.sweeps.record import Point, Study, check_data
from nmtr.workspace import Workspace


class Sensitivity(Frozen):
    """Which point is best for users with so many training purchases, on validation."""

    group: str  # "5–8"
    users: int
    number: int  # of the best point for them
    options: dict[str, Any]
    value: float  # of the study's metric, for these users
    low: float | None  # 95 % interval
    high: float | None
    #: How far the study's best point stays behind it for these users, 0 or less, and the interval of the paired
    #: difference. It is wide enough (Bonferroni) to hold for every other point and group at once, at 95 %, for a
    #: group's best is looked for among all points: the best of many that are worth the same is ahead by chance.
    behind: float
    behind_low: float | None
    behind_high: float | None
    equally_good: frozenset[int]  # for these users

    @property
    def differs(self) -> bool:
        """Whether these users would be served better by another point than all users are, by more than chance."""
        return self.behind_high is not None and self.behind_high < 0


class TradeOff(Frozen):
    """How well a point ranks each behavior's held-out items, by that behavior's own scores."""

    number: int
    options: dict[str, Any]
    #: Behavior -> the study's metric, the mean over the seeds: of the target on validation, of lower ones on the pairs
    #: that were hidden for this.
    values: dict[str, float]
    #: Behavior -> half of its value's 95 % interval over users, where it is known: that of a lower behavior is kept for
    #: each run alone, so with several seeds it is not.
    half_widths: dict[str, float] = {}


class _Judged(NamedTuple):
    """Of P points: intervals, and what the best of them is compared with."""

    value: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    behind: tuple[float, ...]  # the best
    behind_high: tuple[float | None, ...]

    def equally_good(self) -> list[int]:
        """Places of those whose difference to the best may be 0; all of them where there is nothing to judge by."""
        return [place for place, high in enumerate(self.behind_high) if high is None or high >= 0]


def judged(workspace: Workspace, study: Study) -> Study:
    """The study with intervals and equally good points.

    Points whose ranks are gone, with a run that was deleted, have neither; where the best is one, no point is judged
    to be equally good. Worked out once for each set of done points in a process.
    """
    done = _done(workspace, study)
    if not done:
        return study
    held_against = done.index(study.best) if study.best in done else None
    found = _judged(workspace.home, tuple(point.runs for point in done), study.metric, held_against or 0)
    ranges = {point.number: (found.low[place], found.high[place]) for place, point in enumerate(done)}
    points = tuple(
        point.model_copy(update=dict(zip(("low", "high"), ranges[point.number], strict=True)))
        if point.number in ranges
        else point
        for point in study.points
    )
    equally_good = frozenset(done[place].number for place in (found.equally_good() if held_against is not None else ()))
    return study.model_copy(update={"points": points, "equally_good": equally_good})


def sensitivity(workspace: Workspace, study: Study) -> tuple[Sensitivity, ...]:
    """By training purchases, the sparsest users first; empty where nothing is done. RunError where the data changed."""
    done = _done(workspace, study)
    if study.best is None or study.best.number not in [point.number for point in done]:
        return ()
    check_data(workspace, study)
    overall = [point.number for point in done].index(study.best.number)
    ranks = _ranks(workspace.home, tuple(point.runs for point in done))
    values = _per_user(ranks, study.metric)
    validated = ~np.isnan(ranks[0][0])
    counts = purchases(workspace.data.load(study.data))[validated]
    groups = by_purchases(counts)
    comparisons = max(1, (len(done) - 1) * len(groups))
    return tuple(_of_group(group.name, values[group.members], done, overall, comparisons) for group in groups)


def trade_off(workspace: Workspace, study: Study) -> tuple[TradeOff, ...]:
    """Done points whose runs held out pairs of the lower behaviors (`hold_out_lower`), where any did."""
    found = []
    for point in study.points:
        try:
            results = [workspace.runs.get(run).result for run in point.runs if point.state == "done"]
        except RunError:  # a run was deleted
            continue
        lower = [result.behaviors for result in results if result is not None]
        if lower and all(lower) and point.value is not None:
            values = {
                behavior: sum(own[behavior][study.metric] for own in lower) / len(lower)
                for behavior in study.behaviors[:-1]
                if all(study.metric in own[behavior] for own in lower)  # else nobody has a pair to hold out
            }
            found.append(
                TradeOff(
                    number=point.number,
                    options=point.options,
                    values={**values, study.behaviors[-1]: point.value},
                    half_widths=_half_widths(study, point, results),
                )
            )
    return tuple(found)


def _half_widths(study: Study, point: Point, results: Sequence[Result | None]) -> dict[str, float]:
    """By behavior, of a point's results, one a seed."""
    found: dict[str, float] = {}
    if len(results) == 1 and results[0] is not None:
        own = results[0].behavior_intervals
        found = {behavior: own[behavior][study.metric] for behavior in own if study.metric in own[behavior]}
    if point.low is not None and point.high is not None:
        found[study.behaviors[-1]] = (point.high - point.low) / 2
    return found


def _of_group(name: str, values: Values, done: Sequence[Point], overall: int, comparisons: int) -> Sensitivity:
    """values: (n, P) of the group's users; overall: the place of the point that is best for all users.

    comparisons: for how many at once the interval of their difference is to hold.
    """
    best = int(values.mean(axis=0).argmax())
    found = _judge(values, best)
    behind_low, behind_high = _simultaneous(values[:, overall] - values[:, best], comparisons)
    return Sensitivity(
        group=name,
        users=len(values),
        number=done[best].number,
        options=done[best].options,
        value=found.value[best],
        low=found.low[best],
        high=found.high[best],
        behind=found.behind[overall],
        behind_low=behind_low,
        behind_high=behind_high,
        equally_good=frozenset(done[place].number for place in found.equally_good()),
    )


def _simultaneous(differences: Values, comparisons: int) -> tuple[float | None, float | None]:
    """The ends of Student's interval of the mean of (n,) differences, one of so many that are to hold at once by 95 %.

    Not the bootstrap's: its draws do not tell quantiles that far out.
    """
    count = len(differences)
    if count < 2:
        return None, None
    quantile = special.stdtrit(count - 1, 1 - 0.025 / comparisons)
    mean, half_width = differences.mean(), quantile * differences.std(ddof=1) / np.sqrt(count)
    return float(mean - half_width), float(mean + half_width)


@lru_cache(maxsize=16)
def _judged(home: Path, runs: tuple[tuple[str, ...], ...], metric: str, best: int) -> _Judged:
    return _judge(_per_user(_ranks(home, runs), metric), best)


def _judge(values: Values, best: int) -> _Judged:
    """values: (n, P), one for each user and point; best: the place of the point that the others are compared with."""
    mean = values.mean(axis=0)
    apart = bootstrap(values)
    behind = mean - mean[best]
    (low, high), (_, behind_high) = ends(apart), ends(apart - apart[:, [best]])
    return _Judged(
        value=tuple(mean.tolist()),
        low=_known(mean + low),
        high=_known(mean + high),
        behind=tuple(behind.tolist()),
        behind_high=_known(behind + behind_high),
    )


def _known(values: Values) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def _done(workspace: Workspace, study: Study) -> list[Point]:
    """The done points whose ranks are still there."""
    return [
        point
        for point in study.points
        if point.state == "done" and all((workspace.runs.folder(run) / RANKS).exists() for run in point.runs)
    ]


def _ranks(home: Path, runs: Sequence[Sequence[str]]) -> list[list[Ranks]]:
    """Of each point and seed the validation ranks (M,); RunError where they are not of the same users."""
    found = [[load_ranks(home / "runs" / run).get("valid", np.empty(0)) for run in own] for own in runs]
    known = ~np.isnan(found[0][0])
    for own, names in zip(found, runs, strict=True):
        for ranks, run in zip(own, names, strict=True):
            if not np.array_equal(~np.isnan(ranks), known):
                raise RunError(
                    f"run {run} must have validation ranks of the study's users; it has others: train it again."
                )
    return found


def _per_user(ranks: Sequence[Sequence[Ranks]], metric: str) -> Values:
    """(n, P): of each validated user and point the metric, the mean over the seeds."""
    kind, cutoff = parse_metric(metric)
    of = {"HR": hit_rate_per_user, "NDCG": ndcg_per_user}[kind]
    return np.column_stack([np.mean([of(one, cutoff) for one in own], axis=0) for own in ranks])
