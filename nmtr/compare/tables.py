"""The leaderboard: finished runs by all metrics; and what every comparison has in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from nmtr.compare.entries import Entry, dataset_of, differing, entries, parse_metric
from nmtr.compare.scores import Score, scores
from nmtr.config import Protocol
from nmtr.config.methods import METHODS
from nmtr.data.dataset import Dataset
from nmtr.evaluation.groups import visited
from nmtr.evaluation.metrics import CUTOFFS, SELECTION
from nmtr.frozen import Frozen
from nmtr.paper import Reported, counterpart
from nmtr.workspace import Workspace

METRIC = "HR@100"
#: Of test users: those who had visited the held-out item before. Only "some" makes two parts.
Visits = Literal["unknown", "none", "some", "all"]


class Compared(Frozen):
    """One entry, as a comparison names it."""

    name: str  # unique within the comparison
    label: str
    runs: tuple[str, ...]  # one a seed
    seeds: tuple[int, ...]
    options: dict[str, Any]  # those that are not the same in all entries that have them


class Comparison(Frozen):
    """What every figure of a comparison depends on; stands beside them wherever they are shown."""

    data: str
    fingerprint: str
    protocol: Protocol
    target: str
    metric: str  # what is asked about first
    reference: str  # the entry that the others are compared with


class Standing(Compared):
    """One entry of a leaderboard: HR@k and NDCG@k of all test users, and of two parts of them."""

    test: dict[str, Score]
    #: Test users whose held-out item stands in a lower behavior that one of the entries used, and the others; empty for
    #: nobody.
    visited: dict[str, Score]
    not_visited: dict[str, Score]
    #: At each run's best *test* epoch, the mean over seeds, as the paper reports; only where all runs watched the test.
    best_test: dict[str, float] | None
    paper: Reported | None  # what the paper reports of the same: not measured here, never ranked


class Leaderboard(Comparison):
    """Entries of one data set and protocol, the best by the metric first."""

    test_users: int
    visited_users: int | None  # None where the data set, which tells, is not here: then both parts are empty
    entries: tuple[Standing, ...]

    @property
    def visits(self) -> Visits:
        """Who of the test users had visited the held-out item, in a lower behavior that one of the entries used."""
        if self.visited_users is None:
            return "unknown"
        return "none" if not self.visited_users else "all" if self.visited_users == self.test_users else "some"

    def rows(self) -> list[dict[str, Any]]:
        """A row for each entry, metric and part of the users."""
        found = []
        seen = self.visited_users or 0
        users = {"all": self.test_users, "visited": seen, "not visited": self.test_users - seen}
        for entry in self.entries:
            for part, values in (("all", entry.test), ("visited", entry.visited), ("not visited", entry.not_visited)):
                for metric, score in values.items():
                    aside = {"best_test_epoch": (entry.best_test or {}).get(metric)} if part == "all" else {}
                    aside |= {"paper": entry.paper.figures.get(metric)} if entry.paper and part == "all" else {}
                    about = row(self, entry, metric, part, users[part], score)
                    found.append(about | {"best_test_epoch": None, "paper": None} | aside)
        return found


def leaderboard(
    workspace: Workspace,
    run_ids: Sequence[str],
    *,
    reference: str | None = None,
    metric: str = METRIC,
    dataset: Dataset | None = None,
    withhold: bool = True,
) -> Leaderboard:
    """Rank finished runs of one data set and protocol by a metric, and compare each with a reference.

    reference: a run, which joins the others. If not given, what is not NMTR, rules included, or else another than the
    leader; of several the best on *validation*, since the best on test would bias all differences.
    dataset: the runs' own, where the caller has it loaded; without one, here or given, all comes from the ranks and
    there are no parts. withhold: whether to refuse runs whose test figures are not to be shown
    (`nmtr.runs.withheld`); only suites do not.

    Raises NmtrError for runs that cannot be compared, and for an unknown metric.
    """
    ranked, against = prepared(workspace, run_ids, reference, metric, withhold)
    cutoffs = sorted({*CUTOFFS, parse_metric(metric)[1]})
    metrics = [f"{kind}@{cutoff}" for kind in ("HR", "NDCG") for cutoff in cutoffs]
    # A behavior that none of the runs could see gives nothing away to them.
    seen_by_some = {behavior for entry in ranked for behavior in entry.config.behaviors}
    if dataset is None and ranked[0].config.data in workspace.data.names():
        dataset = dataset_of(workspace, ranked[0].runs[0])
    tested = ranked[0].tested
    touched = None if dataset is None else visited(dataset, seen_by_some)[tested]
    (everyone,) = scores(ranked, against, metrics, [tested[tested]])
    parts = [] if touched is None else [part for part in (touched, ~touched) if part.any()]
    by_part = scores(ranked, against, metrics, parts) if parts else []
    nobody: list[dict[str, Score]] = [{} for _ in ranked]
    seen = by_part[0] if touched is not None and touched.any() else nobody
    unseen = by_part[-1] if touched is not None and not touched.all() else nobody
    standings = [
        Standing(
            **named,
            test=test,
            visited=one,
            not_visited=other,
            best_test=_best_test(entry),
            paper=counterpart(entry.config),
        )
        for named, entry, test, one, other in zip(about(ranked), ranked, everyone, seen, unseen, strict=True)
    ]
    return Leaderboard(
        **shared(ranked, metric, against),
        test_users=int(tested.sum()),
        visited_users=None if touched is None else int(touched.sum()),
        entries=tuple(standings),
    )


def prepared(
    workspace: Workspace, run_ids: Sequence[str], reference: str | None, metric: str, withhold: bool
) -> tuple[list[Entry], int]:
    """The entries, the best by the metric first, and which of them is the reference."""
    parse_metric(metric)
    given = entries(workspace, [*run_ids, *([] if reference is None else [reference])], withhold=withhold)
    ranked = sorted(given, key=lambda entry: -float(entry.per_user(metric).mean()))
    if reference is not None:
        run = workspace.runs.get(reference)
        return ranked, next(place for place, entry in enumerate(ranked) if entry.holds(run))
    baselines = [entry for entry in given if METHODS[entry.config.method].family != "nmtr"]
    # In the order given: where validation tells none from another, the test must not.
    offered = baselines or [entry for entry in given if entry is not ranked[0]] or given
    # Figures on other validation purchases are no better or worse: those of the kind that most have come first.
    ((kind, _),) = Counter(entry.config.validation for entry in ranked).most_common(1)
    return ranked, ranked.index(max(offered, key=lambda one: (one.config.validation == kind, _validated(one))))


def _validated(entry: Entry) -> tuple[float, ...]:
    """What validation says of an entry, in mean over its seeds."""
    found = [run.result.valid for run in entry.runs if run.result is not None]
    return tuple(sum(valid.get(metric, 0.0) for valid in found) / max(len(found), 1) for metric in SELECTION)


def leak(board: Leaderboard) -> str | None:
    """What to say where there are no two parts of the test users to compare; None where there are.

    It is a warning where every test user had visited the item and the protocol leaves those visits in training.
    """
    match board.visits, board.protocol:
        case "none", _:
            return (
                "No test user had visited the held-out item in a lower behavior that these runs use: nothing can leak."
            )
        case "all", "standard":
            return (
                "Every test user had visited the held-out item, and standard leaves these visits in the training data: "
                "each figure here may be memory, and none tells how well a model predicts. Compare under clean."
            )
        case "all", _:
            return (
                "Every test user had visited the held-out item. Clean hides these visits from every model; under "
                "standard each figure could be memory."
            )
        case "unknown", _:
            return f"Who had visited the held-out item is not known: data set {board.data} is not here."
    return None


def _best_test(entry: Entry) -> dict[str, float] | None:
    watched = [run.result.best_test for run in entry.runs if run.result is not None]
    metrics = [best.metrics for best in watched if best is not None]
    if len(metrics) < len(entry.runs):
        return None
    return {name: sum(values[name] for values in metrics) / len(metrics) for name in metrics[0]}


def shared(ranked: Sequence[Entry], metric: str, against: int) -> dict[str, Any]:
    run = ranked[0].runs[0]
    return {
        "data": run.config.data,
        "fingerprint": run.fingerprint,
        "protocol": run.config.protocol,
        "target": run.config.target,
        "metric": metric,
        "reference": ranked[against].name,
    }


def about(ranked: Sequence[Entry]) -> list[dict[str, Any]]:
    differences = differing([entry.config for entry in ranked])
    return [
        {
            "name": entry.name,
            "label": entry.config.label,
            "runs": tuple(run.id for run in entry.runs),
            "seeds": tuple(run.config.seed for run in entry.runs),
            "options": options,
        }
        for entry, options in zip(ranked, differences, strict=True)
    ]


def row(table: Comparison, entry: Compared, metric: str, group: str, users: int, score: Score) -> dict[str, Any]:
    return {
        "data": table.data,
        "protocol": table.protocol,
        "model": entry.name,
        "runs": " ".join(entry.runs),
        "seeds": " ".join(map(str, entry.seeds)),
        "metric": metric,
        "group": group,
        "users": users,
        "reference": table.reference,
        **score.row(),
    }
