"""What to be careful about in a study's choice, before anybody trains or ships it."""

from __future__ import annotations

from collections.abc import Mapping

from nmtr.data.summary import describe
from nmtr.errors import DataError
from nmtr.sweeps.record import Study
from nmtr.workspace import Workspace


def leaks(workspace: Workspace, study: Study) -> dict[str, float]:
    """Of each lower behavior of the study, the share of held-out purchases that stand in it.

    Empty where the data set is gone or another now.
    """
    try:
        if workspace.data.info(study.data).fingerprint != study.fingerprint:
            return {}
        return describe(workspace.data.load(study.data).select(study.behaviors)).leak
    except DataError:
        return {}


def cautions(study: Study, leak: Mapping[str, float]) -> tuple[str, ...]:
    """Sentences about the best λ: that it leaves the target out, or goes by what gives test purchases away.

    leak: lower behavior -> share of held-out purchases that stand in it (`leaks`, or `Summary.leak`). Under *standard*
    they are left there, so that λ may be best for finding them again. Empty where λ is not searched, nothing is done,
    or there is nothing to say.
    """
    best = study.best
    if best is None or best.lambdas is None or len(study.behaviors) < 2:
        return ()
    weights = dict(zip(study.behaviors, best.lambdas, strict=True))
    *lower, target = study.behaviors
    found = []
    if not weights[target]:
        found.append(f"The best λ leaves {target} out: the model learns nothing from {target}.")
    most = max(lower, key=lambda behavior: leak.get(behavior, 0.0))
    share = leak.get(most, 0.0)
    if study.protocol == "standard" and share > 0 and weights[most] == max(weights.values()) > weights[target]:
        found.append(
            f"The best λ puts most weight on {most}, where {share:.0%} of the held-out purchases stand and standard "
            f"leaves them: it may be best at finding these again, and not at predicting. Study under clean."
        )
    return tuple(found)
