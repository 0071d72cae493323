"""How the figures of a suite's tables are written."""

from __future__ import annotations

import re

from nmtr.compare import Difference, Interval, Score

NONE = "–"


def number(value: float | None, sign: bool = False) -> str:
    """Four decimals, without a zero before the point."""
    if value is None:
        return NONE
    return re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{'+' if sign else ''}.4f}")


def with_interval(score: Interval, sign: bool = False) -> str:
    """The value, with ± half its interval where it has one."""
    half = score.half_width
    return number(score.value, sign) + ("" if half is None else f" ± {number(half)}")


def p_value(difference: Difference | None) -> str:
    """The corrected p."""
    value = difference.p if difference else None
    return NONE if value is None else "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def star(score: Score) -> str:
    """Where it differs from the reference."""
    p = score.difference.p if score.difference else None
    return "*" if p is not None and p < 0.05 else ""


def count(value: float | None) -> str:
    """A whole number, or a share in percent."""
    return NONE if value is None else f"{value:.1%}" if isinstance(value, float) else f"{value:,}"


def share(drop: Interval | None) -> str:
    """A share with its interval: ``23% ± 4%``."""
    if drop is None:
        return NONE
    return f"{drop.value:.0%}" + ("" if drop.half_width is None else f" ± {drop.half_width:.0%}")
