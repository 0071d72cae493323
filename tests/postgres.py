"""A PostgreSQL of the tests' own, on loopback, from what Debian's package installs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _programs() -> Path:
    """The folder of initdb and its like: Debian keeps them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert versions, "PostgreSQL must be installed: sh tests/install.sh"
    return versions[-1]


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a new, empty server, without a database's name; stopped and removed at the end."""
    # Under a short path (a socket's has at most 107 bytes), which the server's own user may enter.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        # It refuses to run as root.
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(folder, "postgres", "postgres")

        def run(program: str, *words: str) -> None:
            command = [*user, str(_programs() / program), "-D", f"{folder}/data", *words]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr

        run("initdb", "--username=tests", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c timezone=UTC"
        run("pg_ctl", "--wait", f"--log={folder}/log", f"--options={options}", "start")
        try:
            yield f"postgresql://tests@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
