"""Inputs that are damaged, or no table at all: each is one sentence that says what to do, and leaves nothing behind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmtr.data.catalogue import add
from nmtr.data.importing import read
from nmtr.data.library import Library
from nmtr.errors import DataError

LOG = b"""user,item,behavior,time
u,a,view,1700000000
u,a,buy,1700000100
u,b,buy,1700000300
u,c,buy,1700000200
"""
TABLE = pa.table({"user": ["u", "u"], "item": ["a", "b"], "behavior": ["buy", "buy"]})


def written(write: Callable[[io.BytesIO], Any]) -> bytes:
    write(buffer := io.BytesIO())
    return buffer.getvalue()


def zipped(name: str = "log.csv", content: bytes = LOG) -> bytes:
    def write(buffer: io.BytesIO) -> None:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, content)

    return written(write)


def locked() -> bytes:
    """A zip whose one member's flag says that a password is needed."""
    archive = bytearray(zipped())
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(mark) + flag] |= 1
    return bytes(archive)


def database() -> bytes:
    with sqlite3.connect(":memory:") as made:
        made.execute("CREATE TABLE log (user, item)")
        return made.serialize()


def parquet() -> bytes:
    return written(lambda buffer: pq.write_table(TABLE, buffer))


GZIP, NUMPY = gzip.compress(LOG, mtime=0), "which (do|does) not say what (they are|it is): save its pairs as CSV"
WHOLE = "must be a whole {} file, but is cut off, damaged or locked"
DAMAGED: list[tuple[str, bytes, str]] = [
    ("empty.csv", b"", "must hold events or interactions; it is empty"),
    ("bom.csv", b"\xef\xbb\xbf", "must begin with a header line such as user,item,behavior; it is empty"),
    ("header.csv", LOG[:24], "a data set needs events; header.csv has none below its header"),
    ("zeros.csv", LOG + b"u,\0,buy,1\n", "must be text .* or Parquet; it holds other binary data"),
    (
        "latin.csv",
        LOG + b"u,\xe9,buy,1700000000\n",
        "must be text in UTF-8 or Parquet; it is neither: save it as UTF-8",
    ),
    ("odd-utf16.csv", LOG.decode().encode("utf-16")[:-1], "it is damaged UTF-16: save it as UTF-8"),
    ("quote.csv", LOG + b'u,"d,buy,1700000000\n', "must have closed quotes; line 6 has one that has not"),
    ("more.csv", LOG + b"u,d,buy,1700000000,9\n", "must have the header's 4 columns; line 6 has 5"),
    ("cut.csv", LOG[:-12], "must have the header's 4 columns; line 5 has 3"),
    ("long.csv", LOG + b"u," + b"x" * 2_100_000 + b",buy,1\n", "line .* can have up to 2 MB; line 6 has more"),
    ("words.csv", LOG.replace(b"17000", b"yester"), "every time must be a number or a date .* event 1 of words.csv"),
    ("twice.csv", b"user,user,item,behavior\nu,v,a,buy\n", "2 of them are called user: rename all but one"),
    ("mixed.csv", b"user;item,behavior\nu;a,buy\nu;b,buy\n", "must have columns user and item; it has user;item, beh"),
    ("error.csv", b"Error: the query timed out\n", "must have columns user, item and behavior; it has Error:"),
    ("login.csv", b"\n<!DOCTYPE html>\n<html>Log in</html>", "is a web page: the address may ask for a login"),
    ("pointer.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "a Git LFS pointer.*: get it by"),
    ("cut.csv.gz", GZIP[:-12], WHOLE.format("gzip")),
    ("sum.csv.gz", GZIP[:-8] + bytes(4) + GZIP[-4:], WHOLE.format("gzip") + ".*CRC"),
    ("rest.csv.gz", GZIP + b"rest", WHOLE.format("gzip")),
    ("cut.csv.bz2", bz2.compress(LOG)[:-9], WHOLE.format("bzip2")),
    ("cut.csv.xz", lzma.compress(LOG)[:-9], WHOLE.format("xz")),
    ("cut.zip", zipped()[:-30], WHOLE.format("zip")),
    ("sum.zip", zipped().replace(b"u,a,view", b"u,a,vie_"), WHOLE.format("zip") + ".*CRC"),
    ("locked.zip", locked(), WHOLE.format("zip") + ".*password"),
    ("empty.zip", b"PK\x05\x06" + bytes(18), "must hold events or interactions, but there is no such file in it"),
    ("inner.zip", zipped("log.csv.gz", GZIP[:-12]), "log.csv.gz " + WHOLE.format("gzip")),
    ("twofold.zip", zipped("log.zip", zipped()), "log.zip must be unpacked first"),
    ("cut.parquet", parquet()[:-20], "must be a whole CSV, TSV, JSON or Parquet file"),
    ("middle.parquet", parquet()[:4] + b"\xff" * 30 + parquet()[34:], "must be a whole CSV, TSV, JSON or Parquet"),
    ("cut.jsonl", b'{"user":"u","item":"a","behavior":"buy"}\n{"user":"u","it', "must be a whole CSV, TSV, JSON or"),
    (
        "lists.jsonl",
        b'{"user":"u","item":["a","b"],"behavior":"buy"}\n',
        "item holds other lists or records: write a row",
    ),
    ("log.pkl", pickle.dumps({"user": [1]}), "a Python pickle, which is never read, since it could run anything"),
    ("log.npz", written(lambda buffer: np.savez(buffer, np.arange(3))), NUMPY),
    ("log.npy", written(lambda buffer: np.save(buffer, np.arange(3))), NUMPY),
    ("log.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "it is a PDF document: save the table as CSV"),
    ("log.db", database(), "it is a whole database: save the table as CSV"),
    ("log.7z", b"7z\xbc\xaf\x27\x1c" + bytes(60), "it is a 7z archive: unpack it first"),
    ("below.txt", b"0 1 2\n1 -3 4\n", "line 2 of below.txt must be whole numbers"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), DAMAGED, ids=[name for name, _, _ in DAMAGED])
def test_what_is_damaged_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(DataError, match=sentence) as caught:
        read(tmp_path / name, name="shop", scratch=tmp_path / "scratch")
    assert (
        (name in str(caught.value) or "log." in str(caught.value))
        and str(caught.value).endswith(".")
        and "\n" not in str(caught.value)
    )
    assert str(tmp_path) not in str(caught.value)
    assert not [*(tmp_path / "scratch").iterdir()] and (tmp_path / name).read_bytes() == content


SOUND = [
    ("log.csv.gz", GZIP),
    ("log.csv.bz2", bz2.compress(LOG)),
    ("log.csv.xz", lzma.compress(LOG)),
    ("outside.zip", zipped("../../../log.csv")),
    ("utf16.txt", LOG.replace(b",", b"\t").decode().encode("utf-16")),
    ("joined.csv", LOG + LOG),
    ("end-of-a-mac.csv", LOG.replace(b"\n", b"\r")),
]


@pytest.mark.parametrize(("name", "content"), SOUND, ids=[name for name, _ in SOUND])
def test_what_only_looks_damaged_is_read_as_it_is_meant(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    made = read(tmp_path / name, name="shop")
    assert made.items[made.test_item[0]] == "b" and made.items.tolist() == ["a", "b", "c"]
    assert ("1 further header line left out" in made.origin.made) == (name == "joined.csv")
    assert not (tmp_path.parent.parent / "log.csv").exists()


def test_a_spreadsheet_with_one_far_cell_ends_its_reader_and_not_this_process(tmp_path: Path) -> None:
    """Between its first and its last cell there are 17 billion."""
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "user", "x"
    book.save(tmp_path / "far.xlsx")
    library = Library(tmp_path / "home")
    with pytest.raises(DataError, match="reading far.xlsx may take up to .* GiB of memory, and takes more"):
        add(library, "shop", tmp_path / "far.xlsx")
    assert not library.names() and not [*library.root.glob("*")]
