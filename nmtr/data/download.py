"""Fetching one file over HTTP, whole or not at all: what breaks off is picked up again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path, PurePosixPath
from socket import gaierror
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from nmtr.data.staging import FULL
from nmtr.errors import DataError, option

#: (what is being done, share done from 0 to 1)
Progress = Callable[[str, float], None]

MAX_DOWNLOAD = 1 << 30  # bytes of one file
_TIMEOUT = 30.0  # seconds without a byte
_WAITS = (0.5, 1.0, 2.0)  # seconds before each further try; they begin anew where a try brought bytes
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers of a server that may answer otherwise soon


@dataclass
class _Part:
    """What is fetched so far of a file, and which version of it that is."""

    address: str
    path: Path
    tell: Progress
    version: str | None = None  # the server's name for it; None where it has none, so that nothing can be added to it

    @property
    def name(self) -> str:
        return PurePosixPath(urlsplit(self.address).path).name

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def ask(self) -> Request:
        headers = {"User-Agent": "nmtr", "Accept-Encoding": "identity"}
        if self.size and self.version:
            headers |= {"Range": f"bytes={self.size}-", "If-Range": self.version}
        return Request(self.address, headers=headers)

    def take(self, answer: HTTPResponse) -> None:
        """Write the rest of the file, or all of it where the server begins anew."""
        goes_on = answer.status == 206
        if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {self.size}-"):
            self.version = None  # ask for all of it next
            raise HTTPException("the server sent another part than it was asked for")
        done = self.size if goes_on else 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        tag = answer.headers.get("ETag") or ""
        self.version = tag if tag.startswith('"') else None  # a weak one is the same for other bytes
        with self.path.open("ab" if goes_on else "wb") as file:
            while chunk := answer.read1(1 << 16):
                done += len(chunk)
                if done > MAX_DOWNLOAD:
                    raise DataError(f"a file can have up to {MAX_DOWNLOAD / 2**30:g} GiB; {self.address} has more.")
                file.write(chunk)
                self.tell(f"fetching {self.name}", min(done / total, 1.0) if total else 0.0)
        if done < total:
            raise HTTPException("the connection was cut")


def download(address: str, path: Path, tell: Progress) -> None:
    """Fetch an address into a new file; DataError where that fails or it is too large, OSError where the disk is full.

    A connection that stalls or is cut, and a server that is busy, are tried again, from where it broke off if the
    server can; three tries in a row that bring nothing are the end of it.
    """
    part = _Part(address, path, tell)
    left = list(_WAITS)
    while True:
        before = part.size
        try:
            with urlopen(part.ask(), timeout=_TIMEOUT) as answer:
                return part.take(answer)
        except HTTPError as error:
            error.close()  # it is the answer, too
            reason, passing = f"the server answered {error.code}", error.code in _PASSING
        except (URLError, HTTPException, OSError, ValueError) as error:
            cause = error.reason if isinstance(error, URLError) else error
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            reason, passing = str(cause) or type(cause).__name__, _may_pass(cause)
        left = list(_WAITS) if part.size > before else left
        if not passing or not left:
            raise _unfetched(address, reason)
        tell(f"fetching {part.name} again ({reason})", 0.0)
        time.sleep(left.pop(0))


def _may_pass(cause: object) -> bool:
    """Whether what went wrong is of the connection, not of the address."""
    return isinstance(cause, HTTPException | OSError) and not isinstance(cause, gaierror | InvalidURL)


def _unfetched(address: str, reason: str) -> DataError:
    return DataError(
        f"{address} must be reachable to be fetched, but is not ({reason}): check the connection, or name a local "
        f"copy with {option('from')}."
    )
