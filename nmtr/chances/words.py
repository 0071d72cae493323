"""Chances in words, for pages and commands."""

from __future__ import annotations

from nmtr.chances.record import Reliability, StageChances


def about(chance: float) -> str:
    """``about 1 in 40``, ``about 3 in 10``: a chance to the digits that its interval can bear.

    From 1 in 3.5 on in tenths; below, 1 in a number of one digit, of fives up to 100, and of two digits beyond.
    """
    if chance >= 0.95:
        return "more than 19 in 20"
    if chance >= 1 / 3.5:
        return f"about {round(10 * chance)} in 10"
    if chance < 1e-6:
        return "less than 1 in 1,000,000"
    one_in = 1 / chance
    if one_in < 10:
        return f"about 1 in {round(one_in)}"
    if one_in < 100:
        return f"about 1 in {5 * round(one_in / 5)}"
    return f"about 1 in {int(float(f'{one_in:.1e}')):,}"


def means(stage: StageChances, *, target: bool, who: str = "shopper") -> str:
    """Of what and of whom a stage's chance is, in one sentence."""
    so_far = " and leads no further" if stage.checked and not target else ""
    return (
        f"The chance that the {who}'s next {stage.behavior} is of this item{so_far}, "
        f"for items with no {stage.behavior} by the {who} yet."
    )


def standing(stage: StageChances) -> str:
    """How far the chance can be trusted, in one sentence or two."""
    return f"{stage.why} {agreement(stage.after)}" if stage.after else stage.why


def agreement(judged: Reliability) -> str:
    """How far chances agree with test pairs, in one sentence."""
    inside = sum(part.agrees for part in judged.bins)
    return (
        f"On {judged.found:,} test pairs it expects {judged.expected:,.0f}, and in {inside} of {len(judged.bins)} bins "
        "what was found agrees."
    )
