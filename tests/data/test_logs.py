"""Logs as shops and publishers have them: read right, to the held-out purchase, or refused with the way out."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError

Make = Callable[[str | dict[str, str]], Path]
HEADER = "user,item,behavior,timestamp\n"


def held_out(dataset: Dataset) -> dict[str, str]:
    return {str(dataset.users[u]): str(dataset.items[i]) for u, i in enumerate(dataset.test_item) if i >= 0}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a file, or a folder of files."""

    def make(content: str | dict[str, str]) -> Path:
        files = {"log.csv": content} if isinstance(content, str) else content
        folder = tmp_path / "log"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", newline="")
        return folder / "log.csv" if isinstance(content, str) else folder

    return make


def log(times: list[str], behavior: str = "buy") -> str:
    """One shopper who buys an item at each time: a, b, c, …"""
    return "user;item;behavior;timestamp\n" + "".join(
        f"u;{'abcdefgh'[n]};{behavior};{t}\n" for n, t in enumerate(times)
    )


@pytest.mark.parametrize(
    ("times", "last", "said"),
    [
        (["31.12.2023 10:00", "05.01.2024 10:00", "02.01.2024"], "b", "as dates, day first, 2023-12-31 to 2024-01-05"),
        (
            ["12/31/2023", "1/5/2024 9:00 AM", "1/5/2024 12:30 AM"],
            "b",
            "as dates, month first, 2023-12-31 to 2024-01-05",
        ),
        (["31/12/2023 11:59 PM", "31/12/2023 12:01 PM"], "a", "as dates, day first"),
        (["2014-12-06 02", "2014-12-18 11", "2014-12-06 10"], "b", "as dates, year first, 2014-12-06 to 2014-12-18"),
        (["2024年1月5日", "2024年11月5日", "2024年2月5日 10:00"], "b", "as dates, year first"),
        (["2024-01-02 10:00:00 +0100", "2024-01-02 10:30:00 +0200"], "a", "as dates, year first"),
        (["2019-10-01 00:00:05 UTC", "2019-10-01 00:00:06 UTC"], "b", "as dates, year first"),
        (["2014-04-07T10:51:09.277Z", "2014-04-07T10:51:09.276Z"], "a", "as dates, year first"),
        (["2024/1/5 9:05", "2024/1/5 10:00"], "b", "as dates, year first"),
        (["20231231", "20240105"], "b", "as days, 20231231 to 20240105"),
        (["1572566400", "1572566401.5"], "b", "in seconds since 1970, 2019-11-01 to 2019-11-01"),
        (["1661200030000", "1661200010000"], "a", "in milliseconds since 1970, 2022-08-22 to 2022-08-22"),
        (["1705276802123456", "1705276801123456"], "a", "in microseconds since 1970"),
        (["1705276802123456001", "1705276802123456002"], "b", "in nanoseconds since 1970"),
        (["0829", "1111", "0905"], "b", "as numbers from 829 to 1111"),
    ],
)
def test_times_are_read_in_the_form_that_they_have(make: Make, times: list[str], last: str, said: str) -> None:
    dataset = read(make(log(times)), name="shop")
    assert held_out(dataset) == {"u": last} and f"times read {said}" in dataset.origin.made


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (
            ["31/12/23", "05/01/24"],
            r"a year of four digits, .* event 1 of log.csv, the first of 2, has 31/12/23, .*--dates day-first",
        ),
        (["31-12-23", "05-01-24"], "a year of four digits"),
        (
            ["31122023", "05012024"],
            "times of eight digits must be YYYYMMDD; .* has 31122023, which looks like DDMMYYYY",
        ),
        (["05/01/2024", "06/01/2024"], "must tell day from month; .* has 05/01/2024, and no date of it says"),
        (
            ["1572566400", "1572566401000"],
            "must have one unit; .* 1 in seconds and 1 in milliseconds: bring them to one",
        ),
        (["1572566400", "1572566401", "0"], "between 1990 and today; event 3 of log.csv has 0"),
        (["1572566400", "1572566401", "9999999999"], "between 1990 and today; event 3 of log.csv has 9999999999"),
        (["1572566400", "1572566401", "2145916800"], "between 1990 and today; event 3 of log.csv has 2145916800"),
        (["1.57E+12", "1.58E+12"], r"must have all their digits; .* has 1\.57E\+12, which a spreadsheet has rounded"),
        (["2024-02-30", "2024-01-01"], "a day that there is; event 1 of log.csv has 2024-02-30"),
        (["2024-01-01", "soon"], "a number or a date such as 2024-01-31 10:00, .*; event 2 of log.csv has soon"),
        (["2024-01-01", "01.02.2024"], "all of them one form"),
    ],
)
def test_times_that_can_be_mistaken_are_refused_with_the_way_out(make: Make, times: list[str], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read(make(log(times)), name="shop")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("form", "times", "last"),
    [
        ("day-first", ["31/12/23", "05/01/24"], "b"),
        ("day-first", ["31122023", "05012024"], "b"),
        ("day-first", ["311223", "050124"], "b"),
        ("day-first", ["05/01/2024", "01/06/2024"], "b"),
        ("month-first", ["05/01/2024", "01/06/2024"], "a"),
        ("year-first", ["23-12-31", "24-01-05"], "b"),
        ("day-first", ["31/12/99", "01/01/00"], "b"),
    ],
)
def test_form_of_dates_that_is_named_settles_it(make: Make, form: str, times: list[str], last: str) -> None:
    dataset = read(make(log(times)), name="shop", recipe=Recipe(dates=form))
    assert held_out(dataset) == {"u": last} and f"times read as dates, {form.replace('-', ' ')}" in dataset.origin.made
    with pytest.raises(DataError, match="--dates must be day-first, month-first, year-first; got backwards"):
        read(make(log(times)), name="shop", recipe=Recipe(dates="backwards"))


