"""Who is next, who has to wait, and whether there is room; the promises are those of the store's text on the queue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.dialects import postgresql

from nmtr.errors import ConfigError, RunError
from nmtr.runs import limits, queue
from nmtr.runs.store import Run, RunStore
from tests.runs.fakes import FINGERPRINT, config, result


def queued(store: RunStore, priority: int = 0, owner: str = "") -> Run:
    return store.create(config(), FINGERPRINT, priority=priority, owner=owner)


def ids(*runs: Run | None) -> list[str | None]:
    return [run and run.id for run in runs]


def test_claim_takes_the_highest_priority_and_of_equals_the_first(store: RunStore) -> None:
    low, first, second, high = (queued(store, priority) for priority in (-1, 0, 0, 5))
    assert ids(*store.line()) == ids(high, first, second, low)
    assert ids(*(store.claim(9) for _ in range(5))) == [*ids(high, first, second, low), None]


def test_run_keeps_its_priority_and_owner(store: RunStore) -> None:
    run = queued(store, 3, "ann")
    store.request_cancel(run.id)
    assert (again := store.requeue(run.id)).priority == 3 and again.owner == "ann"
    store.request_cancel(run.id)
    assert store.requeue(run.id, "bob").owner == "bob"


def test_run_of_a_study_is_known_by_the_studys_id_until_somebody_else_resumes_it(store: RunStore) -> None:
    """Not by its owner, whose text is the user's."""
    run = store.create(config(), FINGERPRINT, owner="study abcdefgh", study="abcdefgh")
    assert run.of_study and run.study == "abcdefgh"
    for name in ("study group", "study abcdefgh"):
        assert not store.create(config(), FINGERPRINT, owner=name).of_study
    store.request_cancel(run.id)
    assert store.requeue(run.id).study == "abcdefgh"
    store.request_cancel(run.id)
    assert store.requeue(run.id, "study other", "other").study == "other"
    store.request_cancel(run.id)
    assert not store.requeue(run.id, "study abcdefgh").of_study


def test_moved_run_goes_before_all_others(store: RunStore) -> None:
    first, second, third = queued(store, 2), queued(store), queued(store)
    store.move(third.id)
    assert ids(*store.line()) == ids(third, first, second)
    store.move(second.id)
    assert ids(*store.line()) == ids(second, third, first)


def test_moved_run_takes_the_priority_that_it_is_given(store: RunStore) -> None:
    first, second = queued(store), queued(store)
    assert store.move(first.id, -1).priority == -1
    assert ids(*store.line()) == ids(second, first)


def test_run_that_is_alone_or_first_is_moved_nowhere(store: RunStore) -> None:
    only = queued(store, 4)
    assert store.move(only.id).priority == 4
    queued(store, 1)
    assert ids(store.move(only.id)) == ids(*store.line()[:1])


def test_nothing_is_claimed_while_the_queue_is_paused(store: RunStore) -> None:
    running = queued(store)
    store.claim(9)
    store.queue.pause()
    assert store.queue.state().paused
    waiting = queued(store)
    assert store.claim(9) is None
    assert store.get(running.id).state == "running", "a pause ends no run"
    store.queue.resume()
    assert ids(store.claim(9)) == ids(waiting)


