"""What a run will take, said before it starts: from its sizes, and from how fast this home's runs were."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from nmtr.config import RunConfig, given
from nmtr.config.methods import METHODS, Unit
from nmtr.data.library import DatasetInfo
from nmtr.errors import CapacityError
from nmtr.frozen import Frozen

#: Work done in a second where no run of the kind has finished here yet; measured on two cores of a server.
_RATE = {"exact": 1.8e11, "shared": 6e10, "sampled": 3e10, "squared": 4e10, "pairwise": 3e10, "solved": 2e10}
#: What drawing an instance and updating its rows costs, in operations: much beside a product, little beside a tower.
_INSTANCE = 7000.0
#: Seconds that an epoch of the exact loss may take: with ten minutes, the default's 60 epochs take ten hours.
_LONGEST_EPOCH = 600.0
_COMPARED_USERS = 100_000  # as in `experiment`: those who are ranked to compare epochs
_BASE_MEMORY = 350 << 20  # the process with torch, before any data
_BLOCK_MEMORY = 150 << 20  # the blocks of scores and towers' activations that a step holds


class Pace(Frozen):
    """What a timed probe of a run found on this machine; seconds, and the most bytes that its process held."""

    preparing: float  # to start, and to load and split the data
    epoch: float  # to train an epoch; 0 of a method that does not train
    ranking: float  # to rank the users on whom epochs are compared
    saving: float  # to write a checkpoint
    bytes: int  # 0 where the system does not say


@dataclass(frozen=True)
class Estimate:
    """What a run will take; both are upper bounds that an early stop undercuts."""

    seconds: float
    bytes: int
    measured: bool  # whether finished runs of the same kind, or a probe, stand behind the seconds
    pace: Pace | None = None  # the probe's, where there was one


def estimate(
    config: RunConfig,
    info: DatasetInfo,
    finished: Iterable[tuple[RunConfig, DatasetInfo, float]],
    pace: Pace | None = None,
) -> Estimate:
    """What a resolved config will take on a data set.

    finished: config, data set and seconds an epoch of the runs that this machine has finished. pace: what a probe of
    such a run found here, which comes before all else.
    """
    if pace is not None:
        return Estimate(_seconds(config, info, pace), pace.bytes or _memory(config, info), measured=True, pace=pace)
    if not config.uses("epochs"):
        return Estimate(info.users * info.items / 2e8 + 2, _BASE_MEMORY, measured=False)
    rates = [work(past, its) / seconds for past, its, seconds in finished if _kind(past) == _kind(config)]
    rate = statistics.median(rates) if rates else _RATE[_minimized(config)]
    epochs = config.epochs * (2 if config.refit else 1)
    # Validation ranks all items: a forward pass, a third of the work of training a pair.
    ranking_rate = rate if config.loss == "exact" else _RATE["exact"]
    ranking = _pair_operations(config) / 3 * min(info.users, _COMPARED_USERS) * info.items / ranking_rate
    seconds = epochs * work(config, info) / rate + config.rankings * ranking + 3
    return Estimate(seconds, _memory(config, info), measured=bool(rates))


def _seconds(config: RunConfig, info: DatasetInfo, pace: Pace) -> float:
    """A whole run at this pace: a refit trains as often again, and ranks nobody."""
    testing = pace.ranking * info.test_users / max(1, min(info.users, _COMPARED_USERS))
    testing *= len(config.behaviors) if config.hold_out_lower else 1
    if not config.uses("epochs"):
        return pace.preparing + pace.ranking + testing
    ranking = pace.ranking + (testing if config.watch_test else 0.0)
    epochs = config.epochs * (2 if config.refit else 1)
    return pace.preparing + epochs * (pace.epoch + pace.saving) + config.rankings * ranking + testing


def _memory(config: RunConfig, info: DatasetInfo) -> int:
    """Bytes that a run which trains will hold, by its sizes."""
    tables = 4 * _rows(config, info) * (_width(config) + len(config.behaviors))
    pairs = sum(info.interactions[behavior] for behavior in config.behaviors)
    # Weights, gradients, the optimizer's sums and the best weights so far; keys and matrices of the pairs.
    memory = _BASE_MEMORY + _BLOCK_MEMORY + 5 * tables + 60 * pairs
    if config.loss == "exact" and config.batch_size is not None:
        # A block of users with all items: the gradient of each stage, and two blocks in passing.
        memory += 4 * config.batch_size * info.items * (len(config.behaviors) + 2)
    elif _minimized(config) == "solved":
        # One side's vectors under each behavior, which the other side's systems read.
        memory += 4 * len(config.learned) * max(info.users, info.items) * config.embedding_size
    elif _minimized(config) in ("sampled", "pairwise"):
        memory += len(config.behaviors) * min(info.users * info.items // 8, 512 << 20)  # bitmaps of observed pairs
    return memory


def check_capacity(config: RunConfig, info: DatasetInfo, pace: Pace | None = None) -> None:
    """Raises CapacityError where the run cannot fit this machine's memory, or would take days.

    pace: what a probe of such a run found here, which comes before what its sizes tell.
    """
    needed, there = estimate(config, info, (), pace).bytes, psutil.virtual_memory().total
    if needed > there:
        raise CapacityError(
            f"the run needs about {needed / 2**30:.1f} GiB of memory and this machine has {there / 2**30:.1f} GiB: "
            f"take a smaller embedding size than {config.embedding_size}, or a smaller data set."
        )
    seconds = work(config, info) / (_RATE["exact"] * max(1.0, config.threads / 2)) if pace is None else pace.epoch
    if config.loss == "exact" and seconds > _LONGEST_EPOCH:
        others = "shared, sampled or squared" if set(_units(config)) == {"gmf"} else "shared or sampled"
        raise CapacityError(
            f"an epoch of the exact loss over {info.users:,} users x {info.items:,} items takes about "
            f"{seconds / 60:,.0f} minutes, and may take {_LONGEST_EPOCH / 60:.0f}: choose the {others} loss."
        )


def work(config: RunConfig, info: DatasetInfo) -> float:
    """Floating-point operations of one epoch, up to a factor that is the same for all runs of a kind."""
    pairs = [info.interactions[behavior] for behavior in config.learned]
    costs = [_unit_operations(config, unit) for unit in _units(config)]
    size = _width(config)
    match _minimized(config):
        case "exact":
            return _pair_operations(config) * info.users * info.items
        case "squared":
            # E^2 for each item in every step and for each user's stages; 20 and 60 for what waits for memory.
            rows = -(-info.users // given(config.batch_size)) * info.items + info.users * len(pairs)
            return size * (6.0 * (size + 20) * rows + 60.0 * sum(pairs))
        case "solved":
            # For each user and item a system of E equations, summed up from its pairs.
            return (info.users + info.items) * size**3 + 4.0 * size**2 * sum(pairs)
        case "pairwise":
            levels = config.behaviors if config.uses("lambdas") else config.learned
            return sum(info.interactions[b] for b in levels) * (1 + config.negatives) * (_INSTANCE + costs[0])
        case "shared":
            return sum(pairs) * (1 + config.negatives) * sum(costs) / len(costs)  # an instance is there for all stages
    # A sampled instance of behavior r goes through the stages up to r.
    return sum(count * (1 + config.negatives) * (_INSTANCE + sum(costs[: r + 1])) for r, count in enumerate(pairs))


def _pair_operations(config: RunConfig) -> float:
    """Forward and backward for one user-item pair, all stages."""
    return sum(_unit_operations(config, unit) for unit in _units(config))


def _units(config: RunConfig) -> tuple[Unit, ...]:
    """The units of what is learned; a factorization costs what a GMF unit does."""
    method = METHODS[config.method]
    if method.unit or "unit" in method.options:
        return config.units
    product: Unit = "gmf"
    return (product,) * len(config.learned)


def _unit_operations(config: RunConfig, unit: Unit) -> float:
    """Forward and backward for one pair: three products, each two operations a weight; 40 for what is elementwise."""
    size, weights = config.embedding_size, 0.0
    if unit != "mlp":
        weights += _width(config)  # of separate embeddings all blocks, though all but one are zeros
    if unit != "gmf":
        widths = [max(1, 2 * size >> layer) for layer in range(1, config.layers + 1)]
        weights += sum(i * o for i, o in zip(widths, [*widths[1:], 1], strict=True)) + 10 * sum(widths)
    return 6.0 * weights + 40


def _width(config: RunConfig) -> int:
    """Numbers in a row of the embeddings' tables."""
    return config.embedding_size * (len(config.learned) if config.embedding == "separate" else 1)


def _rows(config: RunConfig, info: DatasetInfo) -> int:
    """Rows of both tables; CMF has one a behavior on the side that is not shared."""
    if not config.uses("shared_side"):
        return info.users + info.items
    own, shared = (info.users, info.items) if config.shared_side == "item" else (info.items, info.users)
    return own * len(config.learned) + shared


def _kind(config: RunConfig) -> tuple[str, str, str, tuple[Unit, ...], int]:
    return config.method, config.embedding, _minimized(config), tuple(sorted(set(_units(config)))), config.threads


def _minimized(config: RunConfig) -> str:
    """What an epoch goes through: all pairs, sampled ones, or a closed form."""
    method = METHODS[config.method]
    if not config.uses("learning_rate"):
        return "solved"
    if method.losses:
        return given(config.loss)
    return "pairwise" if method.pairwise else "squared"
