"""What a first view of a run shows, kept in a file: one shopper's list and why, without torch and without the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from nmtr.chances import Chances
from nmtr.chances.fitting import VERSION as OF_CHANCES
from nmtr.data.dataset import Dataset
from nmtr.explain import Explanation, Fitted, Recommendation, Recommendations, explain, recommend
from nmtr.files import kept_if_there_is_room, whole

NAME = "opening.json"
TOP = 20  # items of the list
MOST = 50_000  # items whose order is kept: of more, the file would be larger than what it saves
VERSION = f"1 {OF_CHANCES}"


class Opening(BaseModel):
    """The list of a run's opening shopper, as `recommend` and `explain` gave it; titles are the data set's."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    version: str
    run: str
    top: Recommendations  # the first TOP items
    why: Explanation | None  # of the first item; None where the list is empty
    order: tuple[str, ...]  # all items that the shopper has not bought, the best first

    @property
    def user(self) -> str:
        return self.top.user


def first_shopper(dataset: Dataset) -> str:
    """Somebody with enough behind them to look at, the same every time."""
    touched = sum(np.diff(matrix.indptr) for matrix in dataset.matrices)
    return str(dataset.users[int(np.argsort(touched, kind="stable")[int(0.8 * (dataset.num_users - 1))])])


def make(fitted: Fitted, dataset: Dataset, chances: Chances) -> Opening:
    """The opening of a run. dataset: the whole one, with behaviors that the run does not use."""
    user = first_shopper(dataset)
    top = recommend(fitted, user, TOP, chances)
    why = explain(fitted, user, top.items[0].item, chances) if top.items else None
    return Opening(version=VERSION, run=fitted.run, top=top, why=why, order=tuple(order(fitted, user)))


def order(fitted: Fitted, user: str) -> list[str]:
    """All items that a user has not bought, the best first."""
    row = fitted.dataset.user_index(user)
    best = np.argsort(-fitted.scorer.score(np.array([row]))[0], kind="stable")
    known = fitted.split.known
    best = best[~np.isin(best, known.indices[known.indptr[row] : known.indptr[row + 1]])]
    found: list[str] = fitted.dataset.items[best].tolist()
    return found


def read(path: Path, run: str, dataset: Dataset) -> Opening | None:
    """The opening of this run, with the data set's titles; None where there is none, or a damaged or older one.

    Such a one, or one of another shopper than this version opens on, can be worked out again.
    """
    try:
        found = Opening.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    if (found.version, found.run, found.user) != (VERSION, run, first_shopper(dataset)):
        return None
    top, why = found.top, found.why
    items = tuple(_titled(item, dataset) for item in top.items)
    held_out = None if top.held_out is None else _titled(top.held_out, dataset)
    why = None if why is None else replace(why, title=dataset.title(dataset.item_index(why.item)))
    return found.model_copy(update={"top": replace(top, items=items, held_out=held_out), "why": why})


def _titled(item: Recommendation, dataset: Dataset) -> Recommendation:
    return replace(item, title=dataset.title(dataset.item_index(item.item)))


def write(path: Path, opening: Opening) -> None:
    """Keep it, whole or not at all."""
    if len(opening.order) > MOST:
        return
    with kept_if_there_is_room(), whole(path) as file:
        file.write(opening.model_dump_json().encode())
