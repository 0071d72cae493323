"""What tuning and studies may try of each option: ranges around a method's defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dimension:
    """One option's range, and how a number from 0 to 1 becomes its value."""

    about: str
    value: Callable[[float, Any], Any]  # (0 to 1, the method's default) -> the option


def _choice(*values: Any) -> Dimension:
    return Dimension(f"one of {', '.join(map(str, values))}", lambda u, _: values[int(u * len(values))])


def _log(low: float, high: float) -> Callable[[float], float]:
    return lambda u: _rounded(low * (high / low) ** u)


def _times(low: float, high: float) -> Dimension:
    scale = _log(low, high)
    return Dimension(f"log-uniform, {low:g} to {high:g} times the default", lambda u, usual: _rounded(scale(u) * usual))


def _penalty(low: float, high: float) -> Dimension:
    """Around the default where the method has a penalty."""
    fresh, around = _log(low, high), _log(1 / 30, 30)
    return Dimension(
        f"0 or log-uniform, {low:g} to {high:g}; a default above 0 times 1/30 to 30",
        lambda u, usual: _rounded(around(u) * usual) if usual else fresh(u),
    )


def _rounded(value: float) -> float:
    """To three digits: what is tried can be written down."""
    return float(f"{value:.3g}")


#: What is searched of each option that a method reads, beside the loss and λ. The optimizer comes before the learning
#: rate, whose default depends on it.
SPACE: dict[str, Dimension] = {
    "optimizer": _choice("adagrad", "adam"),
    "learning_rate": _times(1 / 8, 4),
    "l2_embeddings": _penalty(1e-6, 3e-3),
    "l2_towers": _penalty(1e-6, 1e-3),
    "dropout": Dimension("uniform, 0 to 0.8", lambda u, _: round(0.8 * u, 2)),
    "initial_scale": Dimension("log-uniform, 0.003 to 0.3", lambda u, _: _log(0.003, 0.3)(u)),
    "layers": _choice(1, 2, 3),
    "negatives": _choice(2, 4, 8),
    "unobserved_weight": Dimension("log-uniform, 0.01 to 0.5", lambda u, _: _log(0.01, 0.5)(u)),
    "unseen_share": Dimension("uniform, 0 to 1", lambda u, _: round(u, 2)),
    "item_bias": _choice(False, True),
    "shared_side": _choice("item", "user"),
}
