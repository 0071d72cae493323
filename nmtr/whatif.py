"""What a shopper would be recommended with another history: nobody's yet, or that of a real one with changes.

The model stays as it was trained, and only the shopper's vector is fitted (`docs/whatif.md`). The answer is a `Fitted`
of this one shopper, so lists and cascades come from `nmtr.explain` as everybody's do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.chances import Chances
from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.data.dataset import IntArray, matrix_of
from nmtr.errors import ConfigError, DataError
from nmtr.evaluation.scorer import CascadeScorer, FloatArray
from nmtr.explain import Explanation, Fitted, Recommendations, explain, rank_of, recommend

if TYPE_CHECKING:
    from nmtr.foldin import Counts, Vectors

#: What a shopper is called who starts from nobody.
NOBODY = "new shopper"
#: Entries of a history that are left out one by one to see what an item's score owes them; of more, those that count
#: most to first order.
_LEFT_OUT = 16
#: The length of the lists whose agreement is told.
_COMPARED = 20
_Rows = tuple[IntArray, ...]


@dataclass(frozen=True)
class Entry:
    """One pair of a history."""

    behavior: str
    item: str
    title: str | None

    def to_json(self) -> dict[str, Any]:
        title = {} if self.title is None else {"title": self.title}
        return {"behavior": self.behavior, "item": self.item, **title}


@dataclass(frozen=True)
class Reason:
    """What an item's score owes to one entry of the history: the shopper fitted again without that entry."""

    entry: Entry
    drop: float  # by how much the score is lower then, above 0
    rank: int  # of the item then, from 0

    def to_json(self) -> dict[str, Any]:
        return {**self.entry.to_json(), "drop": self.drop, "rank": self.rank}


@dataclass(frozen=True)
class Reasons:
    """What brought an item to its place: the entries whose removal lowers its score most, the most first."""

    item: str
    title: str | None
    rank: int
    score: float
    reasons: tuple[Reason, ...]
    left_out: int  # how many entries were left out one by one
    entries: int  # how many there are that the method reads
    method: str  # one sentence

    def to_json(self) -> dict[str, Any]:
        title = {} if self.title is None else {"title": self.title}
        reasons = [reason.to_json() for reason in self.reasons]
        told = {"left_out": self.left_out, "entries": self.entries, "method": self.method}
        return {"item": self.item, **title, "rank": self.rank, "score": self.score, "reasons": reasons, **told}


