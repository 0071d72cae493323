"""The one place that composes: config -> data -> model -> train -> evaluate. Writes nothing."""

from __future__ import annotations

import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset, IntArray
from nmtr.data.split import Split, split, stands_in
from nmtr.errors import ConfigError, RunError
from nmtr.evaluation.metrics import SELECTION, intervals, summarize
from nmtr.evaluation.ranking import Ranks, rank_held_out
from nmtr.evaluation.result import BestTestEpoch, Result, Slice
from nmtr.evaluation.scorer import Scorer
from nmtr.methods import contract
from nmtr.native.tensors import threads_of_its_own, tiny_numbers_as_zero
from nmtr.native.tensors import use_threads as use_threads
from nmtr.training.report import EpochReport, Phase

#: Users on whose validation purchases epochs are compared, at most: HR@100 then has an interval of 0.003 or less, and a
#: million users need not be ranked again and again.
_COMPARED_USERS = 100_000


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an experiment ends in."""

    result: Result
    ranks: dict[str, Ranks]  # "valid", "test", "lower:view": (M,) of each user's held-out item; NaN = none
    weights: dict[str, Tensor]  # the tested model's, for `load_scorer`; empty for rules


P = ParamSpec("P")
T = TypeVar("T")


def _apart(step: Callable[Concatenate[Experiment, P], T]) -> Callable[Concatenate[Experiment, P], T]:
    """A step with the run's threads and random numbers of its own, which leaves those of the process as they are."""

    @functools.wraps(step)
    def taken(experiment: Experiment, /, *given: P.args, **named: P.kwargs) -> T:
        with threads_of_its_own(experiment.config.threads), torch.random.fork_rng(devices=[]):
            return step(experiment, *given, **named)

    return taken


