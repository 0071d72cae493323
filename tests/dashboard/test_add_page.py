"""From a file to a data set, step by step, in-process on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nmtr.data.importing import read
from nmtr.data.recipe import Recipe
from nmtr.workspace import Workspace
from tests.dashboard.conftest import HOSTILE, Open, address, words

pytestmark = pytest.mark.usefixtures("read_here")

ROWS = [(u, i, b) for u in range(9) for i in range(4) for b in ("view", "buy")]
PLAIN = "".join(f"{u},{i},{b}\n" for u, i, b in ROWS)
REES46 = "event_time,event_type,product_id,category_code,price,user_id\n" + "".join(
    f"2019-10-{n // 24 + 1:02d} {n % 24:02d}:00:00 UTC,{b.replace('buy', 'purchase')},{i},c,{i}.5,{u}\n"
    for n, (u, i, b) in enumerate(ROWS)
)


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    library = Workspace(home).data
    before = library.names()
    yield
    for name in set(library.names()) - set(before):
        library.remove(name)
    assert [path.name for path in library.root.iterdir() if path.name.startswith(".making")] == []


def uploaded(open_page: Open, text: str, name: str = "My Shop.csv") -> AppTest:
    app = open_page("add")
    app.file_uploader(key="upload").upload(name, text.encode()).run()
    assert not app.exception
    return app


def by(app: AppTest, kind: str, ending: str) -> object:
    """The widget of a kind whose key ends so: what comes before is the upload's."""
    (found,) = (one for one in getattr(app, kind) if str(one.key).endswith(ending))
    return found


def choose(app: AppTest, kind: str, ending: str, value: object) -> None:
    by(app, kind, ending).set_value(value).run()  # type: ignore[attr-defined]


def test_known_columns_need_one_click(open_page: Open, home: Path) -> None:
    app = uploaded(open_page, REES46)
    assert by(app, "selectbox", "_time").value == "event_time"  # type: ignore[attr-defined]
    assert by(app, "multiselect", "_order").value == ["view", "purchase"]  # type: ignore[attr-defined]
    assert {metric.label: metric.value for metric in app.metric} == {
        "Shoppers": "9",
        "Items": "4",
        "Interactions": "72",
        "Tested on": "9",
    }
    assert "Held out of 9 users: the last purchase by time" in words(app)
    app.button(key="upload_add").click().run()
    assert not app.error and address(app)["data"] == "my-shop"
    info = Workspace(home).data.info("my-shop")
    assert info.behaviors == ("view", "purchase") and info.recipe is not None
    assert info.recipe.columns["user"] == "user_id"


def test_names_that_only_hold_a_word_are_proposed(open_page: Open, home: Path) -> None:
    app = uploaded(open_page, f"visitor_no,the product,what action\n{PLAIN}")
    chosen = {role: by(app, "selectbox", f"_{role}").value for role in ("user", "item", "behavior")}  # type: ignore[attr-defined]
    assert chosen == {"user": "visitor_no", "item": "the product", "behavior": "what action"}
    assert "0 · 1 · 2" in words(app) or "0 · 1" in words(app), "values from the file stand under each"
    app.button(key="upload_add").click().run()
    assert Workspace(home).data.info("my-shop").users == 9


def test_what_is_missing_is_asked_for(open_page: Open, home: Path) -> None:
    before = Workspace(home).data.names()
    app = uploaded(open_page, f"a,b,c\n{PLAIN}", "../bad.csv")
    assert app.info[0].value == "Choose the column of the shopper and the item and the behavior."
    assert not [button for button in app.button if button.key == "upload_add"]
    for role, column in (("user", "a"), ("item", "b"), ("behavior", "c")):
        choose(app, "selectbox", f"_{role}", column)
    assert not app.info and not app.error
    app.button(key="upload_add").click().run()
    assert {*Workspace(home).data.names()} - {*before} == {"bad"}


def test_behaviors_are_ordered_taken_for_others_and_left_out(open_page: Open, home: Path, tmp_path: Path) -> None:
    text = f"user,item,behavior\n{PLAIN}0,9,BUY\n1,9,BUY\n2,9,returned\n"
    app = uploaded(open_page, text)
    assert by(app, "multiselect", "_order").value == ["view", "buy"]  # type: ignore[attr-defined]
    assert by(app, "selectbox", "_merge_BUY").value == "buy"  # type: ignore[attr-defined]
    assert by(app, "selectbox", "_merge_returned").value == "–"  # type: ignore[attr-defined]
    assert "2 rows of BUY taken as buy" in words(app) and "returned 1" in words(app)
    choose(app, "multiselect", "_order", ["buy", "view"])
    app.button(key="upload_add").click().run()
    made = Workspace(home).data.load("my-shop")
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    recipe = Recipe(behaviors=("buy", "view"), merged={"BUY": "buy"})
    assert made.target == "view" and made.fingerprint == read(path, name="x", recipe=recipe).fingerprint


