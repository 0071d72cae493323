"""The order of behaviors: given, or guessed where their names leave no doubt."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from nmtr.errors import DataError, option

MAX_BEHAVIORS = 8

#: What shops call the steps of their funnel, lowest step first.
_STEPS = (
    {
        *("view", "views", "pv", "click", "clicks", "pageview", "page_view", "browse", "view_item", "product_viewed"),
        *("ansicht", "vue", "vista"),
    },
    {
        *("fav", "favorite", "favourite", "collect", "like", "wish", "wishlist", "add_to_wishlist"),
        *("merkzettel", "favori", "favorito"),
    },
    {
        *("cart", "carts", "addtocart", "add_to_cart", "add-to-cart", "atc", "product_added_to_cart"),
        *("warenkorb", "panier", "carrito"),
    },
    {
        *("buy", "buys", "purchase", "purchases", "order", "orders", "transaction", "checkout_completed"),
        *("kauf", "achat", "compra"),
    },
)
# Behaviors are listed with commas and set with "=", in commands and in addresses.
_NAME = re.compile(r"[^\s,=&?/#]{1,32}")


class UnknownOrder(DataError):
    """The order of a source's behaviors must be told; `counts` says which there are, and how many rows of each."""

    def __init__(self, message: str, counts: Mapping[str, int]) -> None:
        super().__init__(message)
        self.counts = dict(counts)


def order_behaviors(found: Collection[str], given: Sequence[str] | None, source: str) -> tuple[str, ...]:
    """The behaviors to use, lowest first, of those found in a source.

    Those given, if any; else all that were found, where they are one or each has a step of the funnel to itself.
    DataError where a given one was not found, or the order cannot be told.
    """
    listed = ", ".join(sorted(found)[: 2 * MAX_BEHAVIORS])
    if given:
        for behavior in given:
            if behavior not in found:
                raise DataError(
                    f"behaviors must have rows in {source}, which holds {listed}; got {behavior}, which has none."
                )
        if len(set(given)) < len(given):
            raise DataError(f"behaviors must be named once each; got {', '.join(given)}.")
    chosen = tuple(given or _by_step(found))
    if not chosen:
        raise DataError(
            f"the order of the behaviors must be given where their names do not tell it; {source} holds {listed}: "
            f"name those to use with {option('behaviors')}, lowest first and the one to recommend for last."
        )
    if len(chosen) > MAX_BEHAVIORS:
        raise DataError(f"a data set can have up to {MAX_BEHAVIORS} behaviors; got {len(chosen)}: {listed}.")
    for behavior in chosen:
        if not _NAME.fullmatch(behavior):
            raise DataError(
                "a behavior's name must be 1 to 32 characters without blanks, commas or any of = & ? / #; "
                f"got {behavior[:40]!r}: rename it in {source}."
            )
    return chosen


def propose(counts: Mapping[str, int]) -> tuple[tuple[str, ...], dict[str, str]]:
    """An order of a source's behaviors for somebody to confirm, and which would be taken for others.

    By known words for the steps of the funnel; of several words for one step, that with most rows names it, and the
    others are taken for it. What is no known word is left out.
    """
    order: list[str] = []
    merged: dict[str, str] = {}
    for words in _STEPS:
        alike = sorted((name for name in counts if name.lower() in words), key=lambda name: (-counts[name], name))
        order += alike[:1]
        merged |= dict.fromkeys(alike[1:], alike[0] if alike else "")
    return tuple(order), merged


def is_step(name: str) -> bool:
    """Whether a name is a known word for a step of the funnel."""
    return any(name.lower() in words for words in _STEPS)


def _by_step(found: Collection[str]) -> tuple[str, ...]:
    """The behaviors in the order of the funnel; empty where one is unknown or two share a step."""
    if len(found) == 1:
        return tuple(found)
    steps = {step: behavior for behavior in found for step, words in enumerate(_STEPS) if behavior.lower() in words}
    return tuple(steps[step] for step in sorted(steps)) if len(steps) == len(found) else ()
