"""Names, tags and notes of runs: kept as they are given, refused in a sentence, found again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmtr.errors import RunError
from nmtr.runs.labels import found, tags_of
from nmtr.runs.store import RunStore
from tests.runs.test_store import MAKE


@pytest.mark.parametrize("state", MAKE)
def test_run_in_any_state_is_labeled_and_stays_what_it_is(store: RunStore, state: str) -> None:
    run = MAKE[state](store)
    labeled = store.label(run.id, name=" Best so far ", tags=["demo", "for Ana", "demo"], note="Try λ .5\nnext.")
    assert labeled == replace(run, name="Best so far", tags=("demo", "for Ana"), note="Try λ .5\nnext.")
    assert store.label(run.id, archived=True) == replace(labeled, archived=True)
    assert RunStore(store.root).get(run.id) == replace(labeled, archived=True)
    assert store.label(run.id, name="", tags=[], note="", archived=False) == run


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "x" * 81}, "A run's name must fit: string must have at most 80 characters; got"),
        ({"name": "two\nlines"}, "A run's name must be one line; got 'two"),
        ({"name": "\x1b[31mred"}, "A run's name must be text without control signs"),
        ({"tags": ["a,b"]}, "A tag must be words without a comma; got 'a,b'"),
        ({"tags": ["x" * 31]}, "A tag must fit: string must have at most 30 characters"),
        ({"tags": [str(n) for n in range(21)]}, "A run's tags must fit: tuple must have at most 20 items"),
        ({"note": "x" * 4001}, "A run's note must fit: string must have at most 4000 characters"),
        ({"note": "\0"}, "A run's note must be text without control signs"),
        ({"owner": "me"}, "A run's owner must fit"),
    ],
)
def test_label_that_cannot_be_is_one_sentence_and_changes_nothing(
    store: RunStore, given: dict[str, object], sentence: str
) -> None:
    run = MAKE["done"](store)
    with pytest.raises(RunError) as caught:
        store.label(run.id, **given)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)
    assert store.get(run.id) == run


def test_label_of_no_run_is_refused(store: RunStore) -> None:
    with pytest.raises(RunError, match="there is no run nobody22"):
        store.label("nobody22", name="x")


def test_runs_are_found_by_words_in_any_case_and_by_all_tags(store: RunStore) -> None:
    one, two, three = (MAKE["done"](store) for _ in range(3))
    store.label(one.id, name="Straße", tags=["demo", "Ana"], note="the best λ")
    store.label(two.id, tags=["demo"])
    store.label(three.id, name="old", archived=True)
    runs = store.list()

    def ids(**by: object) -> set[str]:
        return {run.id for run in found(runs, **by)}  # type: ignore[arg-type]

    assert ids() == {one.id, two.id} and ids(archived=True) == {one.id, two.id, three.id}
    assert ids(search="STRASSE best") == ids(tags=["Ana", "demo"]) == ids(search=f"demo {one.id}") == {one.id}
    assert ids(search="old") == set() and ids(search="old", archived=True) == {three.id}
    assert ids(search=one.config.data) == {one.id, two.id} and ids(search="no such word") == set()
    assert tags_of(runs) == ["Ana", "demo"]
