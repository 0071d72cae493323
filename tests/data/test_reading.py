"""Reading in a process of its own: bounded, ended with whoever asked for it, and nothing left of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from nmtr.data import reading, tables
from nmtr.data.catalogue import add
from nmtr.data.importing import read
from nmtr.data.library import Library
from nmtr.errors import DataError
from tests.conftest import FULL
from tests.data.conftest import make_dataset
from tests.runs.fakes import eventually

ROOT = Path(__file__).parents[2]
EVENTS = "user,item,behavior\n1,1,buy\n1,2,buy\n"
WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of memory and no such signals")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "data")


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A file that takes some seconds to read."""
    path = tmp_path / "slow.csv"
    path.write_text("user,item,behavior\n" + "1,1,buy\n2,1,buy\n3,2,buy\n" * 1_000_000)
    return path


def left(library: Library) -> list[str]:
    return sorted(path.name for path in library.root.glob("*"))


def children() -> list[psutil.Process]:
    """The processes that read, of this one."""
    return [c for c in psutil.Process().children() if "nmtr.data.reading" in c.cmdline()]


@WINDOWS
@pytest.mark.parametrize("form", ["text", "zip", "events"])
def test_reading_that_takes_too_much_memory_ends_in_a_sentence(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(reading, "MEMORY", 80 << 20)
    monkeypatch.setattr(reading, "MEMORY_SHARE", 0)
    path = tmp_path / "upload"
    line = b"1 " + b"2 " * 8_000_000
    match form:
        case "text":
            path.write_bytes(line)
        case "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("line.txt", line)
        case "events":
            path.write_bytes(b"user,item,behavior\n" + b"".join(b"%d,%d,buy\n" % (n, n) for n in range(1_000_000)))
    with pytest.raises(DataError, match=r"^reading upload may take up to 0\.1 GiB of memory, and takes more") as caught:
        add(library, "shop", path)
    assert "\n" not in str(caught.value) and left(library) == [] and children() == []


@WINDOWS
def test_reading_process_that_is_killed_is_one_sentence(library: Library, slow: Path) -> None:
    def kill(what: str, share: float) -> None:
        for child in children():
            child.kill()

    with pytest.raises(DataError, match=r"takes more \(its process was killed by signal 9\)"):
        add(library, "shop", slow, progress=kill)
    assert left(library) == []


def test_reading_ends_where_nobody_waits_any_more(library: Library, slow: Path) -> None:
    class Gone(BaseException):
        """As when a page is left."""

    def leave(what: str, share: float) -> None:
        if children():
            raise Gone

    with pytest.raises(Gone):
        add(library, "shop", slow, progress=leave)
    assert children() == [] and left(library) == []


def test_source_that_leads_in_a_circle_is_one_sentence(library: Library, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="must be a file or folder that can be read; .* is not .*ymbolic link"):
        add(library, "shop", tmp_path / "a")
    assert left(library) == []


def test_reading_tells_how_much_is_done(library: Library, slow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_EVERY", 0.001)
    shares: list[float] = []
    read(slow, name="shop", tell=shares.append)
    assert shares == sorted(shares) and shares[-1] == 0.6 and len({share for share in shares if 0 < share < 0.6}) > 1
    told: list[tuple[str, float]] = []
    add(library, "shop", slow, progress=lambda what, share: told.append((what, share)))
    assert told[0] == ("reading slow.csv", 0.0) and ("reading slow.csv", 0.6) in told


def test_defect_of_reading_is_none_of_the_user(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e.csv").write_text(EVENTS)
    monkeypatch.setenv("PYTHONHASHSEED", "nonsense")  # with which no Python starts
    with pytest.raises(RuntimeError, match="reading e.csv failed"):
        add(library, "shop", tmp_path / "e.csv")
    assert left(library) == []


def test_reading_imports_nothing_from_the_folder_that_it_is_asked_in(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e.csv").write_text(EVENTS)
    (tmp_path / "csv.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert add(library, "shop", "e.csv").num_users == 1


def started(home: Path, source: Path) -> subprocess.Popen[str]:
    """`nmtr data add` in a process of its own, once it reads."""
    # Tests that run in the background have SIGINT ignored, and hand that down.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = f"{heard}; from nmtr.cli import main; main()"
    command = [sys.executable, "-c", run, "data", "add", "shop", "--from", str(source)]
    environment = {**os.environ, "NMTR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: list((home / "data").glob(".making-*/.log")))
    return process


@WINDOWS
@pytest.mark.parametrize(
    ("how", "status", "said"), [("SIGINT", 130, "stopped before it was done.\n"), ("SIGTERM", 143, "")]
)
def test_adding_that_is_stopped_says_so_in_a_line_and_leaves_nothing(
    tmp_path: Path, slow: Path, how: str, status: int, said: str
) -> None:
    process = started(tmp_path, slow)
    eventually(lambda: psutil.Process(process.pid).children())
    for child in psutil.Process(process.pid).children():
        child.suspend()  # so that it is not done before the signal comes
    process.send_signal(getattr(signal, how))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, "", said)
    assert left(Library(tmp_path / "data")) == []


@WINDOWS
def test_adding_that_is_killed_leaves_nothing_once_something_is_started(tmp_path: Path, slow: Path) -> None:
    library = Library(tmp_path / "data")
    process = started(tmp_path, slow)
    [child] = [c for c in psutil.Process(process.pid).children() if "nmtr.data.reading" in c.cmdline()]
    process.kill()
    process.communicate()
    child.wait(timeout=30)  # it ends with its parent
    library.sweep()
    assert left(library) == []


@WINDOWS
def test_sweeping_spares_what_is_being_made(library: Library) -> None:
    code = f"""
import sys, time
from pathlib import Path
from nmtr.data.library import Library
with Library(Path({str(library.root)!r})).staging() as place:
    (place / "half").write_text("made")
    print("there", flush=True)
    time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    other = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert other.stdout and other.stdout.readline() == "there\n"
    with library.staging() as mine:  # which sweeps, too
        library.sweep()
        assert mine.is_dir() and len(list(library.root.glob(".making-*/half"))) == 1
    other.kill()
    other.communicate()
    library.sweep()
    assert left(library) == []


# A full disk


@pytest.mark.parametrize("what", ["demo", "zip", "events"])
def test_full_disk_is_one_sentence_and_nothing_is_left(small_disk: Path, tmp_path: Path, what: str) -> None:
    library, source = Library(small_disk / "data"), tmp_path / "upload"
    rows = "".join(f"{n % 5000},{n * 7919 % 90_001},buy\n" for n in range(400_000))
    match what:
        case "demo":
            (small_disk / "other").write_bytes(bytes(900_000))
        case "zip":  # unpacked, it is too large
            with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("e.csv", "user,item,behavior\n" + "1,1,buy\n" * 500_000)
        case "events":  # what is made of it is too large
            source.write_text("user,item,behavior\n" + rows)
    with pytest.raises(DataError, match=FULL) as caught:
        add(library, "demo" if what == "demo" else "shop", None if what == "demo" else source)
    assert "\n" not in str(caught.value) and left(library) == []


def test_command_on_a_full_disk_is_one_sentence(small_disk: Path) -> None:
    environment = {**os.environ, "NMTR_HOME": str(small_disk), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nmtr", "data"]
    assert subprocess.run([*command, "list"], env=environment, capture_output=True, check=False).returncode == 0
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))  # for the store of runs
    done = subprocess.run([*command, "add", "demo"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, left(Library(small_disk / "data"))) == (2, "", [])
    assert re.fullmatch(FULL + ".*\n", done.stderr)


def test_full_disk_keeps_what_is_there_and_lets_it_be_removed(small_disk: Path) -> None:
    library = Library(small_disk / "data")
    library.save(make_dataset())
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(DataError, match=FULL):
        library.save(make_dataset("shop2"))
    assert left(library) == ["shop"] and library.load("shop").num_users == 3
    library.remove("shop")
    assert left(library) == []


@WINDOWS
def test_file_that_may_not_grow_is_one_sentence_and_nothing_is_left(library: Library, tmp_path: Path) -> None:
    """A limit of the system on the size of a file: what needs no right to mount."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(DataError, match=r"there is not enough \(File too large\)"):
            library.save(make_dataset())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(library) == []
