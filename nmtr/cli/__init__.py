"""The commands. stdout carries only the result, progress goes to stderr; exit code 0, or 2 on a user's mistake."""

from nmtr.cli.main import main

__all__ = ["main"]
