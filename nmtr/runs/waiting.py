"""Where each run of the background stands in line, and when it may be expected to start and to end."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from nmtr.runs.queue import QueueState
from nmtr.runs.store import Run


@dataclass(frozen=True)
class Place:
    """Where a run stands; times are seconds from now, and None where the queue is paused."""

    number: int  # in line, from 1; 0 where it is running
    starts: float | None
    ends: float | None


def places(
    running: Sequence[Run], line: Sequence[Run], left: Mapping[str, float], state: QueueState
) -> dict[str, Place]:
    """Where each run stands, by its id, if all take as long as expected and nobody comes before those who wait.

    running: the background runs that train; line: those that wait, the next one first; left: seconds that each of them
    still takes, by id. One run is started after the other, as `RunStore.claim` would: the first in line whose owner is
    not at the limit, as soon as one that trains has ended. Takes n log n steps for n runs.
    """
    found = {run.id: Place(0, 0.0, left[run.id]) for run in running}
    if state.paused:
        return found | {run.id: Place(number, None, None) for number, run in enumerate(line, 1)}
    waiting: dict[str, deque[tuple[int, Run]]] = {}
    for number, run in enumerate(line, 1):
        waiting.setdefault(run.owner, deque()).append((number, run))
    of_owner = Counter(run.owner for run in running)
    offered: dict[str, bool] = {}  # owners whose first run is in `ready`
    ready: list[tuple[int, str]] = []  # the first in line of each owner who is not at the limit
    ends: list[tuple[float, str]] = []  # of those that train

    def offer(owner: str) -> None:
        limited = owner != "" and state.per_owner is not None and of_owner[owner] >= state.per_owner
        if waiting.get(owner) and not offered.get(owner) and not limited:
            heappush(ready, (waiting[owner][0][0], owner))
            offered[owner] = True

    for run in running:
        heappush(ends, (left[run.id], run.owner))
    for owner in waiting:
        offer(owner)
    now = 0.0
    while ready or ends:
        if ready and len(ends) < state.slots:
            number, owner = heappop(ready)
            _, run = waiting[owner].popleft()
            end = now + left[run.id]
            found[run.id] = Place(number, now, end)
            heappush(ends, (end, owner))
            of_owner[owner] += 1
            offered[owner] = False
        else:
            now, owner = heappop(ends)
            of_owner[owner] -= 1
        offer(owner)
    return found
