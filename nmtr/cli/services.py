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

from nmtr import sweeps
from nmtr.cli.console import note
from nmtr.cli.options import whole_number
from nmtr.cli.runs import look_after
from nmtr.errors import ConfigError, RunError
from nmtr.runs import process
from nmtr.workspace import Workspace

_PACKAGES = Path(__file__).parents[2]
SERVER = _PACKAGES / "dashboard" / "server.py"


def worker(
    once: Annotated[bool, typer.Option("--once", help="End when nothing is queued or running.")] = False,
) -> None:
    """Train what is queued, until stopped.

    Studies whose process is gone go on, too.
    The dashboard starts a worker by itself when there is work.
    """
    from nmtr.runs.supervisor import Supervisor

    process.exit_on_sigterm()
    workspace = Workspace()
    home = workspace.home
    sweeps.revive(workspace)
    try:
        alone = Supervisor(home).run(idle=0 if once else math.inf)
    except KeyboardInterrupt:
        return
    if not alone:
        raise RunError(f"one worker a home is enough, and {home} has one already: leave it to that one.")


def dashboard(
    port: Annotated[
        int, typer.Option(parser=whole_number("--port", 1, 65_535), metavar="PORT", help="Where to listen.")
    ] = 8501,
    address: Annotated[str, typer.Option(metavar="ADDRESS", help="0.0.0.0 lets other machines in.")] = "localhost",
    demo: Annotated[bool, typer.Option(help="Bring the demo data and its ready-made runs along.")] = True,
) -> None:
    """Open the dashboard in the browser."""
    _check_free(address, port)
    workspace = Workspace()
    if demo:
        from nmtr.demo import install

        install(workspace)
    look_after(workspace)
    sweeps.revive(workspace)
    # Headless where no browser can be opened: streamlit would wait for an e-mail address at its first start.
    headless = address != "localhost" or (sys.platform == "linux" and not os.environ.get("DISPLAY"))
    command = [sys.executable, "-m", "streamlit", "run", str(SERVER)]
    command += [f"--server.port={port}", f"--server.address={address}", f"--server.headless={str(headless).lower()}"]
    command += ["--logger.hideWelcomeMessage=true"]  # which would ask a server elsewhere for this machine's address
    path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "NMTR_HOME": str(workspace.home)}
    note(f"the dashboard is at http://localhost:{port}; Ctrl-C ends it")
    # From the packages' folder, so that nothing is imported from the one that the command was given in.
    if sys.platform == "win32":  # which starts another process and ends this one where it is told to exec
        raise typer.Exit(subprocess.run(command, env=environment, cwd=_PACKAGES, check=False).returncode)
    sys.stderr.flush()
    os.chdir(_PACKAGES)
    # The server takes this process's place: whatever ends the one ends the other, and nothing is left on the port.
    os.execve(sys.executable, command, environment)


def _check_free(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1" if address == "localhost" else address, port))
        except OSError as error:
            raise ConfigError(
                f"the dashboard needs an address and a port to listen at, but {address} port {port} cannot be had "
                f"({error.strerror}): stop what listens there, or choose another with --port."
            ) from None