def test_bad_rows_are_left_out_where_that_is_asked_for_and_kept(make: Make, tmp_path: Path) -> None:
    rows = "u,a,buy,1572566400\nu,b,buy,1572566401\n,a,buy,1572566402\n"
    path = make(HEADER + rows + "u,c,buy,9999999999\nu,d,buy,soon\nu,,buy,1572566400\n")
    with pytest.raises(DataError, match=r"every event needs a user; 1 of the 6 .* leave them out \(--skip-bad\)"):
        read(path, name="shop")
    dataset = read(path, name="shop", recipe=Recipe(skip_bad=True), skip_to=tmp_path / "skipped.csv")
    assert held_out(dataset) == {"u": "b"} and dataset.items.tolist() == ["a", "b"]
    assert "6 rows read" in dataset.origin.made and "4 bad rows left out, kept in skipped.csv" in dataset.origin.made
    kept = pd.read_csv(tmp_path / "skipped.csv")
    assert kept["event"].tolist() == [3, 4, 5, 6]
    assert kept["why"].str[:12].tolist() == ["has no user", "times in sec", "every time m", "has no item"]
    with pytest.raises(DataError, match="needs events"):
        read(make(HEADER + "u,,buy,1\n"), name="shop", recipe=Recipe(skip_bad=True), skip_to=tmp_path / "skipped.csv")


