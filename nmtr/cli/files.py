"""Files that commands write."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmtr.errors import ConfigError


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows, one or more, as CSV with a column for each of their keys; whole, or ConfigError and not at all."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # A device or a pipe, such as /dev/stdout, can only be written as it is.
    draft = path if path.exists() and not path.is_file() else path.with_name(f".{path.name}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        if draft != path:
            os.replace(draft, path)
    except OSError as error:
        raise ConfigError(f"--csv needs a file that can be written; {path} cannot ({error.strerror}).") from None
    finally:
        if draft != path:
            draft.unlink(missing_ok=True)
