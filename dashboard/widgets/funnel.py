"""A data set as the cascade that a model learns: how many pairs each behavior has."""

from __future__ import annotations

from dashboard import charts
from dashboard.charts.behaviors import cues
from dashboard.text import plain, thing
from dashboard.widgets import figures
from nmtr.data.library import DatasetInfo


def funnel(info: DatasetInfo) -> None:
    """One box a behavior, in its color, under the numbers as a sentence."""
    counts = [info.interactions[behavior] for behavior in info.behaviors]
    figures.figure(
        " → ".join(
            f"{pairs:,} {plain(thing(name, pairs))}" for name, pairs in zip(info.behaviors, counts, strict=True)
        ),
        f"what {info.users:,} shoppers did with {info.items:,} items, each pair once",
        charts.sketch(info.behaviors, [f"{pairs:,}" for pairs in counts], cues(info.behaviors), figures.theme()),
        "funnel_boxes",
        figures.source(info),
    )
