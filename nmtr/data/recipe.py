"""What becomes of a source: everything that decides it, as one record that is kept with the data set."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, ValidationError

from nmtr.errors import DataError
from nmtr.frozen import Frozen

#: Which purchase of each shopper is held out. auto: the last by time where there are times, else what the source
#: says, else one at random.
HoldOut = Literal["auto", "last", "source", "random"]


class Recipe(Frozen):
    """How a source is read, cleaned and split; the same recipe and source give the same data set."""

    query: str | None = None  # what to ask a database for, where the source is one
    behaviors: tuple[str, ...] | None = None  # those to use, lowest first, the target last; all there are if None
    columns: dict[str, str] = {}  # what a column is (`columns.NAMES`) -> its name or its place from 1
    #: What stands between the values of a text, where its first line does not tell.
    delimiter: str | None = Field(default=None, min_length=1, max_length=4)
    merged: dict[str, str] = {}  # a behavior as the source has it -> the one that it is taken for
    dates: str | None = None  # day-first, month-first or year-first, where dates do not tell
    skip_bad: bool = False  # leave out rows that cannot be read, and keep them in a file
    implied: bool = False  # whoever did a step did those below it: add the pairs that are missing
    least_of_user: int = Field(default=0, ge=0)  # pairs that a user needs, over all behaviors; so for items, until
    least_of_item: int = Field(default=0, ge=0)  # nothing more falls away
    sample_users: int | None = Field(default=None, ge=1)  # so many users with a target pair, drawn at random; all
    hold_out: HoldOut = "auto"
    cut_later: bool = False  # leave out what a user did at or after the held-out purchase
    seed: int = 0  # of what is drawn at random

    @classmethod
    def parse(cls, given: dict[str, object]) -> Recipe:
        """A recipe of what somebody gave; DataError, in a sentence, where it is none."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            rule = f"one of {', '.join(get_args(HoldOut))}" if name == "hold_out" else first["msg"].lower()
            raise DataError(f"a recipe's {name} must be {rule}; got {str(first['input'])[:40]!r}.") from None
