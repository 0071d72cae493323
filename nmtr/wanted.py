"""Which items of a user's list are wanted: of a category, within prices, new to the user or seen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nmtr.errors import ConfigError
from nmtr.explain import Fitted

Seen = Literal["any", "new", "seen"]


@dataclass(frozen=True)
class Wanted:
    """What an item has to be; all items, unless something is said."""

    categories: tuple[str, ...] = ()  # one of these, where any is named
    price: tuple[float, float] | None = None  # from and to, both included
    seen: Seen = "any"  # whether it stands in one of the user's lower behaviors, as far as the run could see

    def __bool__(self) -> bool:
        return self != Wanted()

    def items(self, fitted: Fitted, user: str) -> NDArray[np.bool_]:
        """(N,) which items are wanted; an item without a category or price is not where one is asked for.

        Raises DataError for an unknown user, ConfigError for what the data set does not tell.
        """
        row = fitted.dataset.user_index(user)
        wanted = np.ones(fitted.dataset.num_items, np.bool_)
        if self.categories:
            of = _attribute(fitted, "category")
            if unknown := sorted({*self.categories} - {str(name) for name in of[of != None]}):  # noqa: E711
                raise ConfigError(f"a category must be one of data set {fitted.dataset.name}; got {unknown[0]}.")
            wanted &= np.isin(of.astype(str), self.categories)
        if self.price is not None:
            prices = _attribute(fitted, "price").astype(np.float64)
            wanted &= (prices >= self.price[0]) & (prices <= self.price[1])
        if self.seen != "any":
            seen = np.zeros_like(wanted)
            for matrix in fitted.split.train[:-1]:
                seen[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]] = True
            wanted &= seen if self.seen == "seen" else ~seen
        return wanted


def _attribute(fitted: Fitted, name: str) -> NDArray[np.object_]:
    attributes = fitted.dataset.attributes
    if attributes is None or name not in attributes:
        raise ConfigError(f"items are chosen by {name} where the data set tells it; {fitted.dataset.name} does not.")
    values = attributes[name]
    found: NDArray[np.object_] = values.astype(object).where(values.notna(), None).to_numpy(object)
    return found