def test_what_came_at_or_after_the_held_out_purchase_is_left_out_where_that_is_asked_for(make: Make) -> None:
    rows = (
        "u,A,buy,1\nu,B,buy,5\nu,E,buy,5\nu,C,view,9\nu,D,view,2\nu,B,view,4\nu,A,view,5\n"  # B and E tie
        "v,C,buy,3\nv,D,buy,2\nv,D,view,1\nw,A,buy,1\nw,C,view,7\n"
    )
    dataset = read(make(HEADER + rows), name="shop", recipe=Recipe(cut_later=True))
    tested = held_out(dataset)
    assert tested["v"] == "C" and tested["u"] in "BE"
    view, buy = (dataset.matrix(b).toarray() for b in ("view", "buy"))
    u, items = dataset.users.tolist().index("u"), dataset.items.tolist()
    assert {items[i] for i in view[u].nonzero()[0]} == {"B", "D"}
    assert {items[i] for i in buy[u].nonzero()[0]} == {"A"}
    assert view[dataset.users.tolist().index("w")].sum() == 1  # nothing is held out of w
    assert "3 pairs at or after the held-out buy left out" in dataset.origin.made
    with pytest.raises(DataError, match="needs times by which a buy is held out"):
        read(make("user,item,behavior\nu,a,buy\nu,b,buy\n"), name="shop", recipe=Recipe(cut_later=True))


PUBLIC = {
    "REES46": (
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
        "2019-10-01 00:00:05 UTC,purchase,39,20,,aqua,33.20,5,72\n2019-10-03 00:00:05 UTC,purchase,17,20,,,5.1,5,72\n"
        "2019-10-02 00:00:05 UTC,purchase,18,20,,,5.1,5,72\n2019-10-01 00:00:00 UTC,view,39,20,,,5.1,5,72\n",
        None,
        {"5": "17"},
    ),
    "Tmall": (
        "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n901,11,7,3,2660.0,0829,0\n"
        "901,12,7,3,,0829,2\n901,13,7,3,,1111,2\n901,14,7,3,,1001,2\n",
        ["0", "2"],
        {"901": "13"},
    ),
    "RetailRocket": (
        "timestamp,visitorid,event,itemid,transactionid\n1433221332117,1,view,5,\n1433221332118,1,transaction,6,7\n"
        "1433221332119,1,transaction,5,8\n1433221332117,1,addtocart,5,\n",
        None,
        {"1": "5"},
    ),
    "RecBole": (
        "user_id:token\titem_id:token\tbehavior:token\ttimestamp:float\nu\ta\tview\t1\nu\tb\tbuy\t5\nu\ta\tbuy\t3\n",
        None,
        {"u": "b"},
    ),
    "GA4": (
        "event_date,event_timestamp,event_name,user_id,user_pseudo_id,item_id,item_name,price\n"
        "20240115,1705276800123456,view_item,,1001.17,S1,Shoe,10\n20240115,1705276802123456,purchase,U77,1001.17,S1,Shoe,10\n"
        "20240116,1705363202123456,purchase,U77,1001.17,S2,Sock,10\n20240116,1705363202123456,session_start,,1001.17,,,\n",
        ["view_item", "purchase"],
        {"1001.17": "S2"},
    ),
    "orders": ("customer_id,product_id,order_date,type\n1,5,2024-01-03,buy\n1,6,2024-01-02,buy\n", None, {"1": "5"}),
}


@pytest.mark.parametrize("shop", PUBLIC)
def test_public_names_of_columns_are_known_and_the_last_purchase_is_held_out(make: Make, shop: str) -> None:
    text, behaviors, expected = PUBLIC[shop]
    assert held_out(read(make(text), name="shop", behaviors=behaviors)) == expected


def test_otto_columns_in_parquet_are_known(tmp_path: Path) -> None:
    times = [1661200010000, 1661200030000, 1661200020000]
    frame = pd.DataFrame({"session": [1] * 3, "aid": [5, 6, 7], "ts": times, "type": ["orders"] * 3})
    frame.to_parquet(tmp_path / "otto.parquet")
    assert held_out(read(tmp_path / "otto.parquet", name="shop")) == {"1": "6"}


def test_time_that_nobody_names_is_asked_for(make: Make) -> None:
    path = make("user,item,behavior,bought_date,n\nu,a,buy,2024-01-02,1\nu,b,buy,2024-01-01,2\n")
    with pytest.raises(
        DataError, match="decides which purchase is tested; bought_date looks like it: .*time=bought_date"
    ):
        read(path, name="shop")
    assert held_out(read(path, name="shop", columns={"time": "bought_date"})) == {"u": "a"}
    assert "drawn at random" in read(path, name="shop", columns={"time": ""}).origin.made


