"""A study of loss weights as the λ lab shows it: its marks, what it found in words, and its rows. No Streamlit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from dashboard.charts import Axis, Spot
from dashboard.text import and_list, metric, plain
from nmtr.config.written import option_text
from nmtr.paper import optimum
from nmtr.sweeps import Point, Study, simplex
from nmtr.sweeps.plan import PAPER_STEPS

#: What can be searched beside the weights, in plain words.
ALSO = {
    "unit": "unit",
    "learning_rate": "learning rate",
    "l2_embeddings": "L2",
    "unobserved_weight": "weight of the unobserved",
    "dropout": "dropout",
    "negatives": "negatives ρ",
}
#: Behaviors whose weights have a picture with a place for each; those of more have parallel axes.
MOST_DRAWN = 3
_CLOSE = 1e-6  # weights that are nearer are the same
Weights = Sequence[float]


def weighed(behaviors: Sequence[str], weights: Weights) -> str:
    """``view .17 · cart .33 · buy .50``."""
    return " · ".join(
        f"{behavior} {f'{weight:.2f}'.removeprefix('0')}" for behavior, weight in zip(behaviors, weights, strict=True)
    )


def half_width(point: Point) -> float | None:
    return None if point.low is None or point.high is None else (point.high - point.low) / 2


def others(point: Point) -> dict[str, str]:
    """What was searched besides the weights, in plain words, as text."""
    return {
        ALSO.get(name, name): option_text(name, value).removeprefix(f"{name} ")
        for name, value in point.options.items()
        if name != "lambdas"
    }


def name_of(study: Study, point: Point) -> str:
    """What a point is called: its weights, and what else was searched."""
    weights = [weighed(study.behaviors, point.lambdas)] if point.lambdas else []
    return " · ".join([*weights, *(f"{name} {text}" for name, text in others(point).items())])


def setting(study: Study) -> str:
    """Data set · protocol, and whether pairs of the lower behaviors were held out as well."""
    hidden = ("pairs of the lower behaviors held out",) if study.plan.config.hold_out_lower else ()
    return " · ".join((plain(study.data), study.protocol, *hidden))


def searched(study: Study) -> str:
    """``loss weights``, ``loss weights and unit``."""
    return and_list([{"lambdas": "loss weights", **ALSO}[name] for name in study.plan.search])


def search_of(study: Study) -> str:
    """``28 weights``, ``40 choices``."""
    return counted(study.planned, study.plan.search)


def counted(count: int, search: Sequence[str]) -> str:
    what = "weights" if tuple(search) == ("lambdas",) else "choices"
    return f"{count:,} {what if count != 1 else what.removesuffix('s')}"


# The marks


def step_of(study: Study) -> float | None:
    """The step of the grid whose places can be clicked; None where there are too many behaviors to draw one."""
    return study.plan.step or PAPER_STEPS.get(len(study.behaviors))


def untried(study: Study) -> list[tuple[float, ...]]:
    """Places that a click adds: what the study lacks of its grid and, once it is done, those right around its best.

    None where there are too many behaviors for a picture with places.
    """
    step = step_of(study)
    if step is None or study.plan.search != ("lambdas",) or len(study.behaviors) > MOST_DRAWN:
        return []
    places = list(simplex(len(study.behaviors), step))
    if study.state == "done" and study.best is not None and study.best.lambdas is not None:
        places += _around(study.best.lambdas, step / 2)
    there = {_rounded(point.lambdas) for point in study.points if point.lambdas}
    return list({_rounded(place): place for place in places if _rounded(place) not in there}.values())


def _around(weights: Weights, by: float) -> Iterator[tuple[float, ...]]:
    """The weights that some are raised to and others lowered to by so much, as far as none falls below 0."""
    for signs in product((-1, 0, 1), repeat=len(weights)):
        moved = [weight + sign * by for weight, sign in zip(weights, signs, strict=True)]
        if sum(signs) == 0 and min(moved) > -_CLOSE:
            yield tuple(max(0.0, weight) for weight in moved)


def _rounded(weights: Weights) -> tuple[float, ...]:
    return tuple(round(weight, 6) for weight in weights)


def key_of(weights: Weights) -> str:
    """What a click on an untried place tells."""
    return "at " + " ".join(map(repr, weights))


def place_of(key: str) -> tuple[float, ...] | None:
    """The weights that a click on an untried place tells; None of a point that is there."""
    return tuple(map(float, key.split()[1:])) if key.startswith("at ") else None


def spots(study: Study, chosen: int | None, clickable: bool = True) -> list[Spot]:
    """A mark for each point, and for the places that a click would add."""
    best = study.best
    found = [
        Spot(
            point.lambdas or (),
            point.state,
            str(point.number),
            point.value,
            half_width(point),
            seeds=max(1, len(point.runs)) if point.state == "done" else study.plan.seeds,
            alike=point.number in study.equally_good,
            best=best is not None and point.number == best.number,
            chosen=point.number == chosen,
            progress=f"{point.epoch}/{point.epochs}",
            others=others(point),
        )
        for point in study.points
    ]
    places = untried(study) if clickable else []
    return [Spot(weights, "empty", key_of(weights)) for weights in places] + found


def axes(study: Study) -> list[Axis]:
    """An axis for each weight, where weights are searched, and for each other option that is."""
    points, found = study.points, []
    for r, behavior in enumerate(study.behaviors if "lambdas" in study.plan.search else ()):
        weights = [(point.lambdas or ())[r] for point in points]
        found.append(Axis(behavior, weights, [f"{behavior} {weight:.2f}" for weight in weights], ("0", "1")))
    for option, name in ALSO.items():
        if option in study.plan.search:
            values = {others(point)[name]: point.options[option] for point in points}
            numbers = all(isinstance(value, int | float) for value in values.values())
            order = sorted(values, key=values.__getitem__ if numbers else str) or [""]
            texts = [others(point)[name] for point in points]
            places = [order.index(text) / max(1, len(order) - 1) for text in texts]
            found.append(Axis(name, places, texts, (order[0], order[-1])))
    return found


def papers(behaviors: Sequence[str], apart: str = " ") -> tuple[Weights, str] | None:
    """The weights that the paper finds best for so many behaviors, and what to call them."""
    found = optimum(len(behaviors))
    return None if found is None else (found.lambdas, f"the paper's best{apart}({found.dataset})")


# What it found


def finding(study: Study) -> str:
    """The best point so far, and what it is worth on validation."""
    best = study.best
    if best is None or best.value is None:
        running = [point for point in study.points if point.state == "running"]
        if running:
            return f"The first of {search_of(study)} are training"
        return f"None of {search_of(study)} is done yet"
    lead = "Best so far" if study.state != "done" else "Best"
    return f"{lead}: {plain(name_of(study, best))}, with {study.metric} {metric(best.value, half_width(best))}"


def alike(study: Study) -> str:
    """How many points cannot be told from the best: any of these will do."""
    best, done = study.best, [point for point in study.points if point.state == "done"]
    others, good = len(done) - 1, len(study.equally_good) - 1
    if best is None or others < 1:
        return ""
    if best.number not in study.equally_good:
        return "What is as good as the best cannot be judged: its run was deleted."
    lost = sum(not judged(study, point) for point in done)
    gone = f" {lost} cannot be judged: {'its run was' if lost == 1 else 'their runs were'} deleted." if lost else ""
    if not good:
        return f"No other of the {counted(len(done), study.plan.search)} done is as good.{gone}"
    pick = "pick either." if good == 1 else "pick any of them."
    if good < others:
        return f"{good} of the {others} others done cannot be told from the best: {pick}{gone}"
    return f"None of the {counted(len(done), study.plan.search)} done can be told from the best: {pick}"


def judged(study: Study, point: Point) -> bool:
    """Whether it is known if a point can be told from the best: not where the ranks of either went with its run."""
    best = study.best
    if best is None or best.number not in study.equally_good:
        return False
    return point.number in study.equally_good or point.low is not None


def standing(study: Study, point: Point) -> str:
    """How a point stands to the best."""
    best = study.best
    if point.state == "pruned":
        return f"given up after {point.epoch} of {point.epochs} epochs, well behind the others"
    if point.state != "done" or point.value is None or best is None or best.value is None:
        return {
            "queued": "waiting for its turn",
            "running": f"training, epoch {point.epoch} of {point.epochs}",
            "stopped": "stopped; it goes on when the study does",
            "failed": "failed; its run's log says why",
        }.get(point.state, point.state)
    if point.number == best.number:
        return "the best of the study"
    if point.number in study.equally_good:
        return "as good as the best: the difference may be chance"
    behind = f"{metric(best.value - point.value)} behind the best"
    if not judged(study, point):
        whose = "its run" if best.number in study.equally_good else "the run of the best"
        return f"{behind}; whether by more than chance cannot be judged: {whose} was deleted"
    return f"{behind}, which is more than chance"


def rows(study: Study) -> list[dict[str, Any]]:
    """A row a point, the best first, as it is: for the table and for CSV."""
    ranked = sorted(study.points, key=lambda point: (point.value is None, -(point.value or 0.0)))
    return [
        {
            "study": study.id,
            "data": study.data,
            "protocol": study.protocol,
            "point": point.number,
            **{f"λ {b}": w for b, w in zip(study.behaviors, point.lambdas or (), strict=False)},
            **{name: value for name, value in point.options.items() if name != "lambdas"},
            f"validation {study.metric}": point.value,
            "low": point.low,
            "high": point.high,
            "as good as the best": point.number in study.equally_good if judged(study, point) else None,
            "state": point.state,
            "epochs": point.epoch,
            "runs": " ".join(point.runs),
        }
        for point in ranked
    ]
