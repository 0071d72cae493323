"""What is changed of a shopper's history, and how the address carries it: ``add=cart:i1,buy:i2&remove=view:i3``.

Commas, colons and the like within a behavior or an item are percent-encoded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from dashboard import address
from dashboard.cache import Pairs
from nmtr.errors import ConfigError


@dataclass(frozen=True)
class Changes:
    """Pairs added and removed, and the stage that is switched off; the core says whether they can be made."""

    add: Pairs = ()
    remove: Pairs = ()
    without: str | None = None

    @classmethod
    def selected(cls) -> Changes:
        """Those of the address; ConfigError where it cannot be read."""
        add, remove = (_read(name, address.selected(name) or "") for name in ("add", "remove"))
        return cls(add, remove, address.selected("without"))

    def put(self, behavior: str, item: str, *, there: bool, before: bool) -> Changes:
        """With the pair in the history (`there`) or not in it; before: whether it is in the unchanged one."""
        pair = (behavior, item)
        add, remove = (tuple(own for own in pairs if own != pair) for pairs in (self.add, self.remove))
        if there and not before:
            add += (pair,)
        if before and not there:
            remove += (pair,)
        return replace(self, add=add, remove=remove)

    def select(self) -> None:
        """Make them what is selected, as one step."""
        address.select(add=_written(self.add), remove=_written(self.remove), without=self.without)

    @property
    def pairs(self) -> tuple[Pairs, Pairs, str | None]:
        return self.add, self.remove, self.without


def _read(name: str, text: str) -> Pairs:
    pairs = []
    for part in filter(None, text.split(",")):
        behavior, colon, item = part.partition(":")
        if not (behavior and colon and item):
            raise ConfigError(f"what the address has to {name} must look like cart:item,view:item; got {text!r}.")
        pairs.append((unquote(behavior), unquote(item)))
    return tuple(pairs)


def _written(pairs: Pairs) -> str | None:
    return ",".join(f"{quote(behavior, safe='')}:{quote(item, safe='')}" for behavior, item in pairs) or None