def test_one_column_is_one_thing(make: Make) -> None:
    with pytest.raises(DataError, match="can be one thing; item was named as user and item"):
        read(make(HEADER + "u,a,buy,1\n"), name="shop", columns={"user": "item"})


TAOBAO = "7,501,9,buy,1511544070\n7,502,9,pv,1511561733\n7,503,9,buy,1511572885\n7,504,9,buy,1511544000\n"
BY_PLACE = {"user": "1", "item": "2", "behavior": "4", "time": "5"}


def test_file_without_a_header_loses_no_event(make: Make) -> None:
    path = make(TAOBAO)
    for columns in (None, {"user": "7", "item": "501", "behavior": "buy", "time": "1511544070"}):
        with pytest.raises(DataError, match="its first line is a row as the others are .* --columns user=1,item=2"):
            read(path, name="shop", columns=columns)
    dataset = read(path, name="shop", columns=BY_PLACE)
    assert held_out(dataset) == {"7": "503"} and "4 rows read" in dataset.origin.made
    twice = make(
        "1,1,9,pv,1511544070\n1,2,9,buy,1511561733\n1,3,9,buy,1511561734\n"
    )  # whose first line repeats a value
    assert held_out(read(twice, name="shop", columns=BY_PLACE)) == {"1": "3"}


def test_header_of_places_is_a_header(make: Make) -> None:
    path = make("0,1,2\nu,a,buy\nu,b,buy\n")
    assert read(path, name="shop", columns={"user": "0", "item": "1", "behavior": "2"}).num_items == 2


def test_rows_of_other_behaviors_are_counted_and_need_not_be_whole(make: Make) -> None:
    rows = "u,a,View,1\nu,a,BUY,2\nu,b,buy,3\nu,c,Buy,4\nv,a,view,1\nv,b,buy,1\nv,a,BUY,9\nv,,remove,9\n"
    dataset = read(make(HEADER + rows), name="shop", behaviors=["view", "buy"])
    assert "8 rows read, 5 rows of other behaviors left out (BUY 2, Buy 1, View 1, remove 1)" in dataset.origin.made
    assert "2 users not tested" in dataset.origin.made


def test_blanks_in_behaviors_become_underscores(make: Make) -> None:
    rows = HEADER + "u,a,page view,1\nu,a,add to cart,2\nu,b,buy,3\nu,a,buy,4\n"
    dataset = read(make(rows), name="shop", behaviors=["page view", "add to cart", "buy"])
    assert dataset.behaviors == ("page_view", "add_to_cart", "buy")
    assert "blanks in the behavior of 2 rows became _" in dataset.origin.made


# Labels


def test_ids_that_are_written_with_and_without_a_point_are_the_same(make: Make) -> None:
    first = HEADER + "12.0,5,view,1\n12,5,buy,2\n12.0,6,buy,3\n12,7.0,buy,4\n12,7,buy,5\n"
    dataset = read(make(first), name="shop")
    assert (dataset.users.tolist(), dataset.items.tolist()) == (["12"], ["5", "6", "7"])
    assert held_out(dataset) == {"12": "7"}
    assert "users such as 12.0 read as 12, items such as 12.0 read as 12" in dataset.origin.made
    versions = read(make(HEADER + "u,1.0,buy,1\nu,1.5,buy,2\n"), name="shop")  # no whole numbers
    assert versions.items.tolist() == ["1.0", "1.5"]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pa.array([2.0**53, 2.0**53 + 2]), "every user of e.parquet must have all its digits; .* stored as a DOUBLE"),
        (pa.array([2.0**24, 2.0**24 + 2], pa.float32()), "stored as a FLOAT"),
        (pa.array([b"\xc3", b"a"]), "must be text; one is bytes that are no UTF-8"),
        (pa.array([[1, 2], [3]]), "must be one value a row; its column holds lists"),
        (pa.array([{"a": 1}, {"a": 2}]), "must be one value a row"),
        (pa.array(["1.23E+12", "1.24E+12"]), "has 1.2[34]E\\+12, which a spreadsheet has rounded"),
        (pa.array(["\\N", "7"]), "every event needs a user; 1 of the 2"),
    ],
)
def test_labels_that_lost_something_are_refused(tmp_path: Path, column: Any, sentence: str) -> None:
    table = pa.table({"user": column, "item": ["a", "b"], "behavior": ["buy", "buy"]})
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(DataError, match=sentence):
        read(tmp_path / "e.parquet", name="shop")


