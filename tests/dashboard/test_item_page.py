"""The Item page in-process, on real data and real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache, charts
from dashboard.charts.behaviors import cues
from dashboard.text import share
from dashboard.views.explore import all_items
from nmtr.items import single, table
from nmtr.items.single import Spread, Step
from nmtr.workspace import Workspace
from tests.dashboard.conftest import HOSTILE, Open, Runs, address, words


def lists(app: AppTest) -> list[pd.DataFrame]:
    """The lists of rows as the browser gets them: shoppers, then items near by."""
    found = []
    for part in app.get("bidi_component"):
        if part.proto.component_name == "nmtr_row_list":
            data = json.loads(part.proto.json)
            names = [column["name"] for column in data["columns"]]
            rows = [[cell.get("value", cell["text"]) for cell in row] for row in data["rows"]]
            found.append(pd.DataFrame(rows, columns=names))
    return found


def drawn(app: AppTest, number: int = 0) -> dict[str, Any]:
    """A figure as the browser gets it."""
    figure: dict[str, Any] = json.loads(app.get("plotly_chart")[number].proto.spec)
    return figure


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["item"])


# All items


def test_all_items_are_listed_as_the_core_has_them_the_best_first(open_page: Open, runs: Runs, home: Path) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("item", run=run)
    assert not app.error and not app.exception
    expected = table.all_items(Workspace(home).fitted(run)).rows()
    frame = app.dataframe[0].value
    assert shown(app) == [row["item"] for row in expected]
    for column, key, times in (
        ("#", "place", 1),
        ("cart", "observed_cart", 1),
        ("buy, expected", "expected_buy", 1),
        ("view → cart", "view_to_cart", 100),
        ("cart → buy, expected", "expected_cart_to_buy", 100),
        ("mean score, buy", "score_buy", 1),
    ):
        assert list(frame[column]) == pytest.approx([times * row[key] for row in expected]), column
    assert "item" not in address(app) and address(app)["run"] == run
    assert HOSTILE in list(frame["title"])


def test_points_are_expected_views_and_purchases_for_each(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("item", run=run)
    every = cache.items(run)
    order = np.argsort(every.rank)
    points = drawn(app)["data"][0]
    assert [label for (label,) in points["customdata"]] == every.dataset.items[order].tolist()
    known = {"x": every.expected[0], "y": every.expected[2] / every.expected[0]}
    for axis, values in known.items():
        assert numbers(points[axis]) == pytest.approx(values[order])
    tenth = np.sort(every.expected[0])[-4]
    share = every.expected[2][every.expected[0] >= tenth].sum() / every.expected[2].sum()
    assert f"viewed most has {100 * share:.0f} % of what is expected to be bought" in words(app)


def numbers(values: Any) -> list[float]:
    """Plotly writes arrays as base64."""
    import base64

    found: list[float] = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return found


def test_map_shows_the_items_that_are_shown_by_where_they_get_stuck(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("item", run=run)
    app.segmented_control(key="item_color").set_value("stuck").run()
    assert address(app)["color"] == "stuck" and not app.error and not app.exception
    found, every = cache.item_map(run), cache.items(run)
    assert found is not None
    names = ("nowhere", *every.scored)
    places = {
        label: (group["name"], x, y)
        for group in drawn(app)["data"]
        for (label,), x, y in zip(group["customdata"], numbers(group["x"]), numbers(group["y"]), strict=True)
    }
    assert len(places) == 40
    for column in (0, 7, 39):
        label = str(every.dataset.items[column])
        name, *place = places[label]
        assert name == names[found.kinds["stuck"].place[column] + 1]
        assert place == pytest.approx(found.places[column].tolist(), abs=1e-6)
    same = found.kinds["stuck"].same
    assert f"stuck at the same stage in {share(same)}" in words(app)
    app.text_input(key="item_search").set_value("thing 3").run()
    assert sorted(label for group in drawn(app)["data"] for (label,) in group["customdata"]) == sorted(shown(app))
    app.segmented_control(key="item_color").set_value("no map").run()
    assert "color" not in address(app) and "viewed most has" in words(app)


def test_a_rule_has_no_map(open_page: Open, runs: Runs) -> None:
    app = open_page("item", run=runs["shop standard popularity"], color="stuck")
    assert not app.segmented_control and not app.error and not app.exception


def test_search_finds_titles_and_labels_and_points_follow(open_page: Open, runs: Runs) -> None:
    app = open_page("item", run=runs["shop clean nmtr"])
    everything = shown(app)
    app.text_input(key="item_search").set_value("thing 3").run()
    assert sorted(shown(app)) == ["i3", *(f"i{n}" for n in range(30, 40))]
    assert [label for (label,) in drawn(app)["data"][0]["customdata"]] == shown(app)
    app.text_input(key="item_search").set_value("**bold**").run()
    assert shown(app) == ["i7"]
    assert "1 of 40 items" in words(app)
    app.text_input(key="item_search").set_value("(nothing").run()
    assert "No item matches" in words(app) and not app.dataframe and not app.exception
    app.text_input(key="item_search").set_value("").run()
    assert shown(app) == everything


def test_items_are_ordered_by_what_was_done(open_page: Open, runs: Runs) -> None:
    app = open_page("item", run=runs["shop clean nmtr"])
    app.selectbox(key="item_order").set_value("most carted").run()
    carted = list(app.dataframe[0].value["cart"])
    assert carted == sorted(carted, reverse=True) and carted[0] > carted[-1]


def test_category_and_price_filter(open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"item": f"i{n}", "title": f"Thing {n}", "category": "even" if n % 2 == 0 else "odd", "price": n + 0.5}
        for n in range(40)
    ]
    rows[4]["price"] = None
    run = next(run.id for run in Workspace(home).runs.list("done") if run.config.data == "shop" and run.config.loss)
    known = cache.item_table
    monkeypatch.setattr(cache, "item_table", lambda run: known(run).drop(columns="title").merge(pd.DataFrame(rows)))
    app = open_page("item", run=run)
    app.selectbox(key="item_category_shop").set_value("even").run()
    assert sorted(shown(app)) == sorted(f"i{n}" for n in range(0, 40, 2))
    app.slider(key="item_price_shop").set_value((3.0, 10.0)).run()
    assert sorted(shown(app)) == ["i6", "i8"]
    app.selectbox(key="item_category_shop").set_value(None).run()
    assert sorted(shown(app)) == ["i3", "i5", "i6", "i7", "i8", "i9"]
    assert address(app)["price"] == "3.0-10.0"
    app = open_page("item", run=run, category="odd", price="3-8", order="most carted", find="thing")
    assert sorted(shown(app)) == ["i3", "i5", "i7"]
    app = open_page("item", run=run, category="none such", price="8-3", order="most nothing")
    assert len(shown(app)) == 40, "what an address asks for and is not there is not asked for"


def test_more_items_than_a_browser_takes_are_counted(
    open_page: Open, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_items, "MOST", 15)
    app = open_page("item", run=runs["shop clean nmtr"])
    assert len(shown(app)) == len(drawn(app)["data"][0]["customdata"]) == 15
    assert "40 of 40 items, of which the first 15 are shown" in words(app)


@pytest.mark.parametrize(
    ("name", "sentence", "expected"),
    [
        ("shop standard popularity", "Popularity has one score here, that of the target (buy)", False),
        ("five clean nmtr", "NMTR-GMF with the squared loss gives scores, not chances", False),
        ("one standard nmtr", "there are no stages to compare", True),
    ],
)
def test_what_a_run_does_not_have_is_said_and_the_rest_is_there(
    open_page: Open, runs: Runs, name: str, sentence: str, expected: bool
) -> None:
    app = open_page("item", run=runs[name])
    assert not app.error and not app.exception
    assert sentence in words(app)
    assert any("expected" in column for column in app.dataframe[0].value) == expected
    assert ("as it was, since the model gives no chances of both" in words(app)) == (not name.startswith("one"))
    item = shown(app)[0]
    app = open_page("item", run=runs[name], item=item)
    assert not app.error and not app.exception
    assert sentence in words(app) and f"Place 1 of {40}" in words(app)
    assert ("stuck?" in words(app)) == (name == "five clean nmtr")


def test_a_sample_of_shoppers_is_stated_with_its_intervals(
    open_page: Open, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache._items.clear()
    cache._item_table.clear()
    monkeypatch.setattr(table, "_MOST", 20 * 3 * 40)
    try:
        app = open_page("item", run=runs["shop clean nmtr"])
        assert "those of 20 of the 60 shoppers, drawn at random" in words(app)
        assert (app.dataframe[0].value["± buy, expected"] > 0).all()
    finally:
        cache._items.clear()
        cache._item_table.clear()


# One item


def test_one_item_is_told_as_the_core_tells_it(open_page: Open, runs: Runs, home: Path) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("item", run=run, item="i7")
    assert not app.error and not app.exception
    workspace = Workspace(home)
    fitted = workspace.fitted(run)
    one = single.one_item(fitted, table.all_items(fitted), "i7", chances=workspace.chances(run, fitted))
    said = words(app)
    assert f"Place {one.place} of 40, by the mean buy score" in said
    assert one.stuck is not None and one.stuck.sentence in said
    view, _, buy = one.funnel
    assert f"Viewed by {view.observed}, bought by {buy.observed}; expected: {view.expected:.0f}" in said
    shoppers, near = lists(app)
    for stage, column in enumerate(("● view", "■ cart", "◆ buy")):
        told = [shopper.stages[stage].chance for shopper in one.shoppers]
        assert list(shoppers[column]) == pytest.approx([chance.next for chance in told if chance])
    assert shoppers["shopper"].str.removeprefix("★ ").tolist() == [shopper.user for shopper in one.shoppers]
    assert near["item"].tolist() == [other.title for other in one.neighbors]
    assert near["cosine"].tolist() == pytest.approx([other.similarity for other in one.neighbors])
    assert all(
        str(other.parts_at) in parts for other, parts in zip(one.neighbors, near["parts at"].tolist(), strict=True)
    )
    assert HOSTILE in [element.value for element in app.text]
    assert not any("example.org/x.png" in element.value for element in [*app.markdown, *app.caption])


def test_a_shopper_who_was_clicked_opens_their_cascade(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("item", run=run, item="i3")
    user = cache.one_item(run, "i3").shoppers[2].user
    app.session_state["item_shopper"] = user
    app.run()
    assert app.session_state["page"] == "cascade"
    assert {"user": user, "item": "i3"}.items() <= address(app).items()


def test_item_select_and_all_items_lead_there_and_back(open_page: Open, runs: Runs) -> None:
    app = open_page("item", run=runs["shop clean nmtr"])
    app.selectbox(key="pick_item").set_value("i5").run()
    assert address(app)["item"] == "i5" and "Place " in words(app)
    app.button(key="all_items").click().run()
    assert "item" not in address(app) and len(shown(app)) == 40
    assert app.selectbox(key="pick_item").value is None


@pytest.mark.parametrize("page", ["shopper", "cascade"])
def test_a_cascade_leads_to_its_item(open_page: Open, runs: Runs, page: str) -> None:
    app = open_page(page, run=runs["shop clean nmtr"], user="u3")
    item = address(app)["item"]
    app.button(key="about_item").click().run()
    assert app.session_state["page"] == "item" and address(app)["item"] == item
    assert not app.error and not app.exception and "Place " in words(app)


def test_an_unknown_item_is_refused_before_anything_is_scored(
    open_page: Open, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "one_item", lambda *_: pytest.fail("scored"))
    app = open_page("item", run=runs["shop clean nmtr"], item="nothing")
    assert "item must be one of the 40 items of data set shop" in app.error[0].value.replace("\\", "")


def test_the_page_without_data_or_model_says_what_gets_there(
    open_page: Open, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    app = open_page("item")
    assert "No data set yet" in [element.value for element in app.subheader] and not app.exception


# Charts


def test_many_points_are_drawn_with_webgl() -> None:
    for number, kind in ((2000, "scatter"), (2001, "scattergl")):
        names = [f"i{n}" for n in range(number)]
        points = charts.Crowd(names, ["<b>x</b>"] * number, np.arange(1.0, number + 1), np.full(number, 0.5), "x", "y")
        figure = charts.crowd(points, cues(["view", "buy"])["buy"], charts.LIGHT)
        assert figure.data[0].type == kind
        assert figure.data[0].text[0] == "&lt;b&gt;x&lt;/b&gt;"


def test_funnel_has_a_bar_for_what_was_and_one_for_what_is_expected() -> None:
    funnel = [
        Step("view", 1203, 0.9, 1190.4, None, None, None),
        Step("buy", 12, 0.5, 9.75, 12, 12 / 1203, 9.75 / 1190.4),
    ]
    figure = charts.steps(funnel, cues(["view", "buy"]), charts.LIGHT)
    assert [bar.x[0] for bar in figure.data] == [1203, 1190.4, 12, 9.75]
    said = [str(one.text) for one in figure.layout.annotations]
    assert said[0] == " 1,203" and " 1,190 expected" in said and " 9.8 expected" in said
    assert "◆ <b>buy</b>  1.0 % of view, expected 0.8 %" in said


def test_a_hill_stands_over_its_bins_and_says_median_and_bias() -> None:
    stage = Spread("buy", 0.5, 1.0, (-1.0, 0.0, 1.0, 2.0, 3.0), (0, 4, 2))
    figure = charts.spread([stage], (-1.0, 0.0, 2.0, 3.0), "log-odds", cues(["buy"]), charts.LIGHT)
    hill, line = figure.data
    assert list(hill.x) == [-1, -1, 0, 0, 2, 2, 3, 3]
    heights = np.array(hill.y)
    assert heights[0] == heights[1] == heights[2] == heights[-1] == 0
    assert heights[3] == heights[4] == 2 * heights[5] == 2 * heights[6] > 0
    assert list(line.x) == [-1, 1, 3]
    assert figure.layout.annotations[0].text == "◆ <b>buy</b>  median +1.00 · bias +0.50"
