"""Chances that were worked out, in a file: what is there is not worked out again."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from nmtr.chances.fitting import VERSION
from nmtr.chances.record import Chances

NAME = "chances.json"


def read(path: Path, run: str) -> Chances | None:
    """The chances of this run; None where there are none, or damaged or of another version: they can be had again."""
    try:
        found = Chances.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if (found.version, found.run) == (VERSION, run) else None


def write(path: Path, chances: Chances) -> None:
    """Keep them, whole or not at all. On a full disk they are not kept, which costs but time."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        draft.write_text(chances.model_dump_json(), encoding="utf-8")
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
