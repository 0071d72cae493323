"""Fetching one file over HTTP, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from nmtr.data.staging import FULL
from nmtr.errors import DataError, option

#: (what is being done, share done from 0 to 1)
Progress = Callable[[str, float], None]

MAX_DOWNLOAD = 1 << 30  # bytes of one file
_TIMEOUT = 30  # seconds without a byte


def download(address: str, path: Path, tell: Progress) -> None:
    """Fetch an address into a file; DataError where that fails or it is too large, OSError where the disk is full."""
    name = PurePosixPath(urlsplit(address).path).name
    try:
        with urlopen(Request(address, headers={"User-Agent": "nmtr"}), timeout=_TIMEOUT) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            done = 0
            with path.open("wb") as file:
                while chunk := answer.read(1 << 16):
                    done += len(chunk)
                    if done > MAX_DOWNLOAD:
                        raise DataError(f"a file can have up to {MAX_DOWNLOAD / 2**30:g} GiB; {address} has more.")
                    file.write(chunk)
                    tell(f"fetching {name}", min(done / total, 1.0) if total else 0.0)
            if done < total:
                raise HTTPException("the connection was cut")
    except HTTPError as error:
        error.close()  # it is the answer, too
        raise _unfetched(address, f"the server answered {error.code}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        reason = error.reason if isinstance(error, URLError) else error
        raise _unfetched(address, str(reason) or type(error).__name__) from None


def _unfetched(address: str, reason: str) -> DataError:
    return DataError(
        f"{address} must be reachable to be fetched, but is not ({reason}): check the connection, or name a local "
        f"copy with {option('from')}."
    )
