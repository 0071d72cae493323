"""What a run is worth beside the best alternative to NMTR: the one comparison that a first page makes."""

from __future__ import annotations

from nmtr.compare.entries import same_but_seed
from nmtr.compare.tables import METRIC, Leaderboard, leaderboard, prepared
from nmtr.config.methods import METHODS
from nmtr.data.dataset import Dataset
from nmtr.runs.store import Run
from nmtr.workspace import Workspace


def against_best(
    workspace: Workspace, run: Run, *, metric: str = METRIC, dataset: Dataset | None = None
) -> Leaderboard:
    """A finished run beside the best of all others that are not NMTR, rules included; alone where there is none.

    The best on *validation* of the same data set, version, protocol and target; other seeds of the run are no others.
    dataset, and what is raised: as `leaderboard`.
    """
    done = [
        other
        for other in workspace.runs.list("done")
        if (other.config.data, other.fingerprint, other.config.protocol, other.config.target)
        == (run.config.data, run.fingerprint, run.config.protocol, run.config.target)
        and METHODS[other.config.method].family != "nmtr"
        and not same_but_seed(other.config, run.config)
        and other.result is not None
        and other.result.test
    ]
    hidden = workspace.runs.withheld(done)
    offered = [other.id for other in done if other.id not in hidden]
    reference = None
    if offered:
        ranked, best = prepared(workspace, offered, None, metric, withhold=True)
        reference = ranked[best].runs[0].id
    return leaderboard(workspace, [run.id], reference=reference, metric=metric, dataset=dataset)