@dataclass(frozen=True, eq=False)
class WhatIf:
    """A shopper with a history of one's own."""

    fitted: Fitted  # of this shopper alone, row 0: for `recommend`, `explain` and all else that takes one
    start: str | None  # the real shopper that it started from
    history: tuple[Entry, ...]  # lowest behavior first, items in the data set's order
    method: str  # one sentence: how the shopper was fitted
    notes: tuple[str, ...]  # what else has to be said, a sentence each
    without: str | None  # the stage that is switched off
    _trained: Fitted
    _is_changed: bool  # whether anything is other than it was learned
    _shoppers: Vectors | Counts
    _vector: NDArray[np.float64]
    _rows: _Rows

    @property
    def user(self) -> str:
        return str(self.fitted.dataset.users[0])

    def recommend(self, k: int, chances: Chances | None = None) -> Recommendations:
        """The first k items, purchases left out; ConfigError for k < 1. chances: as `explain` takes them."""
        return recommend(self.fitted, self.user, k, None if self.without else chances)

    def explain(self, item: str, chances: Chances | None = None) -> Explanation:
        """One item's score taken apart along the cascade; DataError for an unknown item.

        chances: the run's (`Workspace.chances`); a shopper without a stage has none, since they were fitted with it.
        """
        return explain(self.fitted, self.user, item, None if self.without else chances)

    def place(self, item: str) -> int | None:
        """Where an item stands in the list, from 0; None where it is bought. DataError for an unknown item."""
        column = self.fitted.dataset.item_index(item)
        scores, candidates = self._scored
        return rank_of(scores, candidates, column) if candidates[column] else None

    @cached_property
    def _scored(self) -> tuple[FloatArray, NDArray[np.bool_]]:
        """(N,) scores of all items, and which of them are not bought."""
        scores = self.fitted.scorer.score(np.array([0]))[0]
        candidates = np.ones(len(scores), np.bool_)
        candidates[self.fitted.split.known.indices] = False
        return scores, candidates

    @cached_property
    def agreement(self) -> int | None:
        """How many of the first 20 items of the real shopper, as trained, the fit has too, the history unchanged.

        None where the shopper started from nobody.
        """
        if self.start is None:
            return None
        trained = recommend(self._trained, self.start, _COMPARED)
        unchanged = whatif(self._trained, self.start) if self._is_changed else self
        own = unchanged.recommend(_COMPARED)
        return len({item.item for item in trained.items} & {item.item for item in own.items})

    def reasons(self, item: str, k: int = 3) -> Reasons:
        """The k entries of the history whose removal lowers the item's score most, each with the shopper fitted again.

        Raises DataError for an unknown item.
        """
        dataset = self.fitted.dataset
        column = dataset.item_index(item)
        pairs = [(r, int(own)) for r in self._shoppers.reads for own in self._rows[r]]
        chosen = pairs
        if len(pairs) > _LEFT_OUT:
            about = self._shoppers.first_order(self._rows, self._vector, column, pairs)
            chosen = [pairs[at] for at in np.argsort(-about, kind="stable")[:_LEFT_OUT]]
        histories = [self._rows, *(_less(self._rows, *pair) for pair in chosen)]
        # The history as it is goes on from the same vector: what is not solved to its end has gone on as far.
        vectors = [self._shoppers.vector(history, self._vector) for history in histories]
        scores = self._shoppers.scorer(vectors, histories, _position(self._trained, self.without)).score(
            np.arange(len(histories))
        )
        candidates = np.ones(scores.shape[1], np.bool_)
        candidates[self.fitted.split.known.indices] = False
        ranks = [rank_of(row, candidates, column) for row in scores]
        drops = (scores[0, column] - scores[1:, column]).tolist()
        found = [
            Reason(_entry(self.fitted, *pair), drop, rank)
            for pair, drop, rank in zip(chosen, drops, ranks[1:], strict=True)
            if drop > 0
        ]
        found.sort(key=lambda reason: -reason.drop)
        return Reasons(
            item=item,
            title=dataset.title(column),
            rank=ranks[0],
            score=float(scores[0, column]),
            reasons=tuple(found[:k]),
            left_out=len(chosen),
            entries=len(pairs),
            method=_how(len(chosen), len(pairs)),
        )

    def to_json(self) -> dict[str, Any]:
        history = [entry.to_json() for entry in self.history]
        told = {"method": self.method, "notes": list(self.notes)}
        return {"user": self.user, "start": self.start, "without": self.without, "history": history, **told}


def whatif(
    fitted: Fitted,
    start: str | None = None,
    *,
    add: Mapping[str, Sequence[str]] | None = None,
    remove: Mapping[str, Sequence[str]] | None = None,
    without: str | None = None,
) -> WhatIf:
    """A shopper who starts from nobody or from a real one's training history, with pairs added and removed.

    add, remove: items by behavior. A purchase leaves the item out of the list, as any shopper's does; a cart implies no
    view. without: a stage of the cascade that is to count nothing, neither its interaction nor its item bias; the
    shopper's vector is fitted with it all the same.
    Raises DataError for an unknown user, behavior or item, or a pair that is there already or is not there; ConfigError
    for a stage that the method does not have; RunError where the method cannot fit one more shopper.
    """
    from nmtr.foldin import shoppers

    dataset, parts = fitted.dataset, fitted.split
    row = None if start is None else dataset.user_index(start)
    stage = _position(fitted, without)
    nothing = np.empty(0, np.int32)
    rows = tuple(nothing if row is None else _items(matrix, row) for matrix in parts.train)
    known = nothing if row is None else _items(parts.known, row)
    held_back = len(np.setdiff1d(known, rows[-1]))
    changed = _changed(fitted, rows, add or {}, remove or {})
    bought = np.union1d(np.setdiff1d(known, np.setdiff1d(rows[-1], changed[-1])), changed[-1]).astype(np.int32)
    held_out = -1 if row is None else int(parts.test_item[row])
    if held_out in bought:
        held_out = -1
    model = shoppers(fitted.config, fitted.weights, parts.train)
    vector = model.vector(changed)
    one = Fitted(
        run=fitted.run,
        config=fitted.config,
        dataset=replace(
            dataset,
            users=np.array([NOBODY if start is None else start]),
            matrices=tuple(_matrix(items, dataset.num_items) for items in changed),
            test_item=np.array([held_out], np.int32),
            given_valid_item=np.array([-1], np.int32),
        ),
        split=replace(
            parts,
            train=tuple(_matrix(items, dataset.num_items) for items in changed),
            known=_matrix(bought, dataset.num_items),
            test_item=np.array([held_out], np.int32),
            valid_item=np.array([-1], np.int32),
            lower_item=(),
        ),
        scorer=model.scorer([vector], [changed], stage),
        weights=fitted.weights,
    )
    return WhatIf(
        fitted=one,
        start=start,
        history=tuple(_entry(fitted, r, int(item)) for r, own in enumerate(changed) for item in own),
        method=model.about,
        notes=tuple(_notes(fitted, model.reads, changed, held_back, without)),
        without=without,
        _trained=fitted,
        _is_changed=bool(add or remove or without),
        _shoppers=model,
        _vector=vector,
        _rows=changed,
    )