def test_test_purchase_and_cleaning_change_what_is_kept(open_page: Open) -> None:
    app = uploaded(
        open_page, REES46 + "2019-10-05 00:00:00 UTC,purchase,77,c,1.5,3\n2019-10-06 00:00:00 UTC,view,88,c,1.5,3\n"
    )
    choose(app, "radio", "_rule", "random")
    assert "one purchase drawn at random" in words(app)
    choose(app, "radio", "_rule", "last")
    choose(app, "checkbox", "_later", True)
    assert "1 pair at or after the held-out purchase left out" in words(app)
    choose(app, "checkbox", "_implied", True)
    assert "1 pair of lower behaviors added that later ones imply" in words(app)
    choose(app, "number_input", "_sample", 1)
    assert "left out of a sample (seed 0)" in words(app)
    choose(app, "number_input", "_sample", None)
    assert "sample (seed" not in words(app)
    choose(app, "number_input", "_items", 2)
    said = "1 item with fewer than 2 pairs left out, 1 pair with them"
    assert said in words(app), "88 has one view; 77 a purchase and the view that this implies"


def test_a_bad_row_is_named_and_left_out_only_where_that_is_asked_for(open_page: Open, home: Path) -> None:
    app = uploaded(open_page, f"user,item,behavior\n{PLAIN},5,buy\n")
    assert "every event needs a user" in app.error[0].value.replace("\\", "")
    assert "Leave out rows that cannot be read" in app.error[0].value.replace("\\", "")
    assert app.button(key="upload_add").disabled and app.button(key="upload_train").disabled
    choose(app, "checkbox", "_skip", True)
    assert not app.error and "1 bad row left out" in words(app)
    app.button(key="upload_add").click().run()
    assert "5,buy" in (Workspace(home).data.root / "my-shop" / "skipped.csv").read_text("utf-8")


def test_dates_in_doubt_are_settled_by_their_form(open_page: Open) -> None:
    text = "user,item,behavior,time\n" + "".join(f"0,{i},buy,0{i + 1}/02/2024\n" for i in range(4))
    app = uploaded(open_page, text)
    assert "the form of dates" in app.error[0].value and "--" not in app.error[0].value.replace("\\", "")
    choose(app, "selectbox", "_dates", "day-first")
    assert not app.error and "day first, 2024-02-01 to 2024-02-04" in words(app)


def test_rows_of_one_behavior_and_hostile_text(open_page: Open) -> None:
    app = uploaded(open_page, "user,item\n" + "".join(f"{u},{HOSTILE!r}{i}\n" for u in range(3) for i in range(3)))
    choose(app, "selectbox", "_behavior", "all rows are purchases")
    assert not app.error and not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Interactions"] == "9"


def test_a_separator_that_is_not_found_is_asked_for(open_page: Open) -> None:
    app = uploaded(open_page, "user~item~behavior\n" + PLAIN.replace(",", "~"))
    by(app, "text_input", "_delimiter").set_value("~").run()  # type: ignore[attr-defined]
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Interactions"] == "72"


def test_a_line_a_shopper_needs_no_columns(open_page: Open, home: Path) -> None:
    app = uploaded(open_page, "0 1 2 3\n1 2 3\n2 0 1\n", "train.txt")
    assert "a line for each shopper" in words(app)
    app.button(key="upload_add").click().run()
    assert Workspace(home).data.info("train").interactions == {"buy": 7}


def test_added_and_trained_in_one_click(open_page: Open, home: Path) -> None:
    app = uploaded(open_page, REES46)
    app.button(key="upload_train").click().run()
    assert not app.error and not app.exception
    (run,) = (run for run in Workspace(home).runs.list() if run.config.data == "my-shop")
    assert address(app)["run"] == run.id and run.config.method == "nmtr" and run.config.protocol == "clean"
    Workspace(home).delete(run.id)


def test_a_name_that_is_taken_is_a_sentence(open_page: Open) -> None:
    app = uploaded(open_page, REES46, "shop.csv")
    app.button(key="upload_add").click().run()
    assert "shop" in app.error[0].value and address(app).get("data") is None
