"""Tuning: the same number of trials for every method, halved rung by rung, chosen on validation and never on test.

Trials are drawn once, by a scrambled Sobol sequence, from the space of the options that the method reads. Before those
that are drawn come its defaults (trial 0) and its defaults with its other loss, since losses make as much of a
difference as methods do; a larger budget only adds trials, and none is there twice. A trial leaves about half of the
options at their defaults: where all are drawn anew, one bad value spoils most trials, and small budgets find nothing.

With nine or more, all are trained for a ninth of the epochs, the best third of them for a third, and the best ninth for
all of them. The defaults go on whatever they give, so that tuning never ends below them on validation. A rung is a run
like any other, trained from its start: that costs half as much again, and in turn a search that was stopped goes on
from the runs that it finds.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.config.search_space import SPACE
from nmtr.errors import CapacityError, NmtrError
from nmtr.evaluation.metrics import SELECTION
from nmtr.frozen import Frozen
from nmtr.runs.store import Run

SEED = 0  # of the one split that trials are compared on
_POINTS = 13  # 2 ** so many are drawn from, at most
_KEEPS = 0.5  # the chance that a trial leaves an option at its default
_OF_TOWERS = {"layers", "l2_towers"}
_KEPT = 3  # of so many trials one goes on to the next rung, with so many times the epochs


#: The losses that are tried, by a method's default: beside it the one that trains in as little time, or in less.
_LOSSES = {
    "exact": ("exact", "squared"),
    "sampled": ("sampled", "shared"),
    "shared": ("sampled", "shared"),
    "squared": ("squared", "sampled"),
}


class Rung(Frozen):
    """One run of a trial."""

    epochs: int  # at most
    run: str
    valid: dict[str, float] | None  # at the best epoch; None where the run failed
    seconds: float  # of training and evaluation; 0 where the run failed


class Trial(Frozen):
    """One draw, and how far it got."""

    options: dict[str, Any]  # that were drawn; empty for the defaults
    rungs: tuple[Rung, ...]


class Search(Frozen):
    """What was searched for one method, and what validation chose."""

    budget: int
    space: dict[str, str]  # option -> its range, in words
    trials: tuple[Trial, ...]
    chosen: int  # among the trials

    @property
    def seconds(self) -> float:
        """Of all of its runs together."""
        return sum(rung.seconds for trial in self.trials for rung in trial.rungs)

    def best(self, config: RunConfig) -> RunConfig:
        """The config with the options that were chosen."""
        return RunConfig.parse({**config.model_dump(exclude_unset=True), **self.trials[self.chosen].options})


def search(
    configs: Sequence[RunConfig],
    budget: int,
    prepare: Callable[[RunConfig], RunConfig],
    train: Callable[[str, Sequence[RunConfig]], Sequence[Run]],
) -> list[Search]:
    """Tune configs, all of them together, rung by rung; what a config sets stays as it is.

    prepare: resolves a config; raises NmtrError where it fits neither the data set nor the machine.
    train: trains configs, for what is said, and gives back the run of each, be it done or failed.
    """
    spaces = [_Space(config, prepare) for config in configs]
    drawn = [space.draw(budget) for space in spaces]
    rungs: list[list[list[Rung]]] = [[[] for _ in trials] for trials in drawn]
    left = [list(range(len(trials))) for trials in drawn]  # of each config's trials
    schedule = _schedule(budget)
    for number, (share, kept) in enumerate(schedule, 1):
        wanted = [(which, trial) for which, trials in enumerate(left) for trial in trials]
        tried = [spaces[which].config(drawn[which][trial], share) for which, trial in wanted]
        runs = train(f"tuning, rung {number} of {len(schedule)}", tried)
        for (which, trial), config, run in zip(wanted, tried, runs, strict=True):
            valid, seconds = (run.result.valid, run.result.seconds) if run.result else (None, 0.0)
            rungs[which][trial].append(Rung(epochs=config.epochs, run=run.id, valid=valid, seconds=seconds))
        for which, trials in enumerate(left):
            values = {trial: (_value(rungs[which][trial][-1]), -trial) for trial in trials}
            best = sorted(trials, key=values.__getitem__, reverse=True)[:kept]
            left[which] = best if 0 in best or number == len(schedule) else [*best, 0]
    return [
        Search(
            budget=budget,
            space=space.about,
            trials=tuple(Trial(options=options, rungs=tuple(row)) for options, row in zip(trials, rows, strict=True)),
            chosen=best,
        )
        for space, trials, rows, [best] in zip(spaces, drawn, rungs, left, strict=True)
    ]


def _schedule(budget: int) -> list[tuple[int, int]]:
    """Of each rung: which share of the epochs it trains (1 / n), and how many trials go on from it."""
    rungs = 1 + (budget >= _KEPT) + (budget >= _KEPT**2)
    return [
        (_KEPT ** (rungs - rung), math.ceil(budget / _KEPT**rung) if rung < rungs else 1)
        for rung in range(1, rungs + 1)
    ]


def _value(rung: Rung) -> tuple[float, ...]:
    """What trials are compared by; a failed one stands below all others."""
    return (-1.0,) if rung.valid is None else tuple(rung.valid.get(metric, 0.0) for metric in SELECTION)


def _without_towers(config: RunConfig) -> bool:
    """Whether a resolved config's method reads a tower's options, but none of its units has one."""
    return config.uses("unit") and set(config.units) == {"gmf"}


def affordable(config: RunConfig, prepare: Callable[[RunConfig], RunConfig]) -> RunConfig:
    """The config, by the next of its method's losses where it names none and the usual one is too dear here.

    prepare: as for `search`. Raises NmtrError where the config fits with no loss.
    """
    try:
        prepare(config)
        return config
    except CapacityError:
        losses = () if "loss" in config.model_fields_set else METHODS[config.method].losses
        found = _accepted(config, losses, prepare)
        if not found:
            raise
        return found[0]


def _accepted(config: RunConfig, losses: Sequence[str], prepare: Callable[[RunConfig], RunConfig]) -> list[RunConfig]:
    """The config with each of the losses that fits the data set and the machine."""
    found = []
    for loss in losses:
        with suppress(NmtrError):
            one = RunConfig.parse({**config.model_dump(exclude_unset=True), "loss": loss})
            prepare(one)
            found.append(one)
    return found


class _Space:
    """What is searched for one config."""

    def __init__(self, config: RunConfig, prepare: Callable[[RunConfig], RunConfig]) -> None:
        usual = affordable(config, prepare)
        self._given = usual.model_dump(exclude_unset=True)
        self._prepare = prepare
        self._usual = prepare(usual)
        self._losses = () if "loss" in config.model_fields_set else self._affordable_losses()
        self._behaviors = len(self._usual.behaviors)
        searches_lambdas = "lambdas" not in self._given and self._usual.uses("lambdas") and self._behaviors > 1
        self._cuts = self._behaviors - 1 if searches_lambdas else 0
        self.about: dict[str, str] = (
            {"lambdas": "equal, or uniform on the simplex, in hundredths"} if self._cuts else {}
        )
        if len(self._losses) > 1:
            self.about["loss"] = f"one of {', '.join(self._losses)}"

    def _affordable_losses(self) -> tuple[str, ...]:
        """The losses to try; none where the method has one only."""
        if not self._usual.uses("loss") or self._usual.loss is None:
            return ()
        losses = _LOSSES.get(self._usual.loss, (self._usual.loss,))
        given = RunConfig.parse(self._given)
        return tuple(loss for one in _accepted(given, losses, self._prepare) if (loss := one.loss))

    def config(self, options: Mapping[str, Any], share: int) -> RunConfig:
        """A trial's config, for its share of the epochs (1 / share)."""
        epochs = min(self._usual.epochs, max(math.ceil(self._usual.epochs / share), self._behaviors))
        # What only a reported run needs is left to the last rung: a trial's validation is the same without it.
        reporting = ("watch_test", "refit") if share > 1 else ()
        without = {name: False for name in reporting if getattr(self._usual, name)}
        return RunConfig.parse({**self._given, **options, **without, "epochs": epochs})

    def draw(self, budget: int) -> list[dict[str, Any]]:
        """The options of so many trials, none for the first; of fewer where the space has no more."""
        from scipy.stats import qmc  # takes half a second, which no other command is to wait for

        sobol = qmc.Sobol(1 + len(SPACE) + self._cuts + 1, rng=np.random.default_rng(SEED))
        usual = [{}, *({"loss": loss} for loss in self._losses if loss != self._usual.loss)]
        trials: dict[str, dict[str, Any]] = {}  # by what they come to
        for options in itertools.chain(usual, map(self._options, sobol.random_base2(_POINTS))):
            resolved = self._prepare(RunConfig.parse({**self._given, **options}))
            trials.setdefault(json.dumps(resolved.to_json()), options)
            if len(trials) == budget:
                break
        return list(trials.values())

    def _options(self, point: NDArray[np.float64]) -> dict[str, Any]:
        """A point of the unit cube as options."""
        options: dict[str, Any] = {}
        if len(self._losses) > 1:
            options["loss"] = self._losses[int(point[0] * len(self._losses))]
        for (name, dimension), u in zip(SPACE.items(), point[1:], strict=False):
            # Resolved anew for each option: the learning rate's default is the drawn optimizer's and loss's.
            usual = self._prepare(RunConfig.parse({**self._given, **options}))
            if name in self._given or not usual.uses(name) or (name in _OF_TOWERS and _without_towers(usual)):
                continue
            self.about[name] = dimension.about
            if u >= _KEEPS:
                options[name] = dimension.value((float(u) - _KEEPS) / (1 - _KEEPS), getattr(usual, name))
        if self._cuts and point[-1] >= _KEEPS:
            cuts = np.round(np.sort(point[-1 - self._cuts : -1]), 2)
            options["lambdas"] = tuple(np.round(np.diff(cuts, prepend=0.0, append=1.0), 2).tolist())
        return options
