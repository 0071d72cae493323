"""Adding data sets: by name, from folders, from addresses; whole or not at all."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nmtr.data import download
from nmtr.data.catalogue import CATALOGUE, Entry, Published, add, blob_id, preview
from nmtr.data.library import Library
from nmtr.data.recipe import Recipe
from nmtr.errors import ConfigError, DataError
from tests.conftest import FULL

pytestmark = pytest.mark.usefixtures("read_here")

FILES = {
    "view/train.txt": b"0\t3\t1\n1\t2\n",
    "buy/train.txt": b"0\t1\n1\t0\n",
    "buy/test.txt": b"0\t3\n1\t2\n",
}


class Server(ThreadingHTTPServer):
    """Serves bytes by path; a path under /cut is announced longer than it is."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        body = self.server.content.get(self.path.split("?")[0])
        self.send_response(404 if body is None else 200)
        body = body or b""
        self.send_header("Content-Length", str(len(body) + (50 if self.path.startswith("/cut") else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("NMTR_MIRROR", server.address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(download, "_WAITS", (0.01,))
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> Entry:
    """A published data set that the server has, with a catalogue of ten items."""
    folder = tmp_path / "published"
    published = []
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        server.content[f"/who/what/abc/Data/{path}"] = content
        behavior = path.split("/")[0]
        published.append(Published(path, behavior, (blob_id(folder / path),), needed=behavior == "buy"))
    entry = Entry("shop", "Shop", "", ("view", "buy"), 2, 10, files=tuple(published), repository="who/what@abc/Data")
    monkeypatch.setitem(CATALOGUE, "shop", entry)
    return entry


def test_blob_id_is_git_own(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"hello\n")
    assert blob_id(tmp_path / "f") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


def test_catalogue_fetches_and_checks_a_data_set(library: Library, shop: Entry) -> None:
    told: list[tuple[str, float]] = []
    dataset = add(library, "shop", progress=lambda what, share: told.append((what, share)))
    assert dataset.behaviors == ("view", "buy") and dataset.num_items == 10
    assert dataset.test_item.tolist() == [3, 2]
    assert dataset.origin.source == "github.com/who/what@abc/Data"
    assert library.load("shop").fingerprint == dataset.fingerprint
    fetched = [share for what, share in told if what.startswith("fetching")]
    assert fetched == sorted(fetched) and fetched[-1] == 1 and told[0][0] == "fetching train.txt"
    assert [what for what, _ in told[len(fetched) :]][0] == "reading shop"


def test_catalogue_fetches_only_the_behaviors_asked_for(library: Library, shop: Entry, server: Server) -> None:
    assert add(library, "shop", behaviors=["buy"]).behaviors == ("buy",)
    assert not any("view" in path for path in server.asked)


@pytest.mark.parametrize("flat", [True, False])
def test_catalogue_reads_a_local_folder_to_the_same_data_set(
    library: Library, shop: Entry, tmp_path: Path, flat: bool
) -> None:
    fetched = add(library, "shop")
    folder = tmp_path / "published"
    if flat:
        for path in FILES:
            (folder / path).rename(folder / path.replace("/", "_"))
    (folder / "cart_test.txt").write_text("0\t1\n")  # not used, as it is not the entry's
    local = add(Library(tmp_path / "other"), "shop", source=folder)
    assert local.fingerprint == fetched.fingerprint and local.origin == fetched.origin


def test_catalogue_data_set_has_the_behaviors_that_it_was_given(library: Library, shop: Entry, tmp_path: Path) -> None:
    (tmp_path / "published" / "view" / "train.txt").unlink()
    assert add(library, "shop", source=str(tmp_path / "published")).behaviors == ("buy",)


def test_catalogue_behaviors_end_with_what_is_bought(library: Library, shop: Entry, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^behaviors must be in the order view, buy, .*; got view\.$"):
        add(library, "shop", source=str(tmp_path / "published"), behaviors=["view"])
    assert library.names() == []


def test_published_files_under_another_name_are_said_to_be_what_they_are(
    library: Library, shop: Entry, tmp_path: Path
) -> None:
    recipe = Recipe(behaviors=("view", "buy"))
    before = preview(library, tmp_path / "published", recipe)
    made = add(library, "mine", source=tmp_path / "published", recipe=recipe)
    assert before.steps == made.origin.steps
    assert "buy/test.txt, buy/train.txt, view/train.txt as published with data set shop (github.com/who/what" in (
        made.origin.made
    )
    (tmp_path / "published" / "view" / "train.txt").write_bytes(FILES["view/train.txt"] + b"2\t4\n")
    other = add(library, "other", source=tmp_path / "published", recipe=Recipe(behaviors=("view", "buy")))
    assert "buy/test.txt, buy/train.txt as published with data set shop" in other.origin.made


def test_catalogue_refuses_another_content(library: Library, shop: Entry, server: Server, tmp_path: Path) -> None:
    server.content["/who/what/abc/Data/buy/test.txt"] = b"0\t2\n"
    with pytest.raises(DataError, match=r"buy/test.txt must be shop's buy/test.txt as published"):
        add(library, "shop")
    (tmp_path / "published" / "buy" / "train.txt").write_text("0\t2\n")
    with pytest.raises(DataError, match=r"buy/train.txt must be shop's"):
        add(library, "shop", source=tmp_path / "published")
    (tmp_path / "published" / "buy" / "train.txt").unlink()
    with pytest.raises(DataError, match=r"shop needs its own files .* published has no buy/train.txt"):
        add(library, "shop", source=tmp_path / "published")
    assert not library.root.exists()


@pytest.mark.parametrize("state", ["offline", "missing", "cut"])
def test_catalogue_says_that_a_file_cannot_be_fetched(
    library: Library, shop: Entry, server: Server, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    match state:
        case "offline":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                monkeypatch.setenv("NMTR_MIRROR", f"http://127.0.0.1:{free.getsockname()[1]}")
            reason = "refused"
        case "missing":
            server.content.clear()
            reason = "the server answered 404"
        case "cut":
            server.content |= {f"/cut{path}": body for path, body in server.content.items()}
            monkeypatch.setenv("NMTR_MIRROR", server.address + "/cut")
            reason = "cut|IncompleteRead"
    with pytest.raises(DataError, match=rf"must be reachable .*({reason}).*--from") as caught:
        add(library, "shop")
    assert "\n" not in str(caught.value) and not library.root.exists()


def test_add_reads_an_address_and_keeps_no_secrets_of_it(library: Library, server: Server) -> None:
    server.content["/files/events.csv"] = b"user,item,behavior\n1,1,buy\n1,2,buy\n"
    dataset = add(library, "mine", source=f"{server.address}/files/events.csv?token=secret")
    assert dataset.origin.source == "http://127.0.0.1/files/events.csv"


def test_add_stops_at_a_file_that_is_too_large(
    library: Library, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_DOWNLOAD", 1000)
    server.content["/events.csv"] = b"x" * 1001
    with pytest.raises(DataError, match="has more"):
        add(library, "mine", source=f"{server.address}/events.csv")


def test_add_says_that_the_disk_is_full_and_not_that_the_address_is_gone(server: Server, small_disk: Path) -> None:
    server.content["/events.csv"] = b"user,item,behavior\n" + b"1,1,buy\n" * 200_000
    library = Library(small_disk / "home")
    with pytest.raises(DataError, match=FULL):
        add(library, "mine", source=f"{server.address}/events.csv")
    assert not library.root.exists()


def test_add_keeps_the_rows_that_it_left_out_beside_the_data_set(library: Library, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item,behavior\n1,1,buy\n1,2,buy\n,3,buy\n")
    assert add(library, "mine", tmp_path / "e.csv", recipe=Recipe(skip_bad=True)).num_items == 2
    assert (library.root / "mine" / "skipped.csv").read_text() == (
        "event,why,user,item,behavior,time\n3,has no user,,3,buy,\n"
    )
    with pytest.raises(DataError, match="--cut-later is for events, but demo has none"):
        add(library, "demo", recipe=Recipe(cut_later=True))


def test_add_takes_an_upload_under_its_label(library: Library, tmp_path: Path) -> None:
    (tmp_path / "stored").write_text("user,item,behavior\n1,1,buy\n1,2,buy\n")
    assert add(library, "mine", source=tmp_path / "stored", label="My shop.csv").origin.source == "My shop.csv"
    (tmp_path / "stored").write_text("user,item\n1,1\n")
    with pytest.raises(DataError, match="My shop.csv must have a column behavior"):
        add(library, "mine2", source=tmp_path / "stored", label="My shop.csv")
    assert library.names() == ["mine"]


def test_add_refuses_a_taken_name_before_it_fetches(library: Library, shop: Entry, server: Server) -> None:
    add(library, "shop")
    server.asked.clear()
    with pytest.raises(DataError, match="shop is taken"):
        add(library, "shop")
    assert server.asked == []


def test_add_says_what_the_catalogue_has(library: Library, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\(demo, beibei, tmall, beibei_1k.*\); got netflix: .*--from"):
        add(library, "netflix")
    with pytest.raises(DataError, match="beibei_1k can only be added from a local folder with pv_mini.txt"):
        add(library, "beibei_1k")
    with pytest.raises(DataError, match="demo is generated"):
        (tmp_path / "e.csv").write_text("x")
        add(library, "demo", source=tmp_path / "e.csv")
    with pytest.raises(DataError, match="layout of its own"):
        add(library, "beibei", source=tmp_path, columns={"user": "u"})


def test_add_generates_the_demo(library: Library) -> None:
    dataset = add(library, "demo", behaviors=["cart", "buy"])
    assert dataset.behaviors == ("cart", "buy") and library.info("demo").synthetic


def test_catalogue_entries_can_be_fetched_from_where_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMTR_MIRROR", raising=False)
    tmall = CATALOGUE["tmall"]
    assert tmall.address(tmall.files[-1]) == (
        "https://raw.githubusercontent.com/SS-00-SS/MBCGCN/931f9c103817cdfa280353c506f4e3cb08306a1c/Data/buy/test.txt"
    )
    for entry in CATALOGUE.values():
        for file in entry.files:
            assert all(len(blob) == 40 and int(blob, 16) for blob in file.blobs)
            assert file.behavior in entry.behaviors


@pytest.mark.parametrize(
    ("name", "behaviors"),
    [("beibei", ("cart", "buy")), ("beibei_1k", ("view", "cart", "buy")), ("tmall", ("view", "cart", "buy"))],
)
def test_catalogue_reads_the_real_data(
    library: Library, real_data: Path, name: str, behaviors: tuple[str, ...]
) -> None:
    dataset = add(library, name, source=real_data / name)
    entry = CATALOGUE[name]
    assert dataset.behaviors == behaviors
    assert (dataset.num_users, dataset.num_items) == (entry.users, entry.items)
    assert (dataset.test_item >= 0).all()
    assert dataclasses.asdict(dataset.origin)["licence"] == "not stated"
    assert library.load(name).fingerprint == dataset.fingerprint
