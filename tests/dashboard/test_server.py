"""What the web server does before anyone opens a page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.dashboard.conftest import APP

_STARTED = """
import asyncio, sys
from dashboard import server

async def start():
    async with server._lifespan(server.app):
        assert "dashboard.cache" in sys.modules, "pages find all that they draw with"
        assert "torch" not in sys.modules, "the first page has the processor to itself"
        server.warming.drawn()
        await asyncio.to_thread(server.warming.wait)

assert not {"torch", "dashboard.cache"} & {*sys.modules}, "nothing heavy comes with the module"
asyncio.run(start())
assert {"torch", "nmtr.experiment"} <= {*sys.modules}
from nmtr.native.build import library
assert library.cache_info().currsize, "the kernels are there"
from dashboard import cache, selection
run = cache.workspace().model_of(selection.opening_data())
type(cache.workspace()).fitted = None  # what is prepared is not asked for again
print(cache.fitted(run.id).run)
assert cache.workspace().kept_opening(run.id)
"""


def test_server_prepares_the_first_views_model_when_it_starts(home: Path, runs: dict[str, str]) -> None:
    said = _run(home)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() in runs.values()


def test_server_starts_where_there_is_nothing_to_prepare(tmp_path: Path) -> None:
    said = _run(tmp_path, _STARTED.partition("from dashboard import cache")[0])
    assert said.returncode == 0, said.stderr
    assert "Traceback" not in said.stderr


def _run(home: Path, program: str = _STARTED) -> subprocess.CompletedProcess[str]:
    environment = {"NMTR_HOME": str(home), "PYTHONPATH": str(APP.parents[1])}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
