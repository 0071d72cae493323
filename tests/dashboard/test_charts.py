from dataclasses import replace

import pytest

from dashboard import charts
from dashboard.charts.behaviors import cues
from nmtr.chances import Chance
from nmtr.explain import Explanation, Stage
from nmtr.training.report import EpochReport

BEHAVIORS = ("seen", "view", "like", "cart", "buy")


def explanation(count: int) -> Explanation:
    stages, logit = [], 0.0
    for r, behavior in enumerate(BEHAVIORS[-count:]):
        stages.append(Stage(behavior, logit, 0.9 - 0.4 * r, 0.1, logit + 1.0 - 0.4 * r, 0.6, rank=40 - 9 * r))
        logit = stages[-1].logit
    return Explanation("u", "i", None, 4, 100, logit, tuple(stages), False, False)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_cascade_bars_grow_from_what_the_stage_before_left(count: int) -> None:
    shown = explanation(count)
    figure = charts.cascade(shown, cues(BEHAVIORS[-count:]), charts.LIGHT)
    grown = [bar for bar in figure.data if bar.type == "bar" and bar.base is not None]
    assert [bar.base[0] for bar in grown] == pytest.approx([stage.inherited for stage in shown.stages])
    assert [bar.base[0] + bar.x[0] for bar in grown] == pytest.approx([stage.logit for stage in shown.stages])


def test_cascade_says_the_rank_at_each_stage_counting_from_1() -> None:
    figure = charts.cascade(explanation(3), cues(BEHAVIORS[-3:]), charts.LIGHT)
    said = [note.text for note in figure.layout.annotations]
    assert [text for text in said if text in ("<b>41</b>", "<b>32</b>", "<b>23</b>")] == [
        "<b>41</b>",
        "<b>32</b>",
        "<b>23</b>",
    ]


def test_a_stage_says_its_score_and_its_chance_where_it_has_one_and_never_the_sigmoid() -> None:
    odds = explanation(3)
    scores = replace(odds, stages=tuple(replace(stage, probability=None) for stage in odds.stages))
    told = replace(odds, stages=tuple(replace(s, chance=Chance(1 / 40, None, None, None, None)) for s in odds.stages))
    cue = cues(BEHAVIORS[-3:])
    for shown, unit, label in (
        (odds, "log-odds", "● <b>like</b>  +1.00"),
        (scores, "score", "● <b>like</b>  +1.00"),
        (told, "log-odds", "● <b>like</b>  +1.00 · 1 in 40"),
    ):
        figure = charts.cascade(shown, cue, charts.LIGHT)
        said = [note.text for note in figure.layout.annotations]
        assert label in said and not any(" .60" in text for text in said)
        assert figure.layout.xaxis.ticktext is None and figure.layout.xaxis.title.text.endswith(unit)
        assert charts.waterfall(shown, cue, charts.LIGHT).layout.yaxis.title.text == unit


def test_waterfall_ends_at_the_score() -> None:
    shown = explanation(3)
    figure = charts.waterfall(shown, cues(BEHAVIORS[-3:]), charts.LIGHT)
    bars = [bar for bar in figure.data if bar.type == "bar"]
    assert sum(bar.y[0] for bar in bars) == pytest.approx(shown.logit)
    assert bars[-1].base[0] + bars[-1].y[0] == pytest.approx(shown.logit)


def test_a_behavior_keeps_its_cue_in_a_run_with_fewer_behaviors() -> None:
    all_three, every = cues(("view", "cart", "buy")), cues(BEHAVIORS)
    assert all_three["buy"] == every["buy"] == cues(("buy",))["buy"]
    assert len({cue.color for cue in every.values()}) == len({cue.symbol for cue in every.values()}) == 5


def test_losses_draw_one_curve_a_behavior_with_names_apart() -> None:
    reports = [
        EpochReport(epoch=e, epochs=9, phase="select", loss=loss, valid=None, best_epoch=1, seconds=1.0)
        for e, loss in enumerate(({"view": 1, "buy": 1.001}, {"view": 0.5, "buy": 0.6}, {"view": 0.4, "buy": 0.401}), 1)
    ]
    figure = charts.losses(reports, cues(("view", "buy")), charts.LIGHT)
    assert [list(curve.y) for curve in figure.data] == [[1, 0.5, 0.4], [1.001, 0.6, 0.401]]
    low, high = sorted(note.y for note in figure.layout.annotations)
    assert high - low > 0.04


def test_validation_marks_the_best_epoch() -> None:
    reports = [
        EpochReport(
            epoch=e, epochs=9, phase="select", loss={"buy": 1.0}, valid={"HR@100": v}, best_epoch=1, seconds=1.0
        )
        for e, v in ((1, 0.2), (2, 0.4), (3, 0.3))
    ]
    figure = charts.validation(reports, "HR@100", charts.LIGHT)
    assert (figure.data[1].x[0], figure.data[1].y[0]) == (2, 0.4)


def test_validation_is_drawn_through_the_epochs_that_were_ranked() -> None:
    valid = {3: {"HR@100": 0.2}, 6: {"HR@100": 0.4}, 7: {"HR@100": 0.3}}
    reports = [
        EpochReport(
            epoch=e, epochs=7, phase="select", loss={"buy": 1.0 / e}, valid=valid.get(e), best_epoch=1, seconds=1.0
        )
        for e in range(1, 8)
    ]
    curve, best = charts.validation(reports, "HR@100", charts.LIGHT).data
    assert (list(curve.x), list(curve.y), best.x[0]) == ([3, 6, 7], [0.2, 0.4, 0.3], 6)
    assert not charts.validation(reports[:2], "HR@100", charts.LIGHT).data
    assert list(charts.losses(reports, cues(("buy",)), charts.LIGHT).data[0].x) == [*range(1, 8)]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors, as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [charts.LIGHT, charts.DARK])
def test_text_has_a_contrast_of_4_5_and_lines_of_3(theme: charts.Theme) -> None:
    assert min(contrast(color, theme.paper) for color in (theme.ink, theme.soft)) >= 4.5
    assert min(contrast(theme.line(cue), theme.paper) for cue in cues(BEHAVIORS).values()) >= 3


def test_intervals_stand_best_first_with_baselines_apart() -> None:
    runs = [charts.Measured(0.2, 0.02, "BPR-MF", True), charts.Measured(0.5, 0.03, "NMTR-GMF", False)]
    figure = charts.intervals(runs, charts.LIGHT)
    names = [note.text for note in figure.layout.annotations if "±" not in note.text]
    assert names == ["NMTR-GMF", "BPR-MF"]
    assert [point.error_x.array[0] for point in figure.data] == [0.03, 0.02]
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol
