"""What the pages say: numbers, ranks and names as text. No Streamlit, no Plotly."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nmtr.chances import Chance, about
from nmtr.errors import NmtrError
from nmtr.explain import Explanation, Stage
from nmtr.runs.waiting import Place

#: Why test figures of a study's runs are left out, as the end of a sentence that counts them.
STUDIES = "a study chooses on validation, and shows test figures of its finalized choice alone."
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Text that came from outside, so that Streamlit's markdown shows it as it is."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


#: What pages call the options that messages name.
OPTIONS = {
    "columns": "the choice of columns",
    "behaviors": "the choice of behaviors",
    "dates": "the form of dates",
    "skip-bad": "“Leave out rows that cannot be read”",
    "cut-later": "“Leave out what came later”",
    "hold-out": "the choice of the test purchase",
    "merged": "the choice of behaviors",
    "implied": "“Add the steps that a purchase implies”",
    "least-of-user": "the least number of a shopper",
    "least-of-item": "the least number of an item",
    "from": "a file of yours",
    "query": "a query",
    "delimiter": "the separator",
}


def told(error: NmtrError) -> str:
    """What an error says, in the words of pages, as markdown that shows it as it is."""
    return plain(error.told(OPTIONS))


def raw(text: str) -> str:
    """What `plain` was given, out of what it made, for where no markdown is read."""
    return _ESCAPED.sub(r"\1", text)


def unmarked(text: str) -> str:
    """Text that came from outside, so that Plotly, which reads a few HTML tags, shows it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, length: int = 44) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def item_name(title: str | None, label: str) -> str:
    """What to call an item: its title, or ``item 7599`` where it has none."""
    return title or f"item {label}"


def shift(place: int, other: int) -> str:
    """How much further up the list than elsewhere: ``↑ 12``, ``↓ 3``, ``=``; places from 0."""
    if place == other:
        return "="
    return f"{'↑' if place < other else '↓'} {abs(other - place):,}"


def odds(chance: float) -> str:
    """``1 in 40``, ``3 in 10``: a chance where there is no room to say "about"."""
    return about(chance).removeprefix("about ")


def one_in(share: float) -> str:
    """``1 in 38``, ``43 in 100``: a share that was counted, to two digits."""
    if share <= 0:
        return "none"
    return f"{100 * share:.0f} in 100" if share > 0.3 else f"1 in {float(f'{1 / share:.1e}'):,g}"


def chance(told: Chance) -> str:
    """A chance in words with its interval: ``about 1 in 40 (1 in 50 to 1 in 35)``."""
    if told.low is None or told.high is None:
        return about(told.next)
    return f"{about(told.next)} ({odds(told.low)} to {odds(told.high)})"


def steps(stages: Sequence[Stage]) -> str:
    """How many go on from stage to stage, where that is known: ``Of those who view it, about 3 in 10 cart it.``"""
    parts = [
        f"of those who {before.behavior} it, {about(stage.chance.step)} {stage.behavior} it"
        for before, stage in zip(stages[:-1], stages[1:], strict=True)
        if stage.chance is not None and stage.chance.step is not None
    ]
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def measure(explanation: Explanation) -> str:
    """What the stages add up: log-odds of what training saw, or scores that are none."""
    return "score" if any(stage.probability is None for stage in explanation.stages) else "log-odds"


def signed(value: float) -> str:
    """``+1.20``, ``−0.36`` with a real minus sign."""
    return f"{value:+.2f}".replace("-", "−")


def share(value: float) -> str:
    """A share as a percentage: ``62 %``, ``0.4 %``."""
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def metric(value: float, half_width: float | None = None) -> str:
    """A metric between 0 and 1 with its 95 % interval: ``.307 ± .006``."""
    shown = f"{value:.3f}".removeprefix("0")
    return shown if half_width is None else f"{shown} ± " + f"{half_width:.3f}".removeprefix("0")


