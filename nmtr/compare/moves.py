"""Whose held-out item a model lifts, and whose it lowers, beside the reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nmtr.compare.entries import Entry, dataset_of, parse_metric
from nmtr.compare.tables import METRIC, Compared, Comparison, about, prepared, shared
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.evaluation.significance import Values
from nmtr.frozen import Frozen
from nmtr.workspace import Workspace

#: How many users are named each way, unless said otherwise, and at most.
NAMED, MOST = 10, 100


class Mover(Frozen):
    """One test user; places count from 1, and are a mean over the seeds (of their logarithms)."""

    user: str
    item: str  # the held-out item
    title: str | None
    before: float  # its place in the reference's list
    after: float  # and in the model's


class Moved(Compared):
    """What one entry does with the reference's lists."""

    up: int  # test users whose held-out item it places further up
    down: int
    into: int  # those whose item comes into the first K
    out_of: int  # and those whose item leaves them
    gain: tuple[Mover, ...]  # whose place rises most, by how many times further up it is
    lose: tuple[Mover, ...]


class Moves(Comparison):
    """Entries that are not the reference, the best by the metric first."""

    users: int
    first: int  # K, of the metric
    entries: tuple[Moved, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each user that is named."""
        return [
            {
                "data": self.data,
                "protocol": self.protocol,
                "model": entry.name,
                "reference": self.reference,
                "way": way,
                **mover.to_json(),
            }
            for entry in self.entries
            for way, movers in (("gains", entry.gain), ("loses", entry.lose))
            for mover in movers
        ]


def moves(
    workspace: Workspace,
    run_ids: Sequence[str],
    *,
    reference: str | None = None,
    metric: str = METRIC,
    named: int = NAMED,
    dataset: Dataset | None = None,
) -> Moves:
    """Which test users gain and lose by each finished run, beside a reference.

    A user gains where the held-out item stands further up; most where it is most times further up: from place 200 to
    10 is more than from 2,000 to 1,000. named: users each way, 1 to `MOST`. Raises ConfigError where there is nothing
    but the reference; the rest, and what else is raised, as `leaderboard`.
    """
    if not 1 <= named <= MOST:
        raise ConfigError(f"the users that are named must be 1 to {MOST}; got {named}.")
    ranked, against = prepared(workspace, run_ids, reference, metric, withhold=True)
    if len(ranked) < 2:
        raise ConfigError("who gains and who loses needs two models or more; got one: name another run.")
    dataset = dataset or dataset_of(workspace, ranked[0].runs[0])
    first = parse_metric(metric)[1]
    before = _places(ranked[against])
    return Moves(
        **shared(ranked, metric, against),
        users=len(before),
        first=first,
        entries=tuple(
            _moved(known, before, _places(entry), first, named, dataset)
            for number, (known, entry) in enumerate(zip(about(ranked), ranked, strict=True))
            if number != against
        ),
    )


def _places(entry: Entry) -> Values:
    """(n,) the place of each test user's held-out item, from 1."""
    # Rounded, so that the place of a single seed is the whole number that it is.
    places: Values = np.exp(np.log(entry.ranks[:, entry.tested] + 1).mean(axis=0)).round(6)
    return places


def _moved(known: dict[str, Any], before: Values, after: Values, first: int, named: int, dataset: Dataset) -> Moved:
    rise = np.log(before) - np.log(after)
    order = np.argsort(-rise, kind="stable")
    users = np.flatnonzero(dataset.test_item >= 0)

    def movers(places: Iterable[int]) -> tuple[Mover, ...]:
        return tuple(
            Mover(
                user=str(dataset.users[users[n]]),
                item=str(dataset.items[item := dataset.test_item[users[n]]]),
                title=dataset.title(item),
                before=float(before[n]),
                after=float(after[n]),
            )
            for n in places
        )

    return Moved(
        **known,
        up=int((rise > 0).sum()),
        down=int((rise < 0).sum()),
        into=int(((after <= first) & (before > first)).sum()),
        out_of=int(((after > first) & (before <= first)).sum()),
        gain=movers(order[rise[order] > 0][:named].tolist()),
        lose=movers(order[::-1][rise[order[::-1]] < 0][:named].tolist()),
    )
