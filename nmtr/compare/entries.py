"""What is compared: finished runs, those that differ in their seed only as one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmtr.config import RunConfig
from nmtr.config.written import option_text
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError, RunError
from nmtr.evaluation.groups import Members
from nmtr.evaluation.metrics import hit_rate_per_user, ndcg_per_user
from nmtr.evaluation.ranking import Ranks
from nmtr.evaluation.significance import Values
from nmtr.runs.checkpoint import load_ranks
from nmtr.runs.store import Run
from nmtr.runs.withheld import said
from nmtr.workspace import Workspace

_METRIC = re.compile(r"(HR|NDCG)@([1-9]\d{0,5})")
#: What runs of one entry may differ in: the seed is drawn over; threads and watching the test change no figure.
_WITHIN = ("seed", "threads", "watch_test")


@dataclass(frozen=True, eq=False)
class Entry:
    """One method as it was configured, run with one seed or several; n users are tested."""

    name: str  # unique among those that it is compared with
    runs: tuple[Run, ...]  # one a seed, by seed
    ranks: Ranks  # (seeds, M) of each user's held-out item; NaN = none

    @property
    def config(self) -> RunConfig:
        """What its runs have in common, and the first one's seed and threads."""
        return self.runs[0].config

    @property
    def tested(self) -> Members:
        """(M,) which users have a held-out item."""
        known: Members = ~np.isnan(self.ranks[0])
        return known

    def holds(self, run: Run) -> bool:
        """Whether the run is one of this entry's, or would be if no newer run were the same."""
        return same_but_seed(run.config, self.config)

    def by_seed(self, metric: str) -> Values:
        """(seeds, n) of HR@k or NDCG@k; ConfigError for any other metric."""
        kind, cutoff = parse_metric(metric)
        values = {"HR": hit_rate_per_user, "NDCG": ndcg_per_user}[kind]
        return np.stack([values(ranks, cutoff) for ranks in self.ranks])

    def per_user(self, metric: str) -> Values:
        """(n,) each user's value, averaged over the seeds."""
        mean: Values = self.by_seed(metric).mean(axis=0)
        return mean


def parse_metric(metric: str) -> tuple[str, int]:
    """ "HR@100" -> ("HR", 100); ConfigError for anything but HR@k and NDCG@k."""
    found = _METRIC.fullmatch(metric)
    if not found:
        raise ConfigError(f"metric must be HR@k or NDCG@k, such as HR@100; got {metric[:40]}.")
    return found[1], int(found[2])


def entries(workspace: Workspace, run_ids: Sequence[str], *, withhold: bool = True) -> tuple[Entry, ...]:
    """The finished runs as entries, in the order given; of runs that differ in nothing, the newest.

    Raises RunError where a run is not done, has no ranks, or is of another data set, version or protocol than the
    first (its behaviors may be others: the test users are the same), and, with `withhold`, where its test figures are
    not to be shown (`nmtr.runs.withheld`).
    """
    if not run_ids:
        raise ConfigError("a comparison needs one run or more; got none: name them, as `nmtr runs` shows them.")
    runs = [workspace.runs.get(run_id) for run_id in dict.fromkeys(run_ids)]
    for run in runs:
        check(run, runs[0])
    hidden = workspace.runs.withheld(runs) if withhold else ()
    for run in runs:
        if run.id in hidden:
            raise RunError(f"run {run.id} cannot be compared: {said(run)}")
    members = grouped(runs)
    named = names([group[0] for group in members])
    found = [Entry(name, group, _ranks(workspace, group)) for name, group in zip(named, members, strict=True)]
    tested = found[0].tested
    if not tested.any():
        raise RunError(
            f"a comparison needs test users; data set {runs[0].config.data} holds out nobody's purchase: "
            f"compare runs of another data set."
        )
    for entry in found:
        if not np.array_equal(entry.tested, tested):
            raise RunError(
                f"compared runs must be tested on the same users; run {entry.runs[0].id} is not, "
                f"so its files were changed: train it again."
            )
    return tuple(found)


def grouped(runs: Sequence[Run]) -> list[tuple[Run, ...]]:
    """The runs of each entry by seed, in the order in which the entries first appear; of equal runs, the newest."""
    found: dict[str, dict[int, Run]] = {repr(_identity(run.config)): {} for run in runs}
    for run in sorted(runs, key=lambda run: run.created):
        found[repr(_identity(run.config))][run.config.seed] = run
    return [tuple(run for _, run in sorted(seeds.items())) for seeds in found.values()]


def dataset_of(workspace: Workspace, run: Run) -> Dataset:
    """The data set that a run was trained on, with all of its behaviors; RunError where it is another now."""
    dataset = workspace.data.load(run.config.data)
    if dataset.fingerprint != run.fingerprint:
        raise RunError(
            f"run {run.id} was trained on another version of data set {run.config.data}; "
            f"bring that one back or train again."
        )
    return dataset


def check(run: Run, first: Run) -> None:
    """RunError where the run is not done, or cannot be compared with the first."""
    if run.state != "done":
        raise RunError(f"run {run.id} must be done to be compared; it is {run.state}: wait for it, or resume it.")
    same = ("data set", "version", "protocol")
    here = (run.config.data, run.fingerprint[:8], run.config.protocol)
    there = (first.config.data, first.fingerprint[:8], first.config.protocol)
    for what, mine, others in zip(same, here, there, strict=True):
        if mine != others:
            raise RunError(
                f"compared runs must be of one data set, version and protocol; run {first.id} has {what} {others} and "
                f"run {run.id} {mine}: compare those of each {what} by themselves."
            )


def _ranks(workspace: Workspace, runs: Sequence[Run]) -> Ranks:
    """(seeds, M) of the test; RunError where a file is missing, damaged, or of another number of users."""
    found = [load_ranks(workspace.runs.folder(run.id)).get("test", np.empty(0)) for run in runs]
    for run, ranks in zip(runs, found, strict=True):
        if ranks.shape != found[0].shape or ranks.ndim != 1:
            raise RunError(f"run {run.id} must have one test rank a user; its file has others: train it again.")
    return np.stack(found).astype(np.float64)


# What they are called, and what they differ in


def same_but_seed(one: RunConfig, other: RunConfig) -> bool:
    """Whether runs of both are one entry."""
    return _identity(one) == _identity(other)


def _identity(config: RunConfig) -> dict[str, Any]:
    return {name: value for name, value in config.to_json().items() if name not in _WITHIN}


def differing(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """Of each config the options that are not the same in all that have them, but for those that an entry's runs differ
    in."""
    options = [_identity(config) for config in configs]
    every = dict.fromkeys(name for given in options for name in given)
    unlike = [name for name in every if _values(name, options) > 1]
    return [{name: given[name] for name in unlike if name in given} for given in options]


def _values(name: str, options: Sequence[Mapping[str, Any]]) -> int:
    """How many different values an option has where it has one."""
    return len({repr(given[name]) for given in options if name in given})


def names(runs: Sequence[Run]) -> list[str]:
    """What to call each: its model, with the options that tell it from others of that model, else with its id."""
    found: dict[str, str] = {}
    for label in dict.fromkeys(run.config.label for run in runs):
        alike = [run for run in runs if run.config.label == label]
        for run, options in zip(alike, differing([run.config for run in alike]), strict=True):
            told = [option_text(name, value) for name, value in options.items()]
            found[run.id] = " · ".join([label, *told])
    times = Counter(found.values())
    return [found[run.id] if times[found[run.id]] == 1 else f"{found[run.id]} · {run.id}" for run in runs]
