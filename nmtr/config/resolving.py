"""What a config leaves open, filled in: defaults by method, loss and optimizer, and whether it fits a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nmtr.config.methods import METHODS, Unit
from nmtr.errors import ConfigError

if TYPE_CHECKING:
    from nmtr.config import RunConfig

# The defaults by what is minimized: a loss, or BPR's pairwise one.
_DROPOUT = {"sampled": 0.0, "shared": 0.5, "exact": 0.5, "squared": 0.5, "pairwise": 0.5}
_LEARNING_RATE = {
    ("adagrad", "sampled"): 0.05,
    ("adagrad", "shared"): 0.1,
    ("adagrad", "exact"): 0.2,
    ("adagrad", "squared"): 0.05,
    ("adagrad", "pairwise"): 0.05,
    ("adam", "sampled"): 0.001,
    ("adam", "shared"): 0.005,
    ("adam", "exact"): 0.005,
    ("adam", "squared"): 0.002,
    ("adam", "pairwise"): 0.001,
}
_BATCH_SIZE = {"sampled": 4096, "shared": 256, "exact": 512, "squared": 512, "pairwise": 4096}
_SOLVED_L2 = 0.01  # without a penalty a least-squares problem of few purchases has no one solution


def filled(config: RunConfig, behaviors: Sequence[str], users: int) -> dict[str, Any]:
    """The options that a config leaves open, for a data set with these behaviors and so many users.

    Raises ConfigError where the config does not fit the data set.
    """
    method = METHODS[config.method]
    chosen = _chosen(config, behaviors)
    options: dict[str, Any] = {"behaviors": chosen}
    if config.uses("lambdas"):
        options["lambdas"] = _one_lambda_each(config, chosen)
    if "unit" in method.options:
        options["unit"] = _one_unit_each(config, chosen)
    if config.training == "sequential" and config.epochs < len(chosen):
        raise ConfigError(
            f"sequential training needs as many epochs as behaviors ({len(chosen)}) or more; got {config.epochs}."
        )
    minimized: str = "pairwise" if method.pairwise else "squared"
    if method.losses:
        minimized = options["loss"] = _loss(config.model_copy(update=options))
    if "l2_embeddings" in method.options and config.l2_embeddings is None:
        solved = config.solver == "als" or not config.uses("learning_rate")
        options["l2_embeddings"] = _SOLVED_L2 if solved else 0.0
    if config.uses("dropout"):
        options["dropout"] = _DROPOUT[minimized] if config.dropout is None else config.dropout
        options["learning_rate"] = config.learning_rate or _LEARNING_RATE[config.optimizer, minimized]
        # A step of the squared loss costs its E^2 for all items, so steps must not grow with the users.
        least = users // 48 if minimized == "squared" else 0
        options["batch_size"] = config.batch_size or max(_BATCH_SIZE[minimized], least)
    return options


def _loss(config: RunConfig) -> str:
    loss = config.loss or config.usual_loss()
    if loss == "squared" and METHODS[config.method].has_units and set(config.units) != {"gmf"}:
        raise ConfigError(
            f"the squared loss needs GMF units; got {config.label}: "
            f"give every behavior the unit gmf, or choose the sampled or the exact loss."
        )
    return loss


def check_behaviors(chosen: Sequence[str], behaviors: Sequence[str], data: str) -> None:
    """ConfigError where the chosen are not some of a data set's behaviors, in their order and with the target."""
    available = ", ".join(behaviors)
    for behavior in chosen:
        if behavior not in behaviors:
            raise ConfigError(f"behaviors must be among {available} of data set {data}; got {behavior}.")
    positions = [behaviors.index(behavior) for behavior in chosen]
    if not chosen or positions != sorted(set(positions)) or chosen[-1] != behaviors[-1]:
        raise ConfigError(
            f"behaviors must be in the order {available}, once each, with the target {behaviors[-1]} last; "
            f"got {', '.join(chosen) or 'none'}."
        )


def _chosen(config: RunConfig, behaviors: Sequence[str]) -> tuple[str, ...]:
    """The behaviors to use of those that a data set has."""
    chosen = config.behaviors or tuple(behaviors)
    check_behaviors(chosen, behaviors, config.data)
    for behavior in config.sample:
        if behavior not in chosen[:-1]:
            lower = ", ".join(chosen[:-1]) or "there is none"
            raise ConfigError(f"sample must name behaviors below the target ({lower}); got {behavior}.")
    if METHODS[config.method].lower and len(chosen) < 2:
        raise ConfigError(
            f"{config.method} ranks by the behavior before the target, so it needs two or more behaviors; "
            f"got {chosen[-1]} alone."
        )
    return chosen


def _one_lambda_each(config: RunConfig, behaviors: tuple[str, ...]) -> tuple[float, ...]:
    lambdas = config.lambdas or (1 / len(behaviors),) * len(behaviors)
    if len(lambdas) != len(behaviors):
        raise ConfigError(
            f"lambdas must have one weight per behavior ({len(behaviors)}: {', '.join(behaviors)}); got {len(lambdas)}."
        )
    return lambdas


def _one_unit_each(config: RunConfig, behaviors: tuple[str, ...]) -> Unit | dict[str, Unit]:
    """One unit for all where they are the same."""
    if isinstance(config.unit, str):
        return config.unit
    if set(config.unit) != set(behaviors):
        raise ConfigError(
            f"unit must name each behavior once ({', '.join(behaviors)}); got {', '.join(config.unit) or 'none'}."
        )
    units = {behavior: config.unit[behavior] for behavior in behaviors}
    return units if len(set(units.values())) > 1 else units[behaviors[0]]
