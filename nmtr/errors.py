"""The errors that a user can mend.

    NmtrError
    ├── ConfigError     an option, or a combination of options, that no run can have
    ├── DataError       a data set, file, user or item that is missing or malformed
    ├── RunError        a run that does not exist, or is in the wrong state for what was asked
    ├── StoreError      a store of runs that cannot be read or written
    └── CapacityError   a request that does not fit this machine, with the estimate and the alternative

Each message is one sentence that says what was required, what was given and what to do. Pages and commands show it
as it is; any other exception is a defect and goes to the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


class NmtrError(Exception):
    """A mistake that its user can mend; the message is one sentence fit to be shown.

    As text it names options as a command writes them; `told` puts other words in their place.
    """

    def __str__(self) -> str:
        return self._with(lambda name, value: f"--{name} {value}".rstrip())

    def told(self, words: Mapping[str, str]) -> str:
        """The message with these words for the options that it names, for people who see a form and no flags."""
        return self._with(lambda name, value: words[name])

    @property
    def message(self) -> str:
        """The message as it was given, for another error to pass on."""
        return str(self.args[0]) if self.args else ""

    def _with(self, written: Callable[[str, str], str]) -> str:
        return _OPTION.sub(lambda found: written(found[1], found[2]), self.message)


def option(name: str, value: str = "") -> str:
    """An option, with its value, as a part of a message."""
    return f"\x02{name} {value}\x03"


_OPTION = re.compile("\x02(\\S+) (.*?)\x03")


class ConfigError(NmtrError):
    """An option, or a combination of options, that no run can have."""


class DataError(NmtrError):
    """A data set, file, user or item that is missing or malformed."""


class RunError(NmtrError):
    """A run that does not exist, or is in the wrong state for what was asked."""


class StoreError(NmtrError):
    """A store of runs that cannot be read or written; `reason` is what the database says of it."""

    def __init__(self, path: object, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The store of runs needs a database that it can read and write; {path} cannot be used ({reason}), "
            "so mend that, bring back a copy of it, or set NMTR_HOME to another folder."
        )


class CapacityError(NmtrError):
    """A request that does not fit this machine; says the estimate and the alternative."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory; torch says that by a RuntimeError on the CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in said or "not enough memory" in said)
