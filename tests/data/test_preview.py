"""What a preview says is what an import then does, and it leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtr.data.behaviors import propose
from nmtr.data.catalogue import add, preview
from nmtr.data.library import Library, count_interactions
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError

HEADERS = {
    "RetailRocket": (
        "timestamp,visitorid,event,itemid,transactionid",
        "1433221332117,1,{},5,",
        ("view", "transaction"),
    ),
    "REES46": (
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
        "2019-10-01 00:00:00 UTC,{},5,9,c.d,b,35.79,1,s",
        ("view", "purchase"),
    ),
    "Tmall": ("user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type", "1,5,2,3,4,829,{}", ("0", "2")),
    "OTTO": ("session,aid,ts,type", "1,5,1661200010000,{}", ("clicks", "orders")),
    "GA4": (
        "event_timestamp,event_name,user_pseudo_id,item_id",
        "1705276801123456,{},1,5",
        ("view_item", "purchase"),
    ),
}


def written(folder: Path, name: str) -> Path:
    header, row, behaviors = HEADERS[name]
    path = folder / "log.csv"
    lines = [row.format(behaviors[0])] * 2 + [row.format(behaviors[1])] * 3
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_known_logs_need_no_choice(tmp_path: Path, name: str) -> None:
    found = preview(Library(tmp_path / "data"), written(tmp_path, name))
    roles = {column.role: column.name for column in found.columns if column.role}
    assert {"user", "item", "behavior", "time"} <= set(roles)
    low, high = HEADERS[name][2]
    assert found.behaviors == {high: 3, low: 2}
    assert not (tmp_path / "data").exists(), "nothing is kept"


def test_a_preview_is_what_the_import_does(tmp_path: Path) -> None:
    library = Library(tmp_path / "data")
    path = tmp_path / "log.csv"
    text = "user,item,behavior,time\n" + "".join(
        f"u{u},i{i},{b},{10 * u + i}\n" for u in range(5) for i in range(u + 1) for b in ("view", "BUY")
    )
    path.write_text(text, encoding="utf-8")
    recipe = Recipe(behaviors=("view", "buy"), merged={"BUY": "buy"}, least_of_user=4)
    found = preview(library, path, recipe)
    made = add(library, "mine", path, recipe=recipe)
    assert found.refusal is None and found.size is not None and found.steps == made.origin.steps
    assert (found.size.users, found.size.items) == (made.num_users, made.num_items)
    assert found.size.interactions == count_interactions(made)
    assert found.size.test_users == int((made.test_item >= 0).sum())
    assert {row.behavior for row in found.rows} == {"view", "buy"} and len(found.rows) == 20


def test_what_is_wrong_stands_beside_what_is_known(tmp_path: Path) -> None:
    library = Library(tmp_path / "data")
    path = tmp_path / "log.csv"
    path.write_text("who,item,behavior\nu,a,view\nu,b,bought\n", encoding="utf-8")
    found = preview(library, path)
    assert found.refusal is not None and "must have a column user" in found.refusal
    assert [column.name for column in found.columns] == ["who", "item", "behavior"] and found.size is None
    found = preview(library, path, Recipe(columns={"user": "who"}))
    assert found.refusal is not None and "the order of the behaviors" in found.refusal
    assert found.behaviors == {"bought": 1, "view": 1}


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a file or folder that can be read"):
        preview(Library(tmp_path / "data"), tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("counts", "order", "merged"),
    [
        ({"view": 9, "cart": 3, "purchase": 1, "remove_from_cart": 2}, ("view", "cart", "purchase"), {}),
        ({"BUY": 1, "buy": 4, "View": 9}, ("View", "buy"), {"BUY": "buy"}),
        ({"pv": 9, "fav": 2, "cart": 3, "buy": 1}, ("pv", "fav", "cart", "buy"), {}),
        ({"Ansicht": 5, "Warenkorb": 2, "Kauf": 1}, ("Ansicht", "Warenkorb", "Kauf"), {}),
        ({"refund": 3}, (), {}),
    ],
)
def test_known_words_are_proposed(counts: dict[str, int], order: tuple[str, ...], merged: dict[str, str]) -> None:
    assert propose(counts) == (order, merged)