def test_bytes_are_read_as_the_text_that_they_are(tmp_path: Path) -> None:
    table = pa.table({"user": ["ü1".encode()] * 2, "item": [b"a", b"b"], "behavior": [b"buy", b"buy"]})
    pq.write_table(table, tmp_path / "e.parquet")
    assert read(tmp_path / "e.parquet", name="shop").users.tolist() == ["ü1"]


# Own splits, layouts, ties, attributes


def test_split_that_is_named_decides_before_times(make: Make) -> None:
    rows = "user,item,behavior,split,timestamp\nu,a,buy,train,9\nu,b,buy,test,2\nu,c,buy,valid,3\n"
    path = make(rows)
    assert held_out(read(path, name="shop")) == {"u": "a"}
    for columns in ({"split": "split"}, {"time": ""}):
        dataset = read(path, name="shop", columns=columns)
        assert held_out(dataset) == {"u": "b"} and "the buy that the source names" in dataset.origin.made


def test_events_after_the_held_out_one_are_counted(make: Make) -> None:
    rows = HEADER + "u,A,buy,1\nu,B,buy,5\nu,C,view,9\nu,D,cart,10\nu,B,view,4\nv,C,buy,3\nv,D,buy,2\n"
    dataset = read(make(rows), name="shop")
    assert held_out(dataset) == {"u": "B", "v": "C"}
    assert "2 pairs of lower behaviors that came after the held-out buy kept" in dataset.origin.made


def test_ties_of_the_last_purchase_are_counted(make: Make) -> None:
    rows = HEADER + "u,a,buy,1\nu,b,buy,2\nu,c,buy,2\nv,a,buy,1\nv,b,buy,2\nw,a,buy,1\n"
    dataset = read(make(rows), name="shop")
    assert (
        "held out of 2 users: the last buy by time, of 1 user drawn among those at the same time" in dataset.origin.made
    )
    assert "1 user not tested" in dataset.origin.made
    assert held_out(dataset)["v"] == "b" and held_out(dataset)["u"] in "bc"


def test_prices_with_a_decimal_comma_are_read_and_those_that_are_none_counted(make: Make) -> None:
    rows = "user;item;behavior;price\nu;a;view;12,50\nu;a;buy;12,50\nu;b;buy;1.299,00 €\nu;c;buy;7\nu;d;buy;free\n"
    dataset = read(make(rows), name="shop")
    assert dataset.attributes is not None
    assert dataset.attributes["price"].tolist()[:3] == [12.5, 1299.0, 7.0]
    assert "prices read with a decimal comma, 1 price without a number left out" in dataset.origin.made
    plain = read(make('user,item,behavior,price\nu,a,buy,12.50\nu,b,buy,"1,299.00"\n'), name="shop")
    assert plain.attributes is not None and plain.attributes["price"].tolist() == [12.5, 1299.0]


