"""Chances on Shopper and Cascade, and the Calibration page, on real runs of a shop that is large enough for a map."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.address import PAGES
from dashboard.text import chance, one_in, steps
from nmtr.chances import about, kept, means
from nmtr.config import RunConfig
from nmtr.data.catalogue import add
from nmtr.errors import RunError
from nmtr.runs import schema
from nmtr.workspace import Workspace
from tests.dashboard.conftest import APP, Open, address, events, words

SMALL = {"data": "shop", "epochs": 2, "embedding_size": 4, "threads": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chances")
    events(("view", "cart", "buy"), users=300).to_csv(root / "events.csv", index=False)
    workspace = Workspace(root)
    add(workspace.data, "shop", root / "events.csv", ("view", "cart", "buy"))
    return root


@pytest.fixture(scope="module")
def run(home: Path) -> str:
    """Every stage of it is checked."""
    workspace = Workspace(home)
    trained = workspace.train(RunConfig.parse({**SMALL, "hold_out_lower": True}), lambda report: None)
    assert all(stage.checked for stage in workspace.chances(trained.id).stages)
    return trained.id


@pytest.fixture(scope="module")
def unchecked(home: Path) -> str:
    """Its lower behaviors hold nothing out; its chances were not worked out yet."""
    return Workspace(home).train(RunConfig.parse({**SMALL, "seed": 1}), lambda report: None).id


def column(app: AppTest, name: str) -> tuple[dict[str, object], list[dict[str, object]]]:
    """The head and the cells of a column of the list."""
    (lists,) = (part for part in app.get("bidi_component") if part.proto.component_name == "nmtr_row_list")
    data = json.loads(lists.proto.json)
    place = [head["name"] for head in data["columns"]].index(name)
    return data["columns"][place], [row[place] for row in data["rows"]]


# Shopper and Cascade


def test_shopper_shows_the_chances_of_the_core_and_bars_beside_the_highest(open_page: Open, run: str) -> None:
    app = open_page("shopper", run=run, user="u3")
    assert not app.error and not app.exception
    workspace = cache.workspace()
    told = workspace.chances(run)
    top = cache.recommendations(run, "u3", 20).items
    for place, behavior in enumerate(("view", "cart", "buy")):
        head, cells = column(app, f"{'●■◆'[place]} {behavior}")
        expected = [item.stages[place].chance for item in top]
        said = [found.next for found in expected if found is not None]
        assert [cell["value"] for cell in cells] == pytest.approx(said) and len(said) == 20
        assert [cell["text"] for cell in cells] == [about(value).removeprefix("about ") for value in said]
        assert (head["kind"], head["full"]) == ("bar", pytest.approx(max(said)))
        assert str(head["help"]).startswith(means(told.stage(behavior), target=behavior == "buy"))
        assert "test pairs it expects" in str(head["help"])
    buys = [item.chance.next for item in top if item.chance is not None]
    among = about(sum(buys))
    assert f"{among[0].upper()}{among[1:]} that the next buy is of one of these 20." in words(app)


def test_one_item_is_told_with_its_chance_and_how_many_go_on(open_page: Open, run: str) -> None:
    top = cache.recommendations(run, "u3", 1).items[0]
    assert top.chance is not None
    said = chance(top.chance)
    first = f"**{said[0].upper()}{said[1:]}** that the next buy is of this item."
    on = [stage.chance.step for stage in top.stages if stage.chance is not None]
    assert on[0] is None and on[1] is not None and on[2] is not None
    assert steps(top.stages) == (
        f"Of those who view it, {about(on[1])} cart it; of those who cart it, {about(on[2])} buy it."
    )
    for page in ("shopper", "cascade"):
        app = open_page(page, run=run, user="u3", item=top.item)
        assert first in words(app).splitlines() and steps(top.stages) in words(app).splitlines()
    rows = app.dataframe[0].value
    assert rows["chance"].iloc[-1] == pytest.approx(top.chance.next)
    assert list(rows["of those before"].iloc[1:]) == pytest.approx(on[1:])
    assert "ŷ" not in rows.columns


def test_an_item_that_was_bought_is_told_as_another_with_its_score(open_page: Open, run: str, home: Path) -> None:
    shop = Workspace(home).data.load("shop")
    row = shop.user_index("u3")
    bought = str(shop.items[shop.matrices[-1].indices[shop.matrices[-1].indptr[row]]])
    if cache.explanation(run, "u3", bought).bought:
        app = open_page("cascade", run=run, user="u3", item=bought)
        assert "that the next buy is of another item with this score." in words(app)


def test_the_list_does_not_wait_for_chances_and_has_them_once_they_are_there(
    open_page: Open, unchecked: str, home: Path
) -> None:
    place = Workspace(home).runs.folder(unchecked) / kept.NAME
    gate = Event()
    cache._worker().submit(gate.wait)  # whoever works chances out is busy
    try:
        app = open_page("shopper", run=unchecked, user="u3")
        head, cells = column(app, "◆ buy")
        top = cache.recommendations(unchecked, "u3", 20)
        assert [cell["value"] for cell in cells] == pytest.approx([item.logit for item in top.items])
        assert head["kind"] == "number" and "is being worked out" in str(head["help"])
        assert "meanwhile there are scores" in words(app) and " in " not in str(cells[0]["text"])
        assert not place.exists()
    finally:
        gate.set()
    cache.work_out_chances(unchecked).result(60)
    app.run()
    head, cells = column(app, "◆ buy")
    assert head["kind"] == "bar" and str(cells[0]["text"]).startswith("1 in ")
    assert "meanwhile there are scores" not in words(app)
    assert place.exists()


def test_a_run_that_is_deleted_while_its_chances_are_worked_out_gives_a_sentence(open_page: Open, home: Path) -> None:
    broken = Workspace(home).train(RunConfig.parse({**SMALL, "seed": 2}), lambda report: None).id
    gate = Event()
    cache._worker().submit(gate.wait)
    app = open_page("shopper", run=broken, user="u3")
    assert column(app, "◆ buy")[0]["kind"] == "number"
    Workspace(home).delete(broken)  # while it is waited for
    gate.set()
    with pytest.raises(RunError, match=broken):
        cache.work_out_chances(broken).result(60)
    app.run()
    assert not app.exception and "no run" in app.error[0].value


# Calibration


def test_calibration_says_of_each_stage_what_came_of_its_chances(open_page: Open, run: str) -> None:
    app = open_page("calibration", run=run)
    assert not app.error and not app.exception
    told = cache.workspace().chances(run)
    said = words(app)
    for stage in told.stages:
        assert stage.after is not None
        top = stage.after.bins[-1]
        how = "" if top.low <= top.chance <= top.high else ("only " if top.rate < top.chance else "as many as ")
        assert f"When it says {one_in(top.chance)}, {how}{one_in(top.rate)} {stage.behavior}" in said
        assert means(stage, target=stage.behavior == "buy") in said and stage.why in said
        assert f"Checked on {stage.after.found:,} test pairs" in said
    errors = app.dataframe[0].value  # of the target, which comes first
    buy = told.stage("buy")
    assert buy.after is not None
    assert errors["calibration error"].iloc[-1] == f"{100 * buy.after.error:.2g} %"
    assert errors["found"].iloc[-1] == f"{buy.after.found:,}"
    assert address(app)["run"] == run
    assert len(app.get("plotly_chart")) == 3


def test_a_stage_that_was_not_checked_says_why_and_leads_to_a_run_that_checks_it(
    open_page: Open, unchecked: str, home: Path
) -> None:
    Workspace(home).chances(unchecked)
    cache._told.clear()
    app = open_page("calibration", run=unchecked)
    assert "view: not checked" in words(app) and "this run held out no view pairs to check it by" in words(app)
    assert len(app.get("plotly_chart")) == 1
    app.button(key="check_view").click().run()
    assert not app.error and not app.exception
    assert app.checkbox(key="train_hold_out_lower").value
    assert app.number_input(key="train_seed").value == 1


def test_calibration_of_a_rule_rests_on_its_map_and_of_the_others_is_not_hidden(open_page: Open, home: Path) -> None:
    rule = Workspace(home).train(RunConfig.parse({"data": "shop", "method": "popularity"})).id
    Workspace(home).chances(rule)
    app = open_page("calibration", run=rule)
    assert "Popularity gives scores, not chances: the chance comes from the map alone." in words(app)
    assert list(app.dataframe[0].value["chances"]) == ["as shown"]


def test_calibration_shows_nothing_of_a_studys_point(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    point = workspace.train(RunConfig.parse({**SMALL, "seed": 3}), lambda report: None).id
    workspace.chances(point)
    with workspace.runs._engine.begin() as db:
        db.execute(update(schema.runs).where(schema.runs.c.id == point).values(study="abcdefgh"))
    app = open_page("calibration", run=point)
    assert "it is a point of study abcdefgh" in words(app)
    assert "When it says" not in words(app) and not app.get("plotly_chart") and not app.dataframe
    head, _ = column(open_page("shopper", run=point, user="u3"), "◆ buy")
    assert "test pairs" not in str(head["help"])


def test_calibration_without_data_promises_what_will_be_there(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    app = AppTest.from_file(str(APP), default_timeout=300).run()
    app.switch_page(PAGES["calibration"]).run()
    assert not app.error and not app.exception
    assert "how far the chances that a model gives agree" in words(app)


# What-if


def test_a_shopper_with_another_history_has_chances_but_none_without_a_stage(open_page: Open, run: str) -> None:
    app = open_page("whatif", run=run, add="cart:i5")
    assert not app.error and not app.exception
    head, cells = column(app, "◆ buy")
    told = cache.workspace().chances(run)
    expected = cache.whatif(run, None, add=(("cart", "i5"),)).recommend(20, told)
    assert [cell["value"] for cell in cells] == pytest.approx([i.chance.next for i in expected.items if i.chance])
    assert head["kind"] == "bar"
    head, _ = column(open_page("whatif", run=run, user="u3", without="cart"), "◆ buy")
    assert head["kind"] == "number" and "A stage is switched off" in str(head["help"])
