"""What the suites compare: every method, and NMTR with each of its units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmtr.config import UNITS, RunConfig
from nmtr.config.methods import METHODS, Family
from nmtr.errors import ConfigError


@dataclass(frozen=True)
class Variant:
    """A method, with its unit where it is NMTR."""

    name: str  # "nmtr-gmf", "bpr"; what a preset's name begins with
    family: Family
    options: dict[str, str]  # of RunConfig

    @property
    def label(self) -> str:
        """As tables name it: ``NMTR-GMF``, ``BPR-MF``."""
        return RunConfig.parse(self.options).label

    @property
    def trains(self) -> bool:
        """Whether there is anything to train, and so to tune."""
        return RunConfig.parse(self.options).uses("epochs")

    @property
    def needs_lower(self) -> bool:
        """Whether it needs a behavior below the target."""
        return METHODS[self.options["method"]].lower


_NMTR = tuple(Variant(f"nmtr-{unit}", "nmtr", {"method": "nmtr", "unit": unit}) for unit in UNITS)
_OTHERS = tuple(Variant(name, METHODS[name].family, {"method": name}) for name in METHODS if name != "nmtr")
#: By name, in the order of the tables.
VARIANTS: dict[str, Variant] = {variant.name: variant for variant in (*_NMTR, *_OTHERS)}


def choose(names: Sequence[str], among: Sequence[str] = tuple(VARIANTS)) -> tuple[Variant, ...]:
    """The variants with these names, in the order of the tables; all that there are `among` where none is named.

    "nmtr" stands for all of its units. Raises ConfigError where a name is none of them.
    """
    there = [name for name in VARIANTS if name in among]
    for name in names:
        if name not in (*there, "nmtr"):
            raise ConfigError(f"methods must be among {', '.join(there)}; got {name}.")
    wanted = [name for name in there if not names or name in names or (VARIANTS[name].family in names)]
    return tuple(VARIANTS[name] for name in wanted)