def test_foreground_run_starts_whether_the_queue_is_paused_or_full(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTR_QUEUE_CAP", "1")
    store.queue.pause()
    queued(store)
    assert store.create(config(), FINGERPRINT, foreground=True).state == "running"


def test_no_more_runs_of_an_owner_are_claimed_than_allowed(store: RunStore) -> None:
    ann = [queued(store, owner="ann") for _ in range(3)]
    bob = queued(store, owner="bob")
    assert ids(*(store.claim(9, per_owner=1) for _ in range(3))) == [*ids(ann[0], bob), None]
    assert ids(*(store.claim(9, per_owner=2) for _ in range(2))) == [*ids(ann[1]), None]
    store.finish(ann[0].id, result())
    assert ids(store.claim(9, per_owner=2)) == ids(ann[2])


def test_run_without_an_owner_counts_for_no_owners_limit(store: RunStore) -> None:
    runs = [queued(store) for _ in range(3)]
    assert ids(*(store.claim(9, per_owner=1) for _ in range(3))) == ids(*runs)


def test_foreground_run_counts_for_nobodys_limit(store: RunStore) -> None:
    store.create(config(), FINGERPRINT, foreground=True, owner="ann")
    run = queued(store, owner="ann")
    assert ids(store.claim(1, per_owner=1)) == ids(run)


@pytest.fixture
def full(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store whose queue takes two runs and has them."""
    monkeypatch.setenv("NMTR_QUEUE_CAP", "2")
    for _ in range(2):
        queued(store)
    return store


FULL = r"^The queue takes 2 runs at most, and as many wait: .* or set NMTR_QUEUE_CAP higher\.$"


def test_run_too_many_is_refused_and_leaves_nothing(full: RunStore) -> None:
    before = full.list()
    with pytest.raises(RunError, match=FULL):
        queued(full)
    assert full.list() == before
    assert {folder.name for folder in (full.root / "runs").iterdir()} == {run.id for run in before}
    full.claim(1)
    queued(full)


def test_resume_is_refused_while_the_queue_is_full(full: RunStore) -> None:
    run = full.create(config(), FINGERPRINT, foreground=True)
    full.fail(run.id, "It broke.")
    with pytest.raises(RunError, match=FULL):
        full.requeue(run.id)
    assert full.get(run.id).error == "It broke."
    full.claim(1)
    assert full.requeue(run.id).state == "queued"


def test_run_that_is_given_back_finds_room_in_a_full_queue(full: RunStore) -> None:
    claimed = full.claim(1)
    queued(full)
    assert claimed is not None and full.release(claimed).state == "queued"
    assert len(full.line()) == 3


def test_queue_is_not_overfilled_by_threads_that_race(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTR_QUEUE_CAP", "5")

    def attempt(_: int) -> bool:
        try:
            queued(store)
        except RunError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(30))) == len(store.line()) == 5


def test_owners_limit_is_not_exceeded_by_threads_that_race(store: RunStore) -> None:
    for _ in range(10):
        queued(store, owner="ann")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: store.claim(9, per_owner=2), range(20)))
    assert sum(claim is not None for claim in claims) == 2


def test_queue_holds_a_thousand_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("NMTR_JOBS", "NMTR_JOBS_PER_OWNER", "NMTR_QUEUE_CAP")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert (limits.slots(), limits.per_owner(), limits.queue_cap()) == (1, None, 1000)
    for name in names:
        monkeypatch.setenv(name, "7")
    assert (limits.slots(), limits.per_owner(), limits.queue_cap()) == (7, 7, 7)


@pytest.mark.parametrize("given", ["0", "-1", "two", ""])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("NMTR_JOBS", limits.slots),
        ("NMTR_JOBS_PER_OWNER", limits.per_owner),
        ("NMTR_QUEUE_CAP", limits.queue_cap),
    ],
)
def test_limit_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[], object], given: str
) -> None:
    monkeypatch.setenv(name, given)
    with pytest.raises(ConfigError, match=f"{name} must be a number of at least 1: how many runs .*; got {given}"):
        read()


def test_there_is_work_while_a_run_runs_or_may_be_started(store: RunStore) -> None:
    assert not store.queue.has_work()
    run = queued(store)
    assert store.queue.has_work()
    store.queue.pause()
    assert not store.queue.has_work()
    store.queue.resume()
    store.claim(1)
    store.queue.pause()
    assert store.queue.has_work()
    store.finish(run.id, result())
    assert not store.queue.has_work()


def test_statements_are_postgresqls_too() -> None:
    for statement in (queue.claim(2, 1), queue.enter({"id": "aaaaaaaa", "config": {"epochs": 1}}, 5)):
        assert "runs" in str(statement.compile(dialect=postgresql.dialect()))