@pytest.mark.parametrize(
    "text",
    [
        ",user,item,behavior,timestamp\n0,u,a,buy,1\n1,u,b,buy,2\n",  # pandas' index
        "sep=;\nuser;item;behavior;timestamp\nu;a;buy;1\nu;b;buy;2\n",
        "user,item,behavior,timestamp,\nu,a,buy,1,\nu,b,buy,2,\n",
        "user,item,behavior,timestamp\r\nu,a,buy,1\nu,b,buy,2\r\n",
        "user::item::behavior::timestamp\nu::a::buy::1\nu::b::buy::2\n",
        "user item behavior timestamp\nu a buy 1\nu b buy 2\n",
        "user|item|behavior|timestamp\nu|a|buy|1\nu|b|buy|2\n",
        'user,item,"behavior",timestamp\nu,a,"buy",1\n"u","b",buy,2\n',
    ],
)
def test_tables_are_read_however_programs_write_them(make: Make, text: str) -> None:
    dataset = read(make(text), name="shop")
    assert held_out(dataset) == {"u": "b"} and dataset.items.tolist() == ["a", "b"]


def test_file_of_one_behavior_is_read_where_that_is_said(make: Make) -> None:
    path = make("customer_id,product_id,order_date\n1,5,2024-01-02\n1,6,2024-01-03\n")
    with pytest.raises(DataError, match="or --columns behavior==buy if all its rows are of one behavior"):
        read(path, name="shop")
    dataset = read(path, name="shop", columns={"behavior": "=buy"})
    assert dataset.behaviors == ("buy",) and held_out(dataset) == {"1": "6"}


def test_behavior_is_told_by_files_folders_or_flags(make: Make, tmp_path: Path) -> None:
    rows = "user,item,timestamp\n"
    expected = {"u": "b"}
    files = make({"my-views.csv": rows + "u,a,1\n", "my-buys.csv": rows + "u,a,2\nu,b,3\n"})
    dataset = read(files, name="shop")
    assert dataset.behaviors == ("views", "buys") and held_out(dataset) == expected
    assert "behaviors told by the files' names" in dataset.origin.made
    flags = make("user,item,view,cart,buy,timestamp\nu,a,1,1,1,1\nu,b,1,0,1,2\n")
    dataset = read(flags, name="shop")
    assert dataset.behaviors == ("view", "cart", "buy") and held_out(dataset) == expected
    assert [int(matrix.nnz) for matrix in dataset.matrices] == [2, 1, 1]
    assert "behaviors told by the columns view, cart, buy" in dataset.origin.made


def test_folder_of_spark_is_read(make: Make) -> None:
    rows = "user,item,timestamp\n"
    folder = make(
        {
            "_SUCCESS": "",
            "behavior=view/part-0.csv": rows + "u,a,1\n",
            "behavior=buy/part-0.csv": rows + "u,a,1\nu,b,2\n",
            "behavior=buy/part-1.csv": rows,
            "behavior=buy/part-2.csv": "",
        }
    )
    dataset = read(folder, name="shop")
    assert dataset.behaviors == ("view", "buy") and held_out(dataset) == {"u": "b"}
    assert "1 empty file left out" in dataset.origin.made


def test_tables_of_something_else_are_left_out_and_named(make: Make) -> None:
    folder = make(
        {
            "events.csv": "timestamp,visitorid,event,itemid,transactionid\n1,u,transaction,a,1\n2,u,transaction,b,2\n",
            "category_tree.csv": "categoryid,parentid\n1,2\n",
            "item_properties.csv": "timestamp,itemid,property,value\n1,a,color,red\n",
        }
    )
    dataset = read(folder, name="shop")
    assert held_out(dataset) == {"u": "b"}
    assert "2 tables of something else left out (category_tree.csv, item_properties.csv)" in dataset.origin.made
    (folder / "events2.csv").write_text("timestamp,buyer,event,itemid\n3,u,transaction,c\n")  # lacks one column alone
    with pytest.raises(DataError, match="events2.csv must have a column user"):
        read(folder, name="shop")


def test_part_without_a_header_beside_one_that_has_it_is_refused(make: Make) -> None:
    folder = make({"1.csv": HEADER + "u,a,buy,1\nu,b,buy,2\n", "2.csv": "u,c,buy,3\nu,d,buy,4\n"})
    with pytest.raises(DataError, match="2.csv must begin with a header line"):
        read(folder, name="shop")


