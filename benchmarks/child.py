"""Each measurement in a process of its own, so that its memory peak is its own: one JSON line in, one out.

`python -m benchmarks.child` reads a request ``{"function": "module:name", "arguments": {...}}`` and answers
``{"figures": {...}}``, or ``{"error": "one sentence"}`` where NmtrError was raised. What else it prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.core import Figures
from benchmarks.errors import BenchmarkError
from benchmarks.places import ROOT
from nmtr.errors import NmtrError

NOTHING: Mapping[str, str] = {}


def call(function: Callable[..., Figures], environment: Mapping[str, str] = NOTHING, **arguments: Any) -> Figures:
    """What a module's function gives for plain values in a process of its own, and that process's `peak_mb`."""
    request = {"function": f"{function.__module__}:{function.__qualname__}", "arguments": arguments}
    return ask([sys.executable, "-m", "benchmarks.child"], request, environment=environment)


def ask(
    command: Sequence[str],
    request: Mapping[str, Any],
    folder: Path = ROOT,
    environment: Mapping[str, str] = NOTHING,
) -> Figures:
    """The figures that a process answers to one request; BenchmarkError with its sentence where it has none.

    environment: variables beside those of this process.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.run(
            command,
            input=json.dumps(request) + "\n",
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env={**os.environ, **environment},
        )
        log.seek(0)
        said = log.read().strip().splitlines()
    try:
        answer = json.loads(process.stdout)
    except json.JSONDecodeError:
        last = said[-1] if said else "nothing"
        raise BenchmarkError(
            f"{command[-1]} ended with status {process.returncode} without an answer; it said last: {last}"
        ) from None
    if "error" in answer:
        raise BenchmarkError(answer["error"])
    return {name: float(value) for name, value in answer["figures"].items()}


def peak_mb() -> float:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the requested function gives."""
    module, name = request["function"].split(":")
    try:
        figures = getattr(importlib.import_module(module), name)(**request["arguments"])
    except NmtrError as error:
        return {"error": str(error)}
    return {"figures": {**figures, "peak_mb": peak_mb()}}


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    print(json.dumps(answer(json.loads(sys.stdin.readline()))), file=out, flush=True)


if __name__ == "__main__":
    main()
