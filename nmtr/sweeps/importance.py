"""Which of a study's options matter: how much of what points differ in each option explains."""

from __future__ import annotations

from nmtr.errors import RunError
from nmtr.frozen import Frozen
from nmtr.sweeps import storage
from nmtr.sweeps.record import Study
from nmtr.workspace import Workspace

#: Fewer points than this, and a forest of trees says more of its seed than of the options.
FEWEST = 10


class Importance(Frozen):
    """One searched option; of λ, one for each behavior but the target, whose weight is what is left."""

    option: str  # its name; of λ, `lambda view`, say
    share: float  # of the variance of the metric over what was searched, its own effect alone; all sum to 1


def importances(workspace: Workspace, study: Study) -> tuple[Importance, ...]:
    """Functional ANOVA over the done points (Hutter et al. 2014, as Optuna has it), the most important option first.

    Of validation, as all that a study tells. RunError where fewer than ten points are done, or one option is searched.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    done = sum(point.state == "done" for point in study.points)
    if done < FEWEST:
        raise RunError(
            f"to tell which option matters, {FEWEST} points must be done; study {study.id} has {done}: let it go on, "
            "or add more."
        )
    kept = storage.load(workspace, study.id)
    try:
        found = get_param_importances(kept, evaluator=FanovaImportanceEvaluator(seed=0))
    except RuntimeError:  # no tree has any variance to explain
        raise RunError(f"to tell which option matters, points must differ; those of {study.id} are equal.") from None
    if len(found) < 2:
        raise RunError(
            f"to tell which option matters, a study must search several; study {study.id} searches one for all points."
        )
    return tuple(Importance(option=name, share=float(share)) for name, share in found.items())
