"""How fast NMTR Studio is, beside others and beside what the machine can do: `python -m benchmarks --help`."""