EVENT = '{{"session":42,"aid":{},"ts":{},"type":"orders"}}'


@pytest.mark.parametrize(
    "text",
    [
        EVENT.format(5, 1) + "\n" + EVENT.format(6, 3) + "\n" + EVENT.format(7, 2) + "\n",
        "[" + EVENT.format(5, 1) + ",\n" + EVENT.format(6, 3) + "]",
        '{"session":42,"events":[{"aid":5,"ts":1,"type":"orders"},{"aid":6,"ts":3,"type":"orders"}]}\n',
    ],
)
def test_json_of_events_is_read(make: Make, text: str) -> None:
    assert held_out(read(make(text), name="shop")) == {"42": "6"}


def test_json_keeps_what_labels_and_times_are(make: Make) -> None:
    record = '{{"user":"007","item":{},"behavior":"buy","time":"2024-01-02T10:{}"}}\n'
    text = record.format(2**63 - 1, "00:00+01:00") + record.format(2**63 - 2, "30:00+02:00")
    dataset = read(make(text), name="shop")
    assert dataset.users.tolist() == ["007"] and held_out(dataset) == {"007": str(2**63 - 1)}


def test_arrays_and_pickles_are_refused_with_the_way_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "trn_buy.npz", data=np.ones(3))
    (tmp_path / "trn.pkl").write_bytes(b"\x80\x04\x95 scipy.sparse._csr")
    (tmp_path / "dict.txt").write_text('{"0": [1, 2, 3], "1": [2, 4]}')
    for name, said in (
        ("trn_buy.npz", "trn_buy.npz must be a table; it holds NumPy arrays"),
        ("trn.pkl", "trn.pkl must be a table; it is a Python pickle, which is never read"),
        ("dict.txt", "dict.txt must be an event, or a list of events; 0 holds other lists"),
    ):
        with pytest.raises(DataError, match=f"{said}.*with the columns user,item,behavior"):
            read(tmp_path / name, name="shop")
    with pytest.raises(DataError, match="trn_buy.npz must be a table"):
        (tmp_path / "trn.pkl").unlink()
        (tmp_path / "dict.txt").unlink()
        read(tmp_path, name="shop")


def test_lines_know_what_publishers_call_parts(make: Make) -> None:
    dataset = read(
        make({"trn_buy.txt": "0 1 2\n1 3 4\n", "trn_cart.txt": "0 5\n1 2\n", "tst_buy.txt": "0 5\n1 5\n"}), name="m"
    )
    assert dataset.behaviors == ("cart", "buy") and held_out(dataset) == {"0": "5", "1": "5"}


def test_lines_name_the_files_that_are_left_out(make: Make) -> None:
    files = {
        "cart.txt": "0 1 4\n1 2\n",
        "collect.txt": "0 2\n1 1\n",
        "test.txt": "0 4\n1 1\n",
        "train.txt": "0 1 2 3\n1 2 4\n",
        "validation.txt": "0 5\n1 5\n",
    }
    dataset = read(make(files), name="shop", behaviors=["cart", "buy"])
    assert held_out(dataset) == {"0": "4", "1": "1"}
    assert [str(dataset.items[i]) for i in dataset.given_valid_item] == ["5", "5"]
    assert "12 pairs read, a line a user, 1 file left out (collect.txt)" in dataset.origin.made


def test_lines_of_raw_ids_have_the_items_that_occur(make: Make) -> None:
    dataset = read(make({"train.txt": "0 900000 12 77\n1 12 77 900000\n", "test.txt": "0 15\n1 15\n"}), name="shop")
    assert dataset.items.tolist() == ["12", "15", "77", "900000"] and held_out(dataset) == {"0": "15", "1": "15"}
    assert "items are those that occur, since the ids number no catalogue" in dataset.origin.made
    kept = read(make("0 1 3\n1 0 4 1\n"), name="shop")
    assert kept.num_items == 5 and "1 item of the catalogue that nobody touched kept" in kept.origin.made


