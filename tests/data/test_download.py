"""Downloads from a server that stalls, cuts, lies about length, is busy, or serves other bytes than before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nmtr.data import download as module
from nmtr.data.download import download
from nmtr.errors import DataError

BODY = bytes(range(256)) * 2_000
HALF = len(BODY) // 2


class Server(ThreadingHTTPServer):
    """Answers as the next of `answers` does, the last of them from then on; `ranges` is what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Callable[[Handler], None]] = []
        self.ranges: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.csv"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def begin(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(length), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def whole(handler: Handler) -> None:
    """As a server that knows ranges: the rest of what was asked for, if it is still that version."""
    asked = handler.headers.get("Range")
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and handler.headers["If-Range"] == '"v1"' else 0
    ranged = {"Content_Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"} if start else {}
    handler.begin(206 if start else 200, len(BODY) - start, ETag='"v1"', **ranged)
    handler.wfile.write(BODY[start:])


def cut(handler: Handler) -> None:
    handler.begin(200, len(BODY), ETag='"v1"')
    handler.wfile.write(BODY[:HALF])


def cut_again(handler: Handler) -> None:
    """A hundred bytes more, and the connection is gone."""
    start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
    handler.begin(206, len(BODY) - start, ETag='"v1"', Content_Range=f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
    handler.wfile.write(BODY[start : start + 100])


def cut_weak(handler: Handler) -> None:
    handler.begin(200, len(BODY), ETag='W/"v1"')
    handler.wfile.write(BODY[:HALF])


def elsewhere(handler: Handler) -> None:
    """Another part than was asked for."""
    handler.begin(206, HALF, ETag='"v1"', Content_Range=f"bytes 0-{HALF - 1}/{len(BODY)}")
    handler.wfile.write(BODY[:HALF])


def stall(handler: Handler) -> None:
    cut(handler)
    handler.wfile.flush()
    time.sleep(2)


def busy(handler: Handler) -> None:
    handler.begin(503, 0)


def missing(handler: Handler) -> None:
    handler.begin(404, 0)


def lying(handler: Handler) -> None:
    handler.begin(200, len(BODY) + 50, ETag='"v1"')
    handler.wfile.write(BODY)


def nothing_more(handler: Handler) -> None:
    handler.begin(416, 0)


def other(handler: Handler) -> None:
    """Another version of the file, whatever range was asked for."""
    handler.begin(200, HALF, ETag='"v2"')
    handler.wfile.write(b"x" * HALF)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "_TIMEOUT", 0.5)
    monkeypatch.setattr(module, "_WAITS", (0.01, 0.01, 0.01))
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("first", [cut, stall])
def test_what_breaks_off_is_picked_up_where_it_was(
    server: Server, tmp_path: Path, first: Callable[[Handler], None]
) -> None:
    server.answers = [first, whole]
    told: list[tuple[str, float]] = []
    download(server.address, tmp_path / "file", lambda what, share: told.append((what, share)))
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert told[-1] == ("fetching file.csv", 1.0)
    assert sum("again" in what for what, _ in told) == 1


def test_each_try_that_brings_bytes_earns_three_more(server: Server, tmp_path: Path) -> None:
    server.answers = [cut, *[cut_again] * 8, whole]
    download(server.address, tmp_path / "file", lambda what, share: None)
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.ranges == [None, *(f"bytes={HALF + 100 * tries}-" for tries in range(9))]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([busy, whole], BODY),
        ([cut_weak, whole], BODY),
        ([cut, other], b"x" * HALF),
        ([cut, elsewhere, whole], BODY),
        ([cut, busy, busy, whole], BODY),
    ],
    ids=["busy at first", "a version that cannot be named", "another version since", "another part", "busy later"],
)
def test_what_cannot_go_on_begins_anew(
    server: Server, tmp_path: Path, answers: list[Callable[[Handler], None]], expected: bytes
) -> None:
    server.answers = answers
    download(server.address, tmp_path / "file", lambda what, share: None)
    assert (tmp_path / "file").read_bytes() == expected


@pytest.mark.parametrize(
    ("answers", "sentence", "tries"),
    [
        ([missing], "the server answered 404", 1),
        ([busy], "the server answered 503", 4),
        ([lying, nothing_more], "the server answered 416", 2),
        ([cut, stall], "timed out", None),
    ],
    ids=["missing", "busy for good", "longer than it is", "stalls for good"],
)
def test_what_does_not_come_is_given_up(
    server: Server, tmp_path: Path, answers: list[Callable[[Handler], None]], sentence: str, tries: int | None
) -> None:
    server.answers = answers
    with pytest.raises(DataError, match=rf"must be reachable .*{sentence}.*--from"):
        download(server.address, tmp_path / "file", lambda what, share: None)
    assert tries is None or len(server.ranges) == tries


@pytest.mark.parametrize("address", ["http://nowhere.invalid/file.csv", "http://[half", "http://a b/file.csv"])
def test_an_address_that_cannot_be_is_not_tried_again(tmp_path: Path, address: str) -> None:
    told: list[str] = []
    with pytest.raises(DataError, match="must be reachable"):
        download(address, tmp_path / "file", lambda what, share: told.append(what))
    assert told == []
