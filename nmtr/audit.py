"""What a data set's test can be trusted for, known before anything is trained: what leaks, what is odd, what to do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmtr.chances.monotone import wilson
from nmtr.config import PROTOCOLS
from nmtr.data.dataset import Dataset, pairs_of
from nmtr.data.split import split, stands_in
from nmtr.data.summary import Summary
from nmtr.evaluation.groups import by_purchases, purchases
from nmtr.evaluation.metrics import hit_rate_per_user
from nmtr.evaluation.rules import rule_ranks
from nmtr.frozen import Frozen

_MUCH = 0.05  # of the held-out pairs that leak, from which on standard and clean are two questions
_FEW = 200  # tested users, below which intervals are wide
FIRST = 10  # items of a list that a rule is judged by
_STEEP = 0.7  # of the pairs that the most popular tenth of the items has, from which on popularity is hard to beat


class Leak(Frozen):
    """Of some users' held-out pairs, those that stand in a lower behavior, where *standard* leaves them."""

    name: str  # the behavior, "any", or the group of users by their training purchases
    held_out: int
    given_away: int
    low: float  # 95 % interval (Wilson) of the share
    high: float

    @property
    def share(self) -> float:
        return self.given_away / max(self.held_out, 1)


class Gap(Frozen):
    """Pairs of a behavior, those among them that are not in the behavior below."""

    behavior: str
    below: str
    pairs: int
    missing: int


class Tail(Frozen):
    """How far a behavior's pairs gather at few items."""

    behavior: str
    top_tenth: float  # share of the pairs that the most chosen tenth of the items has
    gini: float  # of the pairs an item has, over all items: 0 where all have as many, near 1 where one has all


class Found(Frozen):
    """Of the tested users, those whose held-out item a rule has among its `FIRST` items: its HR@10."""

    share: float
    low: float  # 95 % interval (Wilson)
    high: float


class Rule(Frozen):
    """What a rule that learns nothing scores: the most bought items, those touched under a behavior before them."""

    touched: str | None  # the behavior; None: popularity alone
    standard: Found
    clean: Found


class Audit(Frozen):
    """What is known of a data set's test; nothing of it depends on a model."""

    behaviors: tuple[Leak, ...]  # lowest first
    anywhere: Leak  # in at least one lower behavior
    groups: tuple[Leak, ...]  # that, by training purchases, the fewest first
    removed: dict[str, int]  # behavior -> pairs that *clean* takes out of it, for the test
    gaps: tuple[Gap, ...]  # lowest first
    tails: tuple[Tail, ...]  # lowest first
    rules: tuple[Rule, ...]  # popularity first, then by behavior, lowest first; empty where nobody is tested
    validated_by_test: int  # users whose validation pair, as the source names it, is their held-out pair
    verdict: tuple[str, ...]  # what it comes to, and what to do, most important first


def audit(dataset: Dataset) -> Audit:
    """Count what the held-out pairs share with what models may learn from. Without lower behaviors nothing leaks."""
    tested = dataset.test_item >= 0
    there = [stands_in(lower, dataset.test_item) & tested for lower in dataset.matrices[:-1]]
    anywhere = np.logical_or.reduce(there) if there else np.zeros(dataset.num_users, np.bool_)
    behaviors = tuple(_leak(name, tested, found) for name, found in zip(dataset.behaviors[:-1], there, strict=True))
    counted = np.flatnonzero(tested)
    groups = by_purchases(purchases(dataset)[counted]) if len(counted) else ()
    found = Audit(
        behaviors=behaviors,
        anywhere=_leak("any", tested, anywhere),
        groups=tuple(
            _leak(group.name, np.ones(int(group.members.sum()), np.bool_), anywhere[counted][group.members])
            for group in groups
        ),
        removed={leak.name: leak.given_away for leak in behaviors},
        gaps=tuple(_gaps(dataset)),
        tails=tuple(_tail(name, number, dataset) for number, name in enumerate(dataset.behaviors)),
        rules=tuple(_rules(dataset)) if len(counted) else (),
        validated_by_test=int((tested & (dataset.given_valid_item == dataset.test_item)).sum()),
        verdict=(),
    )
    return found.model_copy(update={"verdict": tuple(_verdict(found, dataset.target))})


def _leak(name: str, of: NDArray[np.bool_], there: NDArray[np.bool_]) -> Leak:
    held_out, given_away = int(of.sum()), int(there.sum())
    if not held_out:
        return Leak(name=name, held_out=0, given_away=0, low=0.0, high=0.0)
    low, high = wilson(np.array([given_away]), np.array([held_out]))
    return Leak(name=name, held_out=held_out, given_away=given_away, low=float(low[0]), high=float(high[0]))