def test_lines_that_may_be_events_are_refused_with_both_ways_out(make: Make) -> None:
    rows = "0\t5\t4\n1\t3\t5\n2\t4\t1\n"
    folder = make({"ui.tsv": rows, "named/train.txt": rows})
    with pytest.raises(DataError, match="all lines have 3 numbers: add a header line .* or call it train.txt"):
        read(folder / "ui.tsv", name="shop")
    assert read(folder / "named" / "train.txt", name="shop").num_users == 3
    by_place = read(folder / "ui.tsv", name="shop", columns={"user": "1", "item": "2", "behavior": "=buy"})
    assert by_place.items.tolist() == ["3", "4", "5"]


# Laws

MISSING = {"", "nan", "none", "null", "<na>", "\\n"}
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: (
        text == text.strip() and text.lower() not in MISSING and not re.fullmatch(r"-?\d+\.0+|.*[eE]\+\d+", text)
    )
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


@example(["0", "0\r0"])
@example(["a\r\nb", "a\nb", '"\r\n'])
@given(st.lists(TEXTS, min_size=2, max_size=6, unique=True) | st.lists(INTEGERS, min_size=2, max_size=6, unique=True))
@settings(max_examples=25)
def test_labels_are_never_changed(labels: list[str] | list[int]) -> None:
    frame = pd.DataFrame({"user": "u", "item": labels, "behavior": "buy"})
    with tempfile.TemporaryDirectory() as folder:
        frame.to_parquet(Path(folder) / "e.parquet")
        frame.to_csv(Path(folder) / "e.csv", index=False, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for file in ("e.parquet", "e.csv"):
            found = read(Path(folder) / file, name="shop").items.tolist()
            assert sorted(found) == sorted(map(str, labels)), file


@st.composite
def logs(draw: st.DrawFn) -> pd.DataFrame:
    """Events with times that may tie within a user, in one of several units or forms."""
    size = draw(st.integers(3, 40))
    whole = st.lists(st.integers(0, 9), min_size=size, max_size=size)
    frame = pd.DataFrame({"user": draw(whole), "item": draw(whole), "time": draw(whole)})
    frame["behavior"] = draw(st.lists(st.sampled_from(["view", "buy"]), min_size=size, max_size=size))
    frame.loc[:1, ["user", "behavior"]] = [[0, "buy"], [0, "view"]]
    return frame


FORMS: list[Callable[[int], str]] = [
    str,
    lambda t: str(1_700_000_000 + 3600 * t),
    lambda t: str(1_700_000_000_000 + 1000 * t),
    lambda t: f"{13 + t}.03.2024",
    lambda t: f"2024-03-01 {t:02}:00:00",
    lambda t: f"2024-03-01T{t:02}:00:00+0{t}:00",  # the same moment, all of them
]


@given(logs(), st.sampled_from(range(len(FORMS))))
@settings(max_examples=25)
def test_held_out_purchase_is_that_of_a_plain_reading(frame: pd.DataFrame, form: int) -> None:
    moments = frame.assign(time=0 if form == len(FORMS) - 1 else frame["time"])
    bought = moments[moments["behavior"] == "buy"].groupby(["user", "item"])["time"].min().reset_index()
    latest = bought[bought["time"] == bought.groupby("user")["time"].transform("max")]
    may = latest.groupby("user")["item"].apply(set)[bought.groupby("user").size() > 1]
    frame = frame.assign(time=frame["time"].map(FORMS[form]))
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(Path(folder) / "e.csv", index=False)
        try:
            dataset = read(Path(folder) / "e.csv", name="shop")
        except DataError as error:
            assert "needs rows to learn from" in str(error)
            return
    found = held_out(dataset)
    assert {int(user) for user in found} == set(may.index)
    assert all(int(item) in may[int(user)] for user, item in found.items())
