"""The commands.

stdout carries only the result (`--json`: as one JSON value), everything else goes to stderr. The exit code is 0, or 2
with one sentence where a user made a mistake or cancelled the training. Who ends a command by Ctrl-C or SIGTERM gets
the usual 130 or 143, and of a training the sentence too; for `worker` and `dashboard` Ctrl-C is the regular end, so 0.
"""

from nmtr.cli.main import main

__all__ = ["main"]