def _rules(dataset: Dataset) -> Iterator[Rule]:
    """Every rule on both protocols; no purchase is kept back for validation, as rules have nothing to choose."""
    splits = {protocol: split(dataset, protocol, 0, validation=None) for protocol in PROTOCOLS}
    for number, touched in enumerate((None, *dataset.behaviors[:-1]), -1):
        found = {}
        for protocol, parts in splits.items():
            ranks = rule_ranks(parts, parts.train[number] if touched else None)
            hit = hit_rate_per_user(ranks, FIRST)
            low, high = wilson(np.array([hit.sum()]), np.array([len(hit)]))
            found[protocol] = Found(share=float(hit.mean()), low=float(low[0]), high=float(high[0]))
        yield Rule(touched=touched, standard=found["standard"], clean=found["clean"])


def _all_pairs(dataset: Dataset, number: int) -> NDArray[np.int64]:
    """The pairs of a behavior as one number each; the target's with the held-out ones."""
    users, items = pairs_of(dataset.matrices[number])
    if number == dataset.num_behaviors - 1:
        held_out = np.flatnonzero(dataset.test_item >= 0)
        users, items = np.append(users, held_out), np.append(items, dataset.test_item[held_out])
    return users.astype(np.int64) * dataset.num_items + items


def _gaps(dataset: Dataset) -> Iterator[Gap]:
    for number in range(1, dataset.num_behaviors):
        here, below = _all_pairs(dataset, number), _all_pairs(dataset, number - 1)
        missing = int((~np.isin(here, below, assume_unique=True)).sum())
        names = dataset.behaviors[number], dataset.behaviors[number - 1]
        yield Gap(behavior=names[0], below=names[1], pairs=len(here), missing=missing)


def _tail(name: str, number: int, dataset: Dataset) -> Tail:
    counts = np.sort(np.bincount(_all_pairs(dataset, number) % dataset.num_items, minlength=dataset.num_items))
    total, n = max(int(counts.sum()), 1), len(counts)
    tenth = counts[n - max(1, round(n / 10)) :].sum() / total
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ counts) / (n * total)
    return Tail(behavior=name, top_tenth=float(tenth), gini=gini)


def _verdict(found: Audit, target: str) -> Iterator[str]:
    leak = found.anywhere
    if not leak.held_out:
        yield f"Nobody has two {target} pairs, so no {target} is held out: nothing can be tested on this data."
        return
    if found.validated_by_test:
        yield (
            f"For {found.validated_by_test:,} of {leak.held_out:,} shoppers the source validates by the very {target} "
            "that it tests on: what is chosen so is chosen on the test, so take a split of another kind."
        )
    if not found.behaviors:
        yield f"There is no behavior below {target}, so nothing can leak: standard and clean are the same here."
    elif leak.share >= _MUCH:
        rule = max(found.rules, key=lambda rule: rule.standard.share - rule.clean.share)
        yield (
            f"Judge by clean: {leak.share:.0%} of the held-out {target} pairs stand in a lower behavior too. A rule "
            f"that lists what a shopper has in {rule.touched}, then what is popular, learns nothing and has the "
            f"held-out {target} among its first {FIRST} for {rule.standard.share:.0%} of shoppers under standard, for "
            f"{rule.clean.share:.0%} under clean."
        )
    else:
        yield f"Little leaks: {leak.share:.1%} of the held-out {target} pairs. Standard and clean should differ little."
    if leak.held_out < _FEW:
        yield f"Only {leak.held_out:,} shoppers are tested: intervals will be wide, and most differences may be chance."
    if found.tails[-1].top_tenth >= _STEEP:
        yield (
            f"A tenth of the items have {found.tails[-1].top_tenth:.0%} of all {target} pairs: compare every model "
            "with Popularity."
        )


def beside(summary: Summary, found: Audit) -> dict[str, str]:
    """What to know of a data set, ready to stand beside another's: a fact's name and its value as text."""
    facts = {
        "users": f"{summary.users:,}",
        "items": f"{summary.items:,}",
        **{name: f"{pairs:,}" for name, pairs in summary.interactions.items()},
        "tested users": f"{summary.test_users:,}",
        "median pairs a user": ", ".join(
            f"{name} {spread.quantiles['0.5']:g}" for name, spread in summary.per_user.items()
        ),
    }
    facts |= {
        f"{step.behavior} that lead to {summary.behaviors[-1]}": f"{step.bought:.1%}" for step in summary.funnel[:-1]
    }
    facts |= {f"test pairs in {leak.name}": f"{leak.share:.1%}" for leak in found.behaviors}
    facts |= {f"{gap.behavior} without {gap.below}": f"{gap.missing / max(gap.pairs, 1):.1%}" for gap in found.gaps}
    facts |= {f"{tail.behavior} of the top tenth of items": f"{tail.top_tenth:.0%}" for tail in found.tails}
    return {**facts, "fingerprint": summary.fingerprint, "source": summary.origin.source}
