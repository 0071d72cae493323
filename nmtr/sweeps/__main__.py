"""`python -m nmtr.sweeps HOME STUDY`: the driver of a study, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from nmtr.errors import NmtrError
from nmtr.runs import process
from nmtr.sweeps.driver import drive_alone
from nmtr.workspace import Workspace


def main() -> None:
    process.exit_on_sigterm()
    try:
        drive_alone(Workspace(Path(sys.argv[1])), sys.argv[2], lambda study: None)
    except NmtrError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
