"""nmtr worker | dashboard"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from nmtr.cli.console import err, fail, mistakes
from nmtr.workspace import Workspace

APP = Path(__file__).parents[2] / "dashboard" / "app.py"


def worker(
    once: Annotated[bool, typer.Option("--once", help="End when nothing is queued or running.")] = False,
) -> None:
    """Train what is queued, until stopped. The dashboard starts one by itself when there is work."""
    from nmtr.runs import process
    from nmtr.runs.supervisor import Supervisor

    with mistakes():
        process.exit_on_sigterm()
        home = Workspace().home
        try:
            if not Supervisor(home).run(idle=0 if once else math.inf):
                raise fail(f"one worker a home is enough, and {home} has one already: leave it to that one.")
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8501,
    address: Annotated[str, typer.Option(help="0.0.0.0 lets other machines in.")] = "localhost",
    demo: Annotated[bool, typer.Option(help="Bring the demo data and its ready-made runs along.")] = True,
) -> None:
    """Open the dashboard in the browser."""
    with mistakes():
        workspace = Workspace()
        if demo:
            from nmtr.demo import install

            install(workspace)
        workspace.start_worker()
    if not _is_free(address, port):
        raise fail(f"port {port} must be free and is taken: stop what listens there, or choose another with --port.")
    # Headless where no browser can be opened: streamlit would wait for an e-mail address at its first start.
    headless = address != "localhost" or (sys.platform == "linux" and not os.environ.get("DISPLAY"))
    command = [sys.executable, "-m", "streamlit", "run", str(APP)]
    command += [f"--server.port={port}", f"--server.address={address}", f"--server.headless={str(headless).lower()}"]
    path = os.pathsep.join(filter(None, (str(APP.parents[1]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "NMTR_HOME": str(workspace.home)}
    err.print(f"the dashboard is at http://localhost:{port}; Ctrl-C ends it", markup=False)
    try:
        # From the project's folder: the theme and the server's limits stand in its .streamlit.
        raise typer.Exit(subprocess.run(command, env=environment, cwd=APP.parents[1], check=False).returncode)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1" if address == "localhost" else address, port))
        except OSError:
            return False
    return True
