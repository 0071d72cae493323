"""What people call runs: a name, tags and a note, by which runs are found again."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from nmtr.errors import RunError
from nmtr.frozen import Frozen
from nmtr.runs.record import Run

MOST_TAGS = 20


def _plain(text: str) -> str:
    """The text without surrounding blanks; ValueError where a sign in it is no text."""
    if any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text):
        raise ValueError("must be text without control signs")
    return text.strip()


def _line(text: str) -> str:
    if "\n" in text.strip():
        raise ValueError("must be one line")
    return _plain(text)


def _tag(text: str) -> str:
    if not text.strip() or "," in text:
        raise ValueError("must be words without a comma")
    return _line(text)


def _once(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


class Labels(Frozen):
    """What people say of a run; nothing that was trained depends on it."""

    name: Annotated[str, Field(max_length=80), AfterValidator(_line)] = ""
    tags: Annotated[
        tuple[Annotated[str, Field(max_length=30), AfterValidator(_tag)], ...],
        Field(max_length=MOST_TAGS),
        AfterValidator(_once),
    ] = ()
    note: Annotated[str, Field(max_length=4_000), AfterValidator(_plain)] = ""


def checked(given: dict[str, object]) -> dict[str, object]:
    """Labels that somebody gave, as they are kept; RunError, in a sentence, where one cannot be."""
    try:
        return Labels.model_validate(given).model_dump(include=set(given))
    except ValidationError as error:
        first = error.errors()[0]
        rule = first["msg"].removeprefix("Value error, ").replace("should", "must")
        which = "A tag" if len(first["loc"]) > 1 else f"A run's {first['loc'][0]}"
        said = rule if rule.startswith("must") else f"must fit: {rule[:1].lower()}{rule[1:]}"
        raise RunError(f"{which} {said}; got {str(first['input'])[:40]!r}.") from None


def found(runs: Iterable[Run], search: str = "", tags: Sequence[str] = (), archived: bool = False) -> list[Run]:
    """The runs in which each word of a search occurs, with all of these tags; archived ones only if asked for.

    A search looks at name, tags, note, id, state, method and data set, in any case.
    """
    words = search.casefold().split()
    return [
        run
        for run in runs
        if (archived or not run.archived)
        and set(tags) <= {*run.tags}
        and (not words or all(word in _text(run) for word in words))
    ]


def tags_of(runs: Iterable[Run]) -> list[str]:
    """All tags of some runs, sorted."""
    return sorted({tag for run in runs for tag in run.tags}, key=str.casefold)


def _text(run: Run) -> str:
    said = (run.name, *run.tags, run.note, run.id, run.state, run.config.label, run.config.method, run.config.data)
    return "\n".join(said).casefold()
