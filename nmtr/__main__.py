"""`python -m nmtr` is the command `nmtr`."""

from nmtr.cli import main

main()
