"""Which option matters: planted effects are found, and where there is nothing to say it is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scipy.stats import qmc

from nmtr.errors import RunError
from nmtr.sweeps import Plan, Study, create, importances, storage
from nmtr.sweeps.space import draw
from nmtr.sweeps.study import OPTIONS, read_unjudged
from nmtr.workspace import Workspace

Value = Callable[[dict[str, float]], float]


BOTH = ("lambdas", "dropout")


def tried(workspace: Workspace, value: Value, count: int = 40, search: tuple[str, ...] = BOTH) -> Study:
    """A study whose points are done, spread evenly over what is searched, each with the value of its parameters."""
    config = {"data": "quick", "loss": "sampled"}
    plan = Plan.parse({"config": config, "sampler": "tpe", "trials": count, "search": search})
    study = create(workspace, plan)
    kept = storage.load(workspace, study.id)
    for at in qmc.Halton(2, seed=0).random(count):
        kept.enqueue_trial({"lambda view": float(at[0]), "dropout": float(at[1])})
        trial = kept.ask()
        options = draw(trial, plan, study.behaviors, lambda config: workspace.prepare(config)[0])
        trial.set_user_attr(OPTIONS, options)
        kept.tell(trial, value(trial.params))
    return read_unjudged(workspace, study.id)


def test_the_option_that_was_planted_explains_most(workspace: Workspace) -> None:
    study = tried(workspace, lambda at: at["lambda view"])
    first, second = importances(workspace, study)
    assert (first.option, second.option) == ("lambda view", "dropout")
    assert first.share > 0.9 and first.share + second.share == pytest.approx(1)


def test_two_options_share_what_both_explain(workspace: Workspace) -> None:
    """A uniform number times 2 has 4 times the variance of the number alone: 80 % and 20 %."""
    study = tried(workspace, lambda at: at["lambda view"] + 2 * at["dropout"], count=120)
    found = {one.option: one.share for one in importances(workspace, study)}
    assert found["dropout"] == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize(
    ("count", "search", "value", "sentence"),
    [
        (9, BOTH, lambda at: at["dropout"], "10 points must be done; study .* has 9: let it go on"),
        (12, ("lambdas",), lambda at: at["lambda view"], "must search several; study .* searches one"),
        (12, BOTH, lambda at: 0.5, "points must differ; those of .* are equal"),
    ],
)
def test_where_nothing_can_be_said_it_is_said(
    workspace: Workspace, count: int, search: tuple[str, ...], value: Value, sentence: str
) -> None:
    with pytest.raises(RunError, match=sentence):
        importances(workspace, tried(workspace, value, count, search))
