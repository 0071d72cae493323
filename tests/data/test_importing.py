"""Reading what people have: many forms, one data set; and one sentence for each way to get it wrong."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtr.data import assemble as assembling
from nmtr.data import events, lines, unpack
from nmtr.data.assemble import assemble
from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.data.recipe import Recipe
from nmtr.data.rows import Rows
from nmtr.data.split import split, stands_in, without
from nmtr.data.unpack import File
from nmtr.errors import DataError

EVENTS = """user,item,behavior,timestamp
7,a,view,1
7,a,cart,2
7,a,buy,3
7,b,buy,9
7,a,view,5
12,b,view,1
12,b,buy,4
12,c,buy,2
3,a,view,1
3,z,view,2
"""


def pairs(dataset: Dataset, behavior: str) -> set[tuple[str, str]]:
    coordinates = dataset.matrix(behavior).tocoo().coords
    return {(str(dataset.users[u]), str(dataset.items[i])) for u, i in zip(*coordinates, strict=True)}


def held_out(dataset: Dataset) -> dict[str, str]:
    return {str(dataset.users[u]): str(dataset.items[i]) for u, i in enumerate(dataset.test_item) if i >= 0}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "events.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


Write = Callable[..., Path]


def test_events_become_a_data_set_with_the_last_purchase_held_out(write: Write) -> None:
    dataset = read(write(EVENTS), name="shop")
    assert dataset.behaviors == ("view", "cart", "buy")
    assert dataset.users.tolist() == ["7", "12"]  # 3 bought nothing
    assert dataset.items.tolist() == ["a", "b", "c"]  # z is touched by nobody else
    assert pairs(dataset, "view") == {("7", "a"), ("12", "b")}
    assert pairs(dataset, "buy") == {("7", "a"), ("12", "c")}
    assert held_out(dataset) == {"7": "b", "12": "b"}
    assert dataset.origin.source == "events.csv"
    assert dataset.origin.made == (
        "10 rows read, times read as numbers from 1 to 9, 1 duplicate merged to the earliest, "
        "1 user without a buy dropped, 1 item that nobody else touched dropped, "
        "held out of 2 users: the last buy by time."
    )


@pytest.mark.parametrize("form", ["tsv", "semicolon", "crlf", "bom", "parquet", "gz", "zip", "folder", "txt", "glob"])
def test_events_are_the_same_data_set_in_every_form(write: Write, tmp_path: Path, form: str) -> None:
    expected = read(write(EVENTS), name="shop").fingerprint
    match form:
        case "tsv":
            path = write(EVENTS.replace(",", "\t"), "e.tsv")
        case "semicolon":
            path = write(EVENTS.replace(",", ";"), "e.csv")
        case "crlf":
            path = write(EVENTS.replace("\n", "\r\n"), "e.csv")
        case "bom":
            path = write(b"\xef\xbb\xbf" + EVENTS.encode(), "e.csv")
        case "parquet":
            path = tmp_path / "e.data"
            pd.read_csv(tmp_path / "events.csv").to_parquet(path)
        case "gz":
            path = write(gzip.compress(EVENTS.encode()), "e.csv.gz")
        case "zip":
            path = tmp_path / "e.zip"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("../../out.csv", EVENTS)
                archive.writestr("__MACOSX/._out.csv", b"\0")
            assert not (tmp_path.parent.parent / "out.csv").exists()
        case "folder":
            rows = EVENTS.splitlines(keepends=True)
            write("".join(rows[:4]), "parts/1.csv")
            path = write(rows[0] + "".join(rows[4:]), "parts/2.csv").parent
        case "txt":
            path = write(EVENTS, "e.zip")  # the name is not trusted
        case "glob":
            path = write(EVENTS, "e[1]*.csv")
    assert read(path, name="shop").fingerprint == expected


def test_events_columns_can_be_mapped(write: Write) -> None:
    renamed = EVENTS.replace("user,item,behavior,timestamp", "who,What It Is,did,at")
    columns = {"user": "who", "item": "What It Is", "behavior": "did", "time": "at"}
    expected = read(write(EVENTS), name="shop").fingerprint
    assert read(write(renamed, "r.csv"), name="shop", columns=columns).fingerprint == expected


def test_events_dates_are_times(write: Write) -> None:
    text = "user,item,behavior,time\n1,1,buy,2025-03-01 10:00:00\n1,2,buy,2025-02-28T23:00:00\n"
    assert held_out(read(write(text), name="shop")) == {"1": "1"}


def test_events_whole_numbers_keep_their_digits(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [1.0, 1.0], "item": [10, 9], "behavior": ["buy", "buy"]})
    frame.to_parquet(tmp_path / "e.parquet")
    dataset = read(tmp_path / "e.parquet", name="shop")
    assert dataset.users.tolist() == ["1"] and dataset.items.tolist() == ["9", "10"]


def test_events_columns_that_differ_in_case_can_be_named(write: Write) -> None:
    path = write("user,User,item,behavior\n1,a,1,buy\n1,b,2,buy\n")
    assert read(path, name="shop", columns={"user": "User"}).users.tolist() == ["a", "b"]
    assert read(path, name="shop", columns={"user": "user"}).users.tolist() == ["1"]


def test_events_say_where_a_float_id_is_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [1.0, float("nan"), 2.0], "item": [10, 9, 8], "behavior": ["buy", "buy", "buy"]})
    frame.to_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError, match="every event needs a user; 1 of the 3 in e.parquet have none, .* event 2:"):
        read(tmp_path / "e.parquet", name="shop")


def test_events_split_column_decides_where_there_are_no_times(write: Write) -> None:
    text = (
        "user,item,behavior,split\n1,1,buy,train\n1,2,buy,valid\n1,3,buy,test\n1,3,view,train\n1,4,view,test\n"
        "2,1,buy,test\n"
    )
    dataset = read(write(text), name="shop")
    assert held_out(dataset) == {"1": "3"}  # user 2's only purchase is no use for testing
    assert dataset.items[dataset.given_valid_item[0]] == "2" and dataset.given_valid_item[1] == -1
    assert pairs(dataset, "buy") == {("1", "1"), ("1", "2"), ("2", "1")}
    assert pairs(dataset, "view") == {("1", "3")}
    assert "1 held-out row of lower behaviors left out" in dataset.origin.made


def test_events_further_test_rows_of_a_user_are_not_learned_from(write: Write) -> None:
    text = "user,item,behavior,split\n1,1,buy,train\n1,2,buy,test\n1,3,buy,test\n2,1,buy,train\n"
    dataset = read(write(text), name="shop")
    assert pairs(dataset, "buy") == {("1", "1"), ("2", "1")}
    assert set(held_out(dataset)) == {"1"} and "1 further held-out row left out" in dataset.origin.made


def test_events_split_without_test_rows_is_said_not_to_be_used(write: Write) -> None:
    dataset = read(write("user,item,behavior,split\n1,1,buy,train\n1,2,buy,valid\n"), name="shop")
    assert "the split not used since it names no test rows" in dataset.origin.made


def test_events_times_come_before_a_split_column(write: Write) -> None:
    text = "user,item,behavior,time,split\n1,1,buy,2,train\n1,2,buy,1,test\n1,3,view,1,test\n"
    dataset = read(write(text), name="shop")
    assert held_out(dataset) == {"1": "1"} and pairs(dataset, "view") == {("1", "3")}
    assert "the split not used since there are times" in dataset.origin.made


def test_lower_pair_for_training_and_testing_is_trained_on(write: Write) -> None:
    text = "user,item,behavior,split\n1,1,buy,train\n1,2,buy,test\n1,2,buy,train\n1,3,view,train\n1,3,view,test\n"
    dataset = read(write(text), name="shop")
    assert pairs(dataset, "view") == {("1", "3")}
    assert pairs(dataset, "buy") == {("1", "1")} and held_out(dataset) == {"1": "2"}


def test_events_behaviors_given_leave_the_others_out(write: Write) -> None:
    dataset = read(write(EVENTS), name="shop", behaviors=["cart", "buy"])
    assert dataset.behaviors == ("cart", "buy")
    assert read(write(EVENTS), name="shop", behaviors=["buy", "cart"]).target == "cart"


def test_events_guess_keeps_the_source_own_words(write: Write) -> None:
    text = "user,item,behavior\n1,1,transaction\n1,2,addtocart\n1,3,PV\n"
    assert read(write(text), name="shop").behaviors == ("PV", "addtocart", "transaction")


def test_events_attributes_are_those_of_the_items_that_stay(write: Write) -> None:
    text = (
        "user,item,behavior,title,price,image\n1,10,buy,Cup,2.5,javascript:alert(1)\n1,9,buy,,x,https://x.org/a.png\n"
        "1,9,view,Mug,3,\n2,8,view,Jug,1,\n"
    )
    dataset = read(write(text), name="shop")
    assert dataset.items.tolist() == ["9", "10"]
    assert [dataset.title(0), dataset.title(1)] == ["Mug", "Cup"]
    assert dataset.attributes is not None
    assert dataset.attributes["price"].tolist() == [3.0, 2.5]
    assert dataset.attributes["image"].fillna("").tolist() == ["https://x.org/a.png", ""]


def test_events_of_one_user_and_one_behavior_work(write: Write) -> None:
    dataset = read(write("user,item,behavior\nann,1,liked\nann,2,liked\n"), name="shop")
    assert dataset.behaviors == ("liked",) and dataset.num_users == 1 and len(held_out(dataset)) == 1
    assert "drawn at random (seed 0)" in dataset.origin.made
    alone = read(write("user,item,behavior\nann,1,buy\n"), name="shop")
    assert held_out(alone) == {} and pairs(alone, "buy") == {("ann", "1")}


BINARY = bytes(range(256)) * 20


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "must hold events or interactions; it is empty"),
        ("\n\n", "must begin with a header line such as user,item,behavior; it is empty"),
        ("user,item,behavior\n", "has none below its header"),
        (
            "user,thing,behavior\n1,2,buy\n",
            "must have a column item; it has user, thing, behavior: .*--columns item=",
        ),
        ("1,2,buy\n1,3,buy\n", "must begin with a header line .*--columns user=1,item=2"),
        (BINARY, "it holds other binary data"),
        ("user,item,behavior\nJosé,1,buy\n".encode("latin-1"), "save it as UTF-8"),
        (gzip.compress(EVENTS.encode() * 50, mtime=0)[:60], "must be a whole gzip file"),
        (b"PK\x03\x04" + bytes(60), "must be a whole zip file"),
        (b"PAR1" + bytes(60), "it cannot be read as one"),
        ("user,item,behavior\n1,2,buy\n,2,buy\nNaN,3,buy\n", "every event needs a user; 2 of the 3 .* event 2:"),
        ("user,item,behavior\n1,nan,buy\n", "every event needs an item"),
        ("user,item,behavior\n1,2,\n", "every event needs a behavior"),
        ("user,item,behavior\n1,2\n", "the header's 3 columns; line 2 has 2"),
        ("user,item,behavior\n1,2,buy,5\n", "the header's 3 columns; line 2 has 4"),
        ('user,item,behavior\n1,"2,buy\n', "closed quotes"),
        ("user,item,behavior\n1,2,buy\n1,2,zap\n", r"holds buy, zap: name those to use with --behaviors"),
        ("user,item,behavior\n1,2,buy\n1,2,order\n", "the order of the behaviors must be given"),
        ("user,item,behavior\n1,2,a=b\n", "without blanks, commas"),
        (f"user,item,behavior\n{'x' * 201},2,buy\n", "up to 200 characters"),
        ("user,item,behavior,time\n1,2,buy,5\n1,3,buy,\n", "event 2 of events.csv has none"),
        ("user,item,behavior,time\n1,2,buy,5\n1,3,buy,soon\n", "event 2 of events.csv has soon"),
        ("user,item,behavior,time\n1,2,buy,5\n1,3,buy,2025-01-01\n", "all of one kind"),
        ("user,item,behavior,split\n1,2,buy,later\n", "must say train, valid or test in every row; .* has later"),
        ("user,user,item,behavior\n1,2,3,buy\n", "must have names of their own; 2 of them are called user"),
        ("user,User,item,behavior\n1,2,3,buy\n", "user and User may both be: say which one .* --columns user=NAME"),
        ("user,item,behavior,time\n1,2,buy,5\n1,3,buy,inf\n", "event 2 of events.csv has inf"),
        ("user,item,behavior\n1,2,buy\n1,3," + "b" * 2_100_000 + "\n", "can have up to 2 MB; line 3 has more"),
        ("1\t2\tbuy\n", "must begin with a header line"),
        ("5 1 2\n5 3\n", "each user must have one line .*; 5 has more"),
        ("5 1 2\n6 1 x\n", "line 2 of .* must be whole numbers"),
        ("5\n6\n", "holds none"),
    ],
)
def test_import_says_in_one_sentence_what_is_wrong(write: Write, content: str | bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read(write(content), name="shop")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_import_says_that_a_given_behavior_has_no_rows(write: Write) -> None:
    with pytest.raises(DataError, match="holds buy, cart, view; got fav, which has none"):
        read(write(EVENTS), name="shop", behaviors=["fav", "buy"])


def test_import_says_that_nobody_has_the_target(write: Write, tmp_path: Path) -> None:
    path = write("0 1 2\n", "shop/cart.txt")
    write("0\n", "shop/train.txt")
    with pytest.raises(DataError, match="at least one user needs a buy interaction"):
        read(path.parent, name="shop")


def test_import_says_that_no_buyer_has_a_behavior(write: Write) -> None:
    text = "user,item,behavior\n1,1,buy\n1,2,buy\n2,1,view\n"
    with pytest.raises(DataError, match="holds none of view: leave it out"):
        read(write(text), name="shop")
    assert read(write(text), name="shop", behaviors=["buy"]).behaviors == ("buy",)


def test_import_says_that_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a file or folder; .* is neither"):
        read(tmp_path / "nothing.csv", name="shop")
    with pytest.raises(DataError, match="no such file in it"):
        read(tmp_path, name="shop")


def test_import_says_that_a_zip_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("e.csv", EVENTS * 100)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="must be a whole zip file"):
        read(path, name="shop")


def test_import_stops_at_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("e.csv", b"user,item,behavior\n" + b"1,1,buy\n" * 10**6)
    assert path.stat().st_size < 1 << 17
    with pytest.raises(DataError, match="GiB unpacked"):
        read(path, name="shop")


def test_import_checks_the_name_first(write: Write) -> None:
    with pytest.raises(DataError, match="name must be"):
        read(write(EVENTS), name="../shop")


def test_lines_beibei_layout(write: Write, tmp_path: Path) -> None:
    write("0 1 2\n1 0 \n", "shop/train.txt")
    write("0 3\n1 2\n", "shop/test.txt")
    write("0 3 1\n", "shop/cart.txt")
    path = write("1 5\n0 0 1\n", "shop/pv.txt").parent
    dataset = read(path, name="shop")
    assert dataset.behaviors == ("view", "cart", "buy")
    assert dataset.items.tolist() == ["0", "1", "2", "3", "4", "5"]  # 4 is nobody's, but is in the catalogue
    assert held_out(dataset) == {"0": "3", "1": "2"}
    assert pairs(dataset, "buy") == {("0", "1"), ("0", "2"), ("1", "0")}
    assert pairs(dataset, "cart") == {("0", "3"), ("0", "1")}
    assert read(path, name="shop", behaviors=["view", "buy"]).behaviors == ("view", "buy")
    with pytest.raises(DataError, match="^behaviors must end with what train and test files .* put .* last.$"):
        read(path, name="shop", behaviors=["view", "cart"])  # train.txt would be taken for carts


@pytest.mark.parametrize("separator", ["/", "_"])
def test_lines_tmall_layout_uses_only_the_target_test_file(tmp_path: Path, separator: str) -> None:
    contents = {
        "view train": "0\t3\t1\n1\t2\n",
        "view test": "0\t4\n",
        "buy train": "0\t1\n1\t0\n",
        "buy test": "0\t3\n1\t2\n",
    }
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"Data/{name.replace(' ', separator)}.txt", content)
    dataset = read(path, name="shop")
    assert held_out(dataset) == {"0": "3", "1": "2"}
    assert pairs(dataset, "view") == {("0", "3"), ("0", "1"), ("1", "2")}
    assert dataset.num_items == 5


def test_lines_need_files_of_one_kind(write: Write) -> None:
    write(EVENTS, "shop/events.csv")
    path = write("0 1 2\n", "shop/train.txt").parent
    with pytest.raises(DataError, match="events.csv has not"):
        read(path, name="shop")


def test_lines_ids_that_number_no_catalogue_become_the_items_that_occur(write: Write) -> None:
    dataset = read(write("4999999 4999999 1\n7 900000 1 123456789012\n", "train.txt"), name="shop")
    assert dataset.users.tolist() == ["7", "4999999"]
    assert dataset.items.tolist() == ["1", "900000", "4999999", "123456789012"]
    assert pairs(dataset, "buy") | set(held_out(dataset).items()) == {
        *(("4999999", item) for item in ("4999999", "1")),
        *(("7", item) for item in ("900000", "1", "123456789012")),
    }
    with pytest.raises(DataError, match="line 2 of train.txt must be whole numbers"):
        read(write("0 1\n1 " + "9" * 30 + "\n", "train.txt"), name="shop")


@given(
    st.lists(st.lists(st.integers(0, 10**12), max_size=5), min_size=1, max_size=6),
    st.sampled_from([" ", "\t", "  "]),
    st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    st.integers(19, 60),
)
def test_lines_are_read_in_pieces_as_they_are_whole(lists: list[list[int]], blank: str, end: str, block: int) -> None:
    text = "".join(blank.join(map(str, [user, *items])) + end for user, items in enumerate(lists))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "train.txt"
        path.write_text(text, newline="")
        patch.setattr(lines, "_BLOCK", block)
        found = lines._pairs(File("train.txt", path))
    assert found.owners.tolist() == list(range(len(lists)))
    assert found.counts.tolist() == [len(items) for items in lists]
    assert found.items.tolist() == [item for items in lists for item in items]


@pytest.mark.parametrize("line", [1, 3])
@pytest.mark.parametrize("wrong", ["1 x", "1 -2", "1 2.5", "1 2\r3", "1 " + "9" * 19, "é"])
def test_lines_say_which_line_is_wrong_wherever_pieces_end(
    write: Write, monkeypatch: pytest.MonkeyPatch, line: int, wrong: str
) -> None:
    for block in (20, 21, 22, 1000):
        monkeypatch.setattr(lines, "_BLOCK", block)
        path = write("".join(f"{wrong if n == line else n} 10 11 12\n" for n in range(1, 5)))
        with pytest.raises(DataError, match=f"line {line} of e must be whole numbers"):
            lines._pairs(File("e", path))


def test_real_data_has_the_pairs_and_the_leak_that_were_measured(real_data: Path) -> None:
    beibei = read(real_data / "beibei", name="beibei")
    assert (beibei.num_users, beibei.num_items) == (21_716, 7_977)
    assert [matrix.nnz for matrix in beibei.matrices] == [642_622, 282_860]
    assert stands_in(beibei.matrix("cart"), beibei.test_item).mean() == pytest.approx(0.623, abs=5e-4)
    tmall = read(real_data / "tmall", name="tmall")
    assert (tmall.num_users, tmall.num_items) == (15_449, 11_953)
    assert [matrix.nnz for matrix in tmall.matrices] == [858_505, 180_027, 92_180]
    leak = [stands_in(tmall.matrix(b), tmall.test_item).mean() for b in ("view", "cart")]
    assert leak == pytest.approx([0.797, 0.196], abs=5e-4)


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """Some rows with distinct times; at least one user has every behavior."""
    events = draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 2), st.integers(0, 2)),
            min_size=1,
            max_size=60,
        )
    )
    user, item = draw(st.integers(0, 4)), draw(st.integers(0, 5))
    events += [(user, item, behavior, 0) for behavior in range(3)] + [(user, (item + 1) % 6, 2, 0)]
    table = np.array(events)
    return Rows(
        user=table[:, 0].astype(np.int32),
        item=table[:, 1].astype(np.int32),
        behavior=table[:, 2].astype(np.int8),
        users=np.array(list("vwxyz")),
        items=np.array(list("abcdef")),
        behaviors=("view", "cart", "buy"),
        time=draw(st.sampled_from([None, np.arange(len(table), dtype=np.float64)])),
        part=draw(st.sampled_from([None, table[:, 3].astype(np.int8)])),
    )


@given(rows(), st.randoms(use_true_random=False))
def test_assemble_does_not_depend_on_the_order_of_rows(given_rows: Rows, random: object) -> None:
    order = np.arange(len(given_rows.user))
    random.shuffle(order)  # type: ignore[attr-defined]
    first, second = (assemble(r, name="x", source="x") for r in (given_rows, given_rows.take(order)))
    assert first.fingerprint == second.fingerprint and first.origin == second.origin


@given(rows())
def test_assemble_holds_out_one_purchase_of_each_user_who_has_two(given_rows: Rows) -> None:
    dataset = assemble(given_rows, name="x", source="x")
    bought = pairs(dataset, "buy")
    for user, item in held_out(dataset).items():
        assert (user, item) not in bought and any(u == user for u, _ in bought)
    is_buy = given_rows.behavior == 2
    if (
        given_rows.time is None
        and given_rows.part is not None
        and not (is_buy & (given_rows.part == assembling.TEST)).any()
    ):
        return
    if given_rows.time is not None or given_rows.part is None:
        distinct = {(u, i) for u, i in zip(given_rows.user[is_buy], given_rows.item[is_buy], strict=True)}
        assert len(bought) + len(held_out(dataset)) == len(distinct)
        assert len(held_out(dataset)) == sum(sum(u == user for u, _ in distinct) >= 2 for user in range(5))


@given(rows(), st.integers(0, 9))
def test_clean_split_keeps_every_held_out_pair_out_of_training(given_rows: Rows, seed: int) -> None:
    dataset = assemble(given_rows, name="x", source="x")
    clean = split(dataset, "clean", seed)
    for matrix in clean.train:
        assert not stands_in(matrix, clean.test_item).any()
        assert not stands_in(matrix, clean.valid_item).any()
    standard = split(dataset, "standard", seed)
    assert [m.nnz for m in standard.train[:-1]] == [m.nnz for m in dataset.matrices[:-1]]
    assert (standard.valid_item == clean.valid_item).all()
    assert not ((clean.valid_item == clean.test_item) & (clean.test_item >= 0)).any()


@given(rows())
def test_without_removes_the_held_out_pairs_and_nothing_else(given_rows: Rows) -> None:
    dataset = assemble(given_rows, name="x", source="x")
    held = np.arange(dataset.num_users, dtype=np.int32) % (dataset.num_items + 1) - 1
    for matrix in dataset.matrices:
        expected = matrix.toarray()
        for user in np.flatnonzero(held >= 0):
            expected[user, held[user]] = 0
        np.testing.assert_array_equal(without(matrix, held).toarray(), expected)


PAIRS = "0 3\n0 1\n1 2\n0 2\n"


def test_pairs_a_line_are_read_by_the_files_names(tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    for name, text in (("view.txt", PAIRS), ("train.txt", PAIRS[:12]), ("test.txt", "0 2\n")):
        (tmp_path / "pairs" / name).write_text(text)
    dataset = read(tmp_path / "pairs", name="shop")
    assert dataset.behaviors == ("view", "buy") and [matrix.nnz for matrix in dataset.matrices] == [4, 3]
    assert dataset.items[dataset.test_item[0]] == "2" and dataset.test_item[1] == -1
    assert "8 pairs read, a line a pair" in dataset.origin.made
    (tmp_path / "mixed.txt").write_text("0 1 2\n1 2\n0 3\n")
    with pytest.raises(DataError, match="each user must have one line in mixed.txt; 0 has more"):
        read(tmp_path / "mixed.txt", name="shop")


@pytest.mark.parametrize("delimiter", ["~", "||", "::", " ", "\\t"])
def test_a_delimiter_can_be_named(tmp_path: Path, delimiter: str) -> None:
    rows = [("user", "item", "behavior"), ("u,1", "a", "buy"), ("u,1", "b", "buy")]
    (tmp_path / "log.txt").write_text("\n".join(delimiter.replace("\\t", "\t").join(row) for row in rows))
    dataset = read(tmp_path / "log.txt", name="shop", recipe=Recipe(delimiter=delimiter))
    assert dataset.users.tolist() == ["u,1"] and dataset.items.tolist() == ["a", "b"]


def test_columns_that_are_chosen_by_place_have_no_header(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("ann,cup,buy\nann,pot,buy\nbob,cup,buy\n")
    dataset = read(tmp_path / "log.csv", name="shop", columns={"user": "1", "item": "2", "behavior": "3"})
    assert dataset.users.tolist() == ["ann", "bob"] and dataset.items.tolist() == ["cup", "pot"]
    (tmp_path / "log.csv").write_text("user,item,what\nann,cup,buy\nann,pot,buy\n")
    dataset = read(tmp_path / "log.csv", name="shop", columns={"user": "1", "item": "2", "behavior": "3"})
    assert dataset.users.tolist() == ["ann"], "known names are a header, however columns are chosen"


def test_duplicates_are_merged_alike_while_they_are_read_and_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many rows are merged where they are read, to spare memory: to the earliest, too, and the same are held out."""
    rows = [f"u{n % 3},i{n % 4},{('view', 'buy')[n % 2]},{(n * 7) % 50}" for n in range(60)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,behavior,time", *rows]))
    made = []
    for at_once in (1_000, 10):
        monkeypatch.setattr(events, "_AT_ONCE", at_once)
        made.append(read(tmp_path / "log.csv", name="shop"))
    assert made[0].fingerprint == made[1].fingerprint and made[0].origin.made == made[1].origin.made
    assert "48 duplicates merged to the earliest" in made[0].origin.made