class Experiment:
    """One run: chooses the number of epochs on validation, tests once.

    The *select* phase trains on the split with validation purchases held out and keeps the weights of the epoch with
    the best validation HR@100 (NDCG@100 among equals) of those that are ranked: every `rank_every`-th, and the last.
    With `refit`, a second phase trains a new model on training + validation for that many epochs, and that one is
    tested.

    The process that it is in keeps its number of threads and its random numbers: every step has its own, and gives
    them back.
    """

    def __init__(self, config: RunConfig, dataset: Dataset) -> None:
        self.config, self.dataset = config, dataset.select(config.behaviors)
        self._phase: Phase = "select"
        self._epoch = 0  # of the phase
        self._seconds: list[float] = []  # of every epoch so far
        self._evaluating = 0.0
        self._best_epoch = 0
        self._best_value: tuple[float, ...] = ()
        self._best: dict[str, Tensor] = {}
        self._best_test: BestTestEpoch | None = None
        self._valid_ranks: Ranks = np.full(dataset.num_users, np.nan)
        self._begin("select")

    @_apart
    def _begin(self, phase: Phase) -> None:
        self._phase, self._epoch = phase, 0
        self._split = _split(self.dataset, self.config, validation=phase == "select")
        self._compared = _some(self._split.valid_item, self.config.seed)
        self._trainer: contract.Learning | None = None
        if self.config.uses("epochs"):
            torch.manual_seed(self.config.seed)
            method = contract.trained(self.config)
            model = method.build(self.config, self.dataset.num_users, self.dataset.num_items)
            self._trainer = method.learning(model, self.config, self._split.train)

    def epochs(self, stop: Callable[[], bool] = lambda: False) -> Iterator[EpochReport]:
        """Trains, yielding a report after every epoch; `state()` may be taken after each.

        Raises Stopped at the first batch boundary where stop() is true.
        """
        if self._trainer is None:
            return
        while self._phase == "select" and not self._selected():
            yield self._train_epoch(self.config.epochs, stop)
        if self.config.refit and self._phase == "select":
            self._keep_best()
            self._begin("refit")
        while self._phase == "refit" and self._epoch < self._best_epoch:
            yield self._train_epoch(self._best_epoch, stop)

    def _selected(self) -> bool:
        waited = self._epoch - max(self._best_epoch, self.config.earliest - 1)
        lost = 0 < self.config.patience <= waited and self.config.ranks(self._epoch)
        return self._epoch >= self.config.epochs or lost

    def _train_epoch(self, most: int, stop: Callable[[], bool]) -> EpochReport:
        losses, seconds = self.train(self._epoch + 1, stop)
        self._epoch += 1
        self._seconds.append(seconds)
        ranked = self._phase == "select" and self.config.ranks(self._epoch)
        valid = self._validate() if ranked else None
        test = self._watch() if ranked and self.config.watch_test else None
        return EpochReport(
            epoch=self._epoch,
            epochs=most,
            phase=self._phase,
            loss=dict(zip(self.config.learned, losses.tolist(), strict=True)),
            valid=valid,
            test=test,
            best_epoch=self._best_epoch,
            seconds=seconds,
        )

    @_apart
    def _validate(self) -> dict[str, float] | None:
        """Ranks the validation purchases and keeps the weights if no epoch before was better."""
        assert self._trainer is not None
        started = time.perf_counter()
        ranks = rank(*self.comparison())
        valid = summarize(ranks)
        # Where no purchase can be held out for validation, the last epoch is the one to test.
        value = tuple(valid[metric] for metric in SELECTION) if valid else (float(self._epoch),)
        if self._epoch >= self.config.earliest and value > self._best_value:
            self._best_epoch, self._best_value, self._valid_ranks = self._epoch, value, ranks
            self._best = {name: tensor.clone() for name, tensor in self._trainer.model.state_dict().items()}
        self._evaluating += time.perf_counter() - started
        return valid or None

    @_apart
    def _watch(self) -> dict[str, float] | None:
        """Ranks the test purchases, for the record: nothing depends on it."""
        started = time.perf_counter()
        test = summarize(rank(self._scorer(), self._split.test_item, self._split.known)) or None
        if test and (self._best_test is None or test[SELECTION[0]] > self._best_test.metrics[SELECTION[0]]):
            self._best_test = BestTestEpoch(epoch=self._epoch, metrics=test)
        self._evaluating += time.perf_counter() - started
        return test

    @_apart
    def _keep_best(self) -> None:
        """Ends the select phase with the weights of its best epoch, and the validation ranks of all users."""
        assert self._trainer is not None
        started = time.perf_counter()
        self._trainer.model.load_state_dict(self._best)
        if self._compared is not self._split.valid_item:
            self._valid_ranks = rank(self._scorer(), self._split.valid_item, self._split.train[-1])
        self._evaluating += time.perf_counter() - started

    def _scorer(self) -> Scorer:
        if self._trainer is None:
            return contract.rule(self.config).rule(self.config, self._split.train)
        return contract.trained(self.config).scorer(self._trainer.model)

    @property
    def split(self) -> Split:
        """The parts that the phase trains and ranks on."""
        return self._split

    def weigh(self, lambdas: Sequence[float]) -> None:
        """Go on with other λ from the weights as they are; ConfigError where the training knows no other λ."""
        self.config = self.config.model_copy(update={"lambdas": tuple(lambdas)})
        if not isinstance(self._trainer, contract.Weighing):
            raise ConfigError(f"{self.config.label} by {self.config.solver} cannot go on with other λ: train it anew.")
        self._trainer.weigh(lambdas)

    @property
    def steps(self) -> int:
        """Batches of an epoch; 0 of a rule."""
        return 0 if self._trainer is None else self._trainer.steps

    @_apart
    def train(self, number: int, stop: Callable[[], bool]) -> tuple[NDArray[np.float64], float]:
        """Trains one epoch, from 1, and nothing else: (mean loss of each learned behavior, seconds)."""
        assert self._trainer is not None
        with tiny_numbers_as_zero():
            return self._trainer.epoch(number, stop)

    @_apart
    def comparison(self) -> tuple[Scorer, IntArray, csr_array]:
        """What epochs are compared by, as `rank_held_out` takes it, with the model as it is now."""
        return self._scorer(), self._compared, self._split.train[-1]

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here: tensors and plain values."""
        assert self._trainer is not None
        return {
            "phase": self._phase,
            "epoch": self._epoch,
            "seconds": list(self._seconds),
            "evaluating": self._evaluating,
            "best_epoch": self._best_epoch,
            "best_value": self._best_value,
            "best": self._best,
            "best_test": self._best_test and self._best_test.model_dump(),
            "valid_ranks": torch.from_numpy(self._valid_ranks),
            **self._trainer.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of the same config and data set."""
        if state["phase"] == "refit":
            self._begin("refit")
        assert self._trainer is not None
        self._epoch = state["epoch"]
        self._seconds, self._evaluating = list(state["seconds"]), state["evaluating"]
        self._best_epoch, self._best_value = state["best_epoch"], state["best_value"]
        self._best = dict(state["best"])
        self._best_test = state.get("best_test") and BestTestEpoch.model_validate(state["best_test"])
        self._valid_ranks = state["valid_ranks"].numpy()
        self._trainer.restore(dict(state))

    @_apart
    def finish(self) -> Outcome:
        """Tests the chosen model, once."""
        if self._trainer is not None and self._phase == "select":
            self._keep_best()
        started = time.perf_counter()
        weights: dict[str, Tensor] = {}
        if self._trainer is None:
            self._valid_ranks = rank(self._scorer(), self._split.valid_item, self._split.train[-1])
            if self.config.refit:
                self._begin("refit")
        else:
            weights = {name: tensor.clone() for name, tensor in self._trainer.model.state_dict().items()}
        test_ranks = rank(self._scorer(), self._split.test_item, self._split.known)
        lower_ranks = self._rank_lower()
        visited = np.zeros(self.dataset.num_users, np.bool_)
        for lower in self._split.train[:-1]:
            visited |= stands_in(lower, self._split.test_item)
        tested = ~np.isnan(test_ranks)
        result = Result(
            epochs=len(self._seconds),
            best_epoch=self._best_epoch,
            refit=self._phase == "refit",
            seconds_per_epoch=statistics.median(self._seconds) if self._seconds else None,
            seconds=sum(self._seconds) + self._evaluating + time.perf_counter() - started,
            valid=summarize(self._valid_ranks),
            test=summarize(test_ranks),
            intervals=intervals(test_ranks),
            test_users=int(tested.sum()),
            visited=_slice(test_ranks[tested & visited]),
            not_visited=_slice(test_ranks[tested & ~visited]),
            peak_memory_mb=peak_memory_mb(),
            best_test=self._best_test,
            behaviors={behavior: summarize(ranks) for behavior, ranks in lower_ranks.items()},
            behavior_intervals={behavior: intervals(ranks) for behavior, ranks in lower_ranks.items()},
        )
        kept = {f"lower:{behavior}": ranks for behavior, ranks in lower_ranks.items()}
        return Outcome(result, {"valid": self._valid_ranks, "test": test_ranks, **kept}, weights)

    def _rank_lower(self) -> dict[str, Ranks]:
        """Of each lower behavior that holds out pairs: their ranks by its own scores, among what users did not do."""
        if self._trainer is None or not self._split.lower_item:
            return {}
        method, model = contract.several(self.config), self._trainer.model
        lower = zip(self.config.behaviors, self._split.lower_item, self.dataset.matrices, strict=False)
        return {
            behavior: rank(method.lower(model, r), held_out, matrix)
            for r, (behavior, held_out, matrix) in enumerate(lower)
        }