def takes_one_more(config: RunConfig) -> bool:
    """Whether a run of this config can fit one more shopper; `whatif` says why where it cannot."""
    method = METHODS[config.method]
    return config.training != "sequential" and not (method.pairwise and method.unit in ("mlp", "neumf"))


def _changed(
    fitted: Fitted, rows: _Rows, add: Mapping[str, Sequence[str]], remove: Mapping[str, Sequence[str]]
) -> _Rows:
    """The history with its changes; DataError where one of them cannot be made."""
    changed = [set(own.tolist()) for own in rows]
    for behavior, labels in remove.items():
        own = changed[_behavior(fitted, behavior)]
        for label in labels:
            item = fitted.dataset.item_index(label)
            if item not in own:
                raise DataError(f"a pair to remove must be in the history; {behavior} of {label} is not: leave it out.")
            own.remove(item)
    for behavior, labels in add.items():
        r = _behavior(fitted, behavior)
        for label in labels:
            item = fitted.dataset.item_index(label)
            if item in changed[r] or label in remove.get(behavior, ()):
                where = "the history already" if item in changed[r] else "what to remove"
                raise DataError(f"a pair to add must be a new one; {behavior} of {label} is in {where}: leave it out.")
            changed[r].add(item)
    return tuple(np.array(sorted(own), np.int32) for own in changed)


def _notes(fitted: Fitted, reads: tuple[int, ...], rows: _Rows, held_back: int, without: str | None) -> list[str]:
    behaviors, notes = fitted.config.behaviors, []
    unread = [behavior for r, behavior in enumerate(behaviors) if r not in reads]
    if unread:
        notes.append(
            f"{fitted.config.label} reads no {' and no '.join(unread)} of one more shopper: they move nothing."
        )
    if reads and fitted.config.uses("epochs") and not any(len(rows[r]) for r in reads):
        notes.append("The history holds nothing that is read, so the shopper gets the mean of all shoppers' vectors.")
    if held_back:
        notes.append(
            "The purchase held out for validation is not in the history, since the run has not learned from it."
        )
    if without is not None:
        notes.append(
            f"Stage {without} is switched off, not retrained: its interaction and its item bias count nothing, and all "
            "else stays as it was learned with it."
        )
    return notes


def _how(left_out: int, entries: int) -> str:
    each = "The shopper is fitted again without each entry"
    if left_out == entries:
        return f"{each}."
    return f"{each} of the {left_out} that count most to first order, of {entries}."


def _position(fitted: Fitted, stage: str | None) -> int | None:
    """Which of the learned behaviors' stages it is; ConfigError where it can not be switched off."""
    if stage is None:
        return None
    learned = fitted.config.learned
    if not isinstance(fitted.scorer, CascadeScorer) or len(learned) < 2:
        label = METHODS[fitted.config.method].label
        raise ConfigError(f"switching off a stage needs a cascade of two or more; {label} has none: leave it out.")
    if stage not in learned:
        raise ConfigError(f"the stage to switch off must be one of {', '.join(learned)}; got {stage}.")
    return learned.index(stage)


def _behavior(fitted: Fitted, behavior: str) -> int:
    if behavior not in fitted.config.behaviors:
        raise DataError(
            f"a behavior must be one of {', '.join(fitted.config.behaviors)}, which the run learned; got {behavior}."
        )
    return fitted.config.behaviors.index(behavior)


def _entry(fitted: Fitted, r: int, item: int) -> Entry:
    dataset = fitted.dataset
    return Entry(fitted.config.behaviors[r], str(dataset.items[item]), dataset.title(item))


def _items(matrix: csr_array, row: int) -> IntArray:
    items: IntArray = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].astype(np.int32)
    return items


def _matrix(items: IntArray, num_items: int) -> csr_array:
    """One user's items (n,), ascending, as a matrix (1, N)."""
    return matrix_of(np.zeros(len(items), np.int32), items, (1, num_items))


def _less(rows: _Rows, behavior: int, item: int) -> _Rows:
    return tuple(own[own != item] if r == behavior else own for r, own in enumerate(rows))
