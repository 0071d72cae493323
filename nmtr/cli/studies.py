"""Studies as tables, for people."""

from __future__ import annotations

import time

from nmtr.cli.console import say, table
from nmtr.compare import Score
from nmtr.config.written import option_text
from nmtr.sweeps import Importance, Point, Sensitivity, Study, TradeOff


def show_points(study: Study, test: dict[str, Score] | None) -> None:
    """Its points by λ, what is best, and the test figures of the choice that was finalized."""
    config = study.plan.config
    what = f"{study.data} ({', '.join(study.behaviors)}) · {study.protocol} · {config.label}"
    rows = [
        [
            str(point.number),
            text(point),
            "–" if point.value is None else f"{point.value:.4f}",
            "" if point.low is None else f"{point.low:.4f} – {point.high:.4f}",
            point.state,
            "best" if point == study.best else "equally good" if point.number in study.equally_good else "",
            " ".join(point.runs),
        ]
        for point in sorted(study.points, key=lambda point: repr(point.lambdas))
    ]
    title = f"study {study.id} ({study.state}): {what}"
    table(["point", "", f"{study.metric}, validation", "95 %", "state", "", "runs"], rows, title=title)
    if study.undrawn:
        say(f"{study.undrawn} more were to be drawn; nearly all that could be are here.")
    if study.error:
        say(f"it ended with an error: {study.error}")
    done = sum(point.state == "done" for point in study.points)
    if study.best:
        equal = len(study.equally_good) - 1  # without its ranks not even the best is judged
        others = f"; {equal} of {done - 1} others that are done cannot be told from it" if equal >= 0 else ""
        say(f"best on validation: {text(study.best)}{others}.")
    if test is not None:
        rows = [[name, f"{score.value:.4f}", _around(score), _spread(score)] for name, score in test.items()]
        chosen = study.point(study.finalized_point)
        title = f"test, {study.protocol}: {text(chosen)}, mean of {len(study.finalized)} seeds"
        table(["test", "value", "95 % interval", "sd of seeds"], rows, title=title)


def show_groups(study: Study, groups: tuple[Sensitivity, ...]) -> None:
    """The best point for users with so many purchases."""
    rows = [
        [
            f"{group.group} ({group.users:,})",
            text(study.point(group.number)),
            f"{group.value:.4f}",
            "–" if group.low is None else f"{group.low:.4f} – {group.high:.4f}",
            f"{group.behind:+.4f}" + (" *" if group.differs else ""),
            str(len(group.equally_good)),
        ]
        for group in groups
    ]
    best = f"{text(study.best)} behind" if study.best else ""
    title = f"{study.data} · {study.protocol} · {study.metric}, validation, by training purchases (users)"
    table(["purchases", "best", study.metric, "95 %", best, "equally good"], rows, title=title)
    say("* more than chance (95 % interval of the paired difference, for all points and groups at once).")


def show_importances(study: Study, found: tuple[Importance, ...]) -> None:
    """How much of what the points differ in each option explains."""
    rows = [[one.option, f"{100 * one.share:.0f} %"] for one in found]
    table(["option", "share"], rows, title=f"{study.data} · {study.protocol} · {study.metric}, validation, by option")
    say("the share of the variance over what was searched that each option explains alone (functional ANOVA).")


def show_trade_off(study: Study, rows: tuple[TradeOff, ...]) -> None:
    """Each behavior as its own target, point by point."""
    if not rows:
        say("no point ranked the lower behaviors: begin a study with --hold-out-lower.")
        return
    title = f"{study.data} · {study.protocol} · {study.metric} of each behavior as its own target; nothing of test"
    shown = [
        [
            str(row.number),
            text(study.point(row.number)),
            *(f"{row.values[behavior]:.4f}" for behavior in study.behaviors),
        ]
        for row in sorted(rows, key=lambda row: repr(row.options))
    ]
    table(["point", "", *study.behaviors], shown, title=title)


def _around(score: Score) -> str:
    return "–" if score.half_width is None else f"± {score.half_width:.4f}"


def _spread(score: Score) -> str:
    return "–" if score.seed_spread is None else f"{score.seed_spread:.4f}"


def text(point: Point) -> str:
    """What a point is, in words."""
    return ", ".join(option_text(name, value) for name, value in point.options.items()) or "defaults"


def show_list(found: tuple[Study, ...]) -> None:
    """Each study on a line."""
    if not found:
        say("no studies yet: nmtr sweep begins one.")
        return
    rows = [
        [
            study.id,
            study.state,
            study.data,
            study.protocol,
            study.plan.config.label,
            f"{sum(point.state in ('done', 'pruned') for point in study.points)}/{study.planned}",
            study.metric,
            f"{study.best.value:.4f}" if study.best else "–",
            text(study.best) if study.best else "",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(study.created)),
        ]
        for study in found
    ]
    columns = ["study", "state", "data", "protocol", "model", "points", "by", "validation", "best", "created"]
    table(columns, rows)