def rank(scorer: Scorer, held_out: IntArray, left_out: csr_array) -> Ranks:
    """`rank_held_out`, as fast for a model whose weights have decayed to next to nothing as for any other."""
    with tiny_numbers_as_zero():
        return rank_held_out(scorer, held_out, left_out)


def load_scorer(config: RunConfig, dataset: Dataset, weights: Mapping[str, Tensor]) -> tuple[Scorer, Split]:
    """The tested model of a finished run, ready to score, with the split that it was trained and tested on.

    Raises RunError where the weights are not this config's and data set's.
    """
    chosen = dataset.select(config.behaviors)
    parts = _split(chosen, config, validation=not config.refit)
    if not config.uses("epochs"):
        return contract.rule(config).rule(config, parts.train), parts
    model = unfilled(config, chosen.num_users, chosen.num_items)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if expected != {name: tuple(tensor.shape) for name, tensor in weights.items()}:
        raise RunError(
            f"the run's weights must fit data set {dataset.name} and its config, and do not: train it again."
        )
    model.load_state_dict(weights, assign=True)
    return contract.trained(config).scorer(model), parts


def expected_weights(config: RunConfig, num_users: int, num_items: int) -> dict[str, Tensor]:
    """The tensors, on the meta device, that a finished run of this resolved config has; none of a rule."""
    return unfilled(config, num_users, num_items).state_dict() if config.uses("epochs") else {}


class _Undrawn(TorchFunctionMode):
    """Draws no weights: to know shapes alone, torch would import its compiler for it (1.3 s of a processor)."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__.endswith(("normal_", "uniform_")):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def unfilled(config: RunConfig, num_users: int, num_items: int) -> nn.Module:
    """The model in shapes only: nothing is drawn, and nothing takes memory."""
    with torch.device("meta"), _Undrawn():
        return contract.trained(config).build(config, num_users, num_items)


def _split(dataset: Dataset, config: RunConfig, *, validation: bool) -> Split:
    return split(
        dataset,
        config.protocol,
        config.seed,
        validation=config.validation if validation else None,
        sample=config.sample,
        hold_out_lower=config.hold_out_lower,
    )


def _some(held_out: IntArray, seed: int) -> IntArray:
    """The held-out items of so many users at most, drawn at random; -1 for the others."""
    users = np.flatnonzero(held_out >= 0)
    if len(users) <= _COMPARED_USERS:
        return held_out
    chosen = np.random.default_rng(seed).choice(users, _COMPARED_USERS, replace=False)
    some = np.full_like(held_out, -1)
    some[chosen] = held_out[chosen]
    return some


def _slice(ranks: Ranks) -> Slice:
    return Slice(users=len(ranks), metrics=summarize(ranks))


def peak_memory_mb() -> float | None:
    """The most memory that this process has held; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
