"""Reading a source in a process of its own, under a hard limit of memory: `python -m nmtr.data.reading`.

Whatever an upload holds, the process that asks for it keeps its memory and its life. The child reads an `Order` from
its stdin, as one line of JSON, and ends where its stdin does, so it does not outlive its parent. It says on its stdout
what it does and what a user can mend, a JSON object a line, and writes the finished data set to the order's folder:
nothing is passed as an object.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import psutil
from pydantic import TypeAdapter

from nmtr.data.bad import SKIPPED
from nmtr.data.dataset import Dataset
from nmtr.data.download import Progress
from nmtr.data.importing import read
from nmtr.data.library import write
from nmtr.data.preview import Preview, preview
from nmtr.data.published import Entry, own_files, read_published
from nmtr.data.recipe import Recipe
from nmtr.data.staging import refused
from nmtr.data.unpack import unpacked
from nmtr.errors import DataError, NmtrError

#: Bytes beyond the idle process's own that reading may take: so many, or so many times the source's size.
MEMORY, MEMORY_SHARE = 900 << 20, 3
#: How many times that it may reserve: libraries reserve more than they use.
_RESERVED = 2.5
_LOOK = 0.02  # seconds between two looks at what it takes
PREVIEW = ".preview.json"
_PACKAGES = Path(__file__).parents[2]
_HEARTBEAT = 0.2  # seconds: how often the parent says what it waits for, and so hears that nobody does any more
#: One thread's worth of what libraries set aside for each, so that the limit is spent on data.
_FRUGAL = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Order:
    """What to read, and where to."""

    name: str
    path: str  # a file, a folder or an archive
    source: str  # what to call it
    place: str  # a folder to work in; the data set becomes place/name
    entry: Entry | None = None  # whose own files these are
    known: dict[str, str] = field(default_factory=dict)  # blob id of a published file -> what it belongs to
    recipe: Recipe = Recipe()
    memory: int = MEMORY  # bytes
    preview: bool = False  # whether to say what would become of it instead, in the file PREVIEW of the place


_ORDER = TypeAdapter(Order)


def memory_for(path: Path) -> int:
    """How many bytes reading a source may take, by its size as it is: an archive may hold anything."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return max(MEMORY, MEMORY_SHARE * sum(file.stat().st_size for file in files if file.is_file()))


def read_apart(order: Order, tell: Progress) -> None:
    """Carry out an order in a process of its own.

    `tell` is called every 0.2 seconds at least, and may raise to stop it. DataError where the source is missing or
    malformed, or takes too much memory.
    """
    log = Path(order.place) / ".log"
    paths = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    with log.open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "nmtr.data.reading"],  # -P: the user's own folder is no place to import from
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **_FRUGAL, "PYTHONPATH": paths},
            start_new_session=True,  # a terminal's Ctrl-C is for the parent, which ends the child
        )
    try:
        error = _followed(child, order, tell)
        status = child.wait()
    finally:
        child.kill()
        child.communicate()
    if error:
        raise DataError(error)
    if status < 0:
        raise DataError(_too_much(order, f"its process was killed by signal {-status}"))
    if status:
        raise RuntimeError(f"reading {order.source} failed:\n{log.read_text(encoding='utf-8', errors='replace')}")


def _followed(child: subprocess.Popen[bytes], order: Order, tell: Progress) -> str | None:
    """Tell what the child does until it says no more; what it refused, if it did."""
    assert child.stdin and child.stdout
    with suppress(BrokenPipeError):  # it is gone already: its status says how
        child.stdin.write(_ORDER.dump_json(order) + b"\n")
        child.stdin.flush()
    news: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    Thread(target=_listen, args=(child.stdout, news), daemon=True).start()
    what, share = f"reading {order.source}", 0.0
    while True:
        tell(what, share)
        try:
            said = news.get(timeout=_HEARTBEAT)
        except Empty:
            continue
        if said is None or "error" in said:
            return str(said["error"]) if said else None
        what, share = str(said["what"]), float(said["share"])


def _listen(stream: Iterator[bytes], news: SimpleQueue[dict[str, Any] | None]) -> None:
    with suppress(ValueError):  # the pipe was closed, or the last line was cut off
        for line in stream:
            news.put(json.loads(line))
    news.put(None)


def _too_much(order: Order, how: str) -> str:
    return (
        f"reading {order.source} may take up to {order.memory / 2**30:.1f} GiB of memory, and takes more ({how}): "
        "leave out columns, behaviors or older events that are not needed, if it is a log of events at all."
    )


# The child


def main() -> None:
    """Carry out the order on stdin."""
    order = _ORDER.validate_json(sys.stdin.buffer.readline())
    Thread(target=_end_with_parent, args=(order.place,), daemon=True).start()
    _limit_memory(order)
    try:
        carry_out(order)
    except NmtrError as error:
        _say(error=error.message)
    except MemoryError:
        _say(error=_too_much(order, "memory ran out"))
    except OSError as error:
        _say(error=str(refused(Path(order.place).parent, error)))


def carry_out(order: Order) -> None:
    """Read what is asked for in this process, and write the data set, or what would become of it, to its place."""
    place = Path(order.place)
    if order.preview:
        (place / PREVIEW).write_text(_preview(order).model_dump_json(), encoding="utf-8")
        return
    made = _read(order)
    _say(what="saving", share=1.0)
    write(made, place / order.name)
    if (place / SKIPPED).exists():
        (place / SKIPPED).rename(place / order.name / SKIPPED)


def _read(order: Order) -> Dataset:
    path, scratch = Path(order.path), Path(order.place) / ".scratch"
    scratch.mkdir()
    if order.entry:
        files = unpacked(path, order.source, scratch)
        return read_published(
            order.entry, own_files(order.entry, files, order.source, order.recipe.behaviors), order.recipe.behaviors
        )
    return read(
        path,
        name=order.name,
        recipe=order.recipe,
        label=order.source,
        scratch=scratch,
        skip_to=Path(order.place) / SKIPPED,
        known=order.known,
        tell=lambda share: _say(what=f"reading {order.source}", share=share),
    )


def _preview(order: Order) -> Preview:
    scratch = Path(order.place) / ".scratch"
    scratch.mkdir()
    return preview(
        Path(order.path),
        order.recipe,
        source=order.source,
        scratch=scratch,
        known=order.known,
        tell=lambda share: _say(what=f"reading {order.source}", share=share),
    )


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _end_with_parent(place: str) -> None:
    """Wait for the parent to let go of this process's stdin, and end with it, whatever is going on."""
    while os.read(0, 1 << 10):
        pass
    shutil.rmtree(place, ignore_errors=True)
    os._exit(1)


def _limit_memory(order: Order) -> None:
    """Let this process take so many bytes more than it has, and reserve a few times as many.

    Where the system knows no limit of what is reserved, the other one holds.
    """
    process = psutil.Process()
    idle = process.memory_info()
    Thread(target=_end_above, args=(process, idle.rss + order.memory, order), daemon=True).start()
    if sys.platform == "win32":
        return
    import resource

    space = idle.vms + int(_RESERVED * order.memory)
    with suppress(ValueError, OSError):  # macOS refuses; a lower limit that was there stays
        resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _end_above(process: psutil.Process, most: int, order: Order) -> None:
    """End this process once it takes more than so many bytes."""
    while process.memory_info().rss <= most:
        time.sleep(_LOOK)
    _say(error=_too_much(order, "memory ran out"))
    os._exit(0)


if __name__ == "__main__":
    main()
