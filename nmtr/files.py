"""Files that suites leave."""

from __future__ import annotations

import os
from pathlib import Path

from nmtr.errors import ConfigError


def write_whole(path: Path, text: str) -> None:
    """Write a file that a reader sees whole or not at all; ConfigError where that cannot be done."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"{path} must be a file that can be written, and is not ({error.strerror}).") from None