def gap(value: float, half_width: float | None = None) -> str:
    """How far one metric is from another, with its 95 % interval: ``+.041 ± .008``, ``−.012``."""
    sign = "−" if round(value, 3) < 0 else "+"
    return sign + metric(abs(value), half_width)


def p_value(p: float | None) -> str:
    """``p < .001``, ``p = .034``; nothing where there is none."""
    if p is None:
        return ""
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".removeprefix("0")


def duration(seconds: float) -> str:
    """``40 s``, ``2 min``, ``1 h 10 min``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int, one: str, more: str) -> str:
    """``1 run trains``, ``3 runs train``."""
    return f"{number:,} {one if number == 1 else more}"


def in_line(place: Place) -> str:
    """Where a run stands and how long that may last: ``no. 2 in line, starts in 5 min``, ``about 2 min left``."""
    if place.number == 0:
        return f"about {duration(place.ends or 0.0)} left"
    where = "next in line" if place.number == 1 else f"no. {place.number:,} in line"
    if place.starts is None:
        return where
    return f"{where}, starts in {duration(place.starts)}" if place.starts >= 1 else f"{where}, starts now"


def size(count: float) -> str:
    """Bytes as ``0.6 GB`` or ``80 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 / 2 else f"{max(count / 1e6, 1):.0f} MB"


_DONE = {
    "view": "viewed",
    "click": "clicked",
    "pv": "viewed",
    "collect": "collected",
    "fav": "favored",
    "favorite": "favored",
    "cart": "carted",
    "buy": "bought",
    "purchase": "bought",
    "order": "ordered",
}


def past(behavior: str) -> str:
    """``carted`` for ``cart``: what a shopper did; a behavior that we do not know keeps its name."""
    return _DONE.get(behavior.lower(), behavior)


_THINGS = {"buy": "purchase", "pv": "view", "fav": "favorite", "collect": "collection"}


def thing(behavior: str, number: int = 1) -> str:
    """``purchase`` for ``buy``, ``carts`` for several of ``cart``: one pair, or several, as a noun."""
    one = _THINGS.get(behavior.lower(), behavior)
    return one if number == 1 else f"{one}s"


def and_list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def hits(rank: int, cutoffs: Sequence[int] = (10, 50, 80, 100, 200)) -> str:
    """Where a held-out item at this rank (from 0) counts as a hit."""
    reached = [str(cutoff) for cutoff in cutoffs if rank < cutoff]
    return f"a hit at {', '.join(reached)}" if reached else f"no hit within {cutoffs[-1]}"


def headline(explanation: Explanation) -> str:
    """The finding of one cascade in a sentence: the rank, and the stage that brought it there."""
    place = f"Rank {explanation.rank + 1:,} of {explanation.candidates:,}"
    if explanation.bought:
        place = f"Already bought; would stand at rank {explanation.rank + 1:,}"
    stages = explanation.stages
    if not stages:
        return place
    if len(stages) == 1:
        return f"{place}: from {stages[0].behavior} alone"
    ranks = [stage.rank or 0 for stage in stages]
    steps = [(before + 1) / (after + 1) for before, after in zip(ranks[:-1], ranks[1:], strict=True)]
    best = max(range(len(steps)), key=steps.__getitem__)
    if steps[best] >= 3:
        return f"{place}: mostly because of the {stages[best + 1].behavior}"
    later = and_list([stage.behavior for stage in stages[1:]])
    if ranks[-1] + 1 >= 1.5 * (ranks[0] + 1):
        return f"{place}: held back after the {stages[0].behavior}, which ranks it {ranks[0] + 1:,}"
    return f"{place}: the {stages[0].behavior} brings it there, {later} hardly move{'s' if len(stages) == 2 else ''} it"


def stage_sum(stage: Stage, first: bool) -> str:
    """The parts of one stage: ``inherits +1.45  own −0.70  item −0.17``."""
    parts = [] if first else [f"inherits {signed(stage.inherited)}"]
    return "  ".join([*parts, f"own {signed(stage.own)}", f"item {signed(stage.bias)}"])
