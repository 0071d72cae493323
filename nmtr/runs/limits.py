"""How much may run and wait at once, as the environment says."""

from __future__ import annotations

import os

from nmtr.errors import ConfigError

_QUEUE_CAP = 1000


def slots() -> int:
    """$NMTR_JOBS, else 1: how many runs train at once; each uses as many cores as its config has threads."""
    return _number("NMTR_JOBS", "how many runs train at once") or 1


def per_owner() -> int | None:
    """$NMTR_JOBS_PER_OWNER: how many runs of one owner train at once; None where that is not set."""
    return _number("NMTR_JOBS_PER_OWNER", "how many runs of one owner train at once")


def queue_cap() -> int:
    """$NMTR_QUEUE_CAP, else 1000: how many runs may wait."""
    return _number("NMTR_QUEUE_CAP", "how many runs may wait") or _QUEUE_CAP


def _number(name: str, what: str) -> int | None:
    given = os.environ.get(name)
    if given is None:
        return None
    if not given.isdecimal() or int(given) < 1:
        raise ConfigError(f"{name} must be a number of at least 1: {what}; got {given}.")
    return int(given)
