"""Chances that were worked out, in a file: what is there is not worked out again."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from nmtr.chances.fitting import VERSION
from nmtr.chances.record import Chances
from nmtr.files import kept_if_there_is_room, whole

NAME = "chances.json"


def read(path: Path, run: str) -> Chances | None:
    """The chances of this run; None where there are none, or damaged or of another version: they can be had again."""
    try:
        found = Chances.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if (found.version, found.run) == (VERSION, run) else None


def write(path: Path, chances: Chances) -> None:
    """Keep them, whole or not at all."""
    with kept_if_there_is_room(), whole(path) as file:
        file.write(chances.model_dump_json().encode())
