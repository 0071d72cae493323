"""The Shopper and the Cascade page in-process, on real data and real runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.address import PAGES
from dashboard.widgets import why_not as why_not_widget
from dashboard.widgets.row_list import row_place
from nmtr.data.library import Library
from nmtr.explain import explain, recommend
from nmtr.models.scoring import NMTRScorer
from nmtr.wanted import Wanted
from nmtr.whynot import why_not
from nmtr.workspace import Workspace
from tests.dashboard.conftest import APP, HOSTILE, Open, Runs, address, words


def table(app: AppTest, index: int = 0):  # type: ignore[no-untyped-def]
    """The table of this index, but for that of what an item lacks."""
    return [frame.value for frame in app.dataframe if "together" not in frame.value][index]


# Shopper


def listed(app: AppTest) -> pd.DataFrame:
    """The list of items as the browser gets it: numbers where there are any, else what is shown."""
    (lists,) = (part for part in app.get("bidi_component") if part.proto.component_name == "nmtr_row_list")
    data = json.loads(lists.proto.json)
    names = [column["name"] for column in data["columns"]]
    return pd.DataFrame([[cell.get("value", cell["text"]) for cell in row] for row in data["rows"]], columns=names)


def test_shopper_shows_history_list_and_cascade_without_being_asked(open_page: Open, home: Path) -> None:
    app = open_page(data="shop")
    assert not app.exception and not app.error
    assert "History" in words(app) and "bought" in words(app)
    assert list(listed(app).columns) == ["#", "item", "● view", "■ cart", "◆ buy"]  # nothing else is clean
    assert "Rank 1 of" in words(app)
    assert {"data", "run", "user", "item"} <= set(address(app))


def test_shopper_lists_what_the_core_recommends(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page(run=run, user="u3")
    expected = cache.recommendations(run, "u3", 20)
    assert list(listed(app)["item"]) == [item.title for item in expected.items]
    assert expected.held_out is not None
    assert f"at rank {expected.held_out.rank + 1}:" in words(app)


def test_shopper_lists_what_is_wanted_only(open_page: Open, home: Path, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("shopper", run=run, user="u3")
    app.radio(key="seen").set_value("new").run()
    assert address(app)["seen"] == "new" and not app.error and not app.exception
    fitted = Workspace(home).fitted(run)
    top = recommend(fitted, "u3", 20, among=Wanted(seen="new").items(fitted, "u3"))
    assert list(listed(app)["#"]) == [item.rank + 1 for item in top.items]
    assert f"{top.wanted:,} of them are wanted" in words(app).replace("\\", "")
    app.radio(key="seen").set_value("any").run()
    assert "seen" not in address(app) and len(listed(app)) == 20


def test_shopper_opens_the_item_of_the_address(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    third = cache.recommendations(run, "u3", 20).items[2]
    app = open_page(run=run, user="u3", item=third.item)
    assert address(app)["item"] == third.item
    assert "Rank 3 of" in words(app)


@pytest.mark.parametrize("sent", [-1, 20, True, 1.0, "1", None, [1], {"row": 1}, 10**30])
def test_a_place_that_is_no_rows_is_nobodys_choice(sent: object) -> None:
    assert row_place(sent, 20) is None
    assert row_place(19, 20) == 19


def test_shopper_jumps_to_a_heavy_and_a_sparse_shopper(open_page: Open, home: Path) -> None:
    app = open_page(data="shop")
    shop = Workspace(home).data.load("shop")
    bought = shop.matrices[-1].sum(axis=1)
    app.button(key="shopper_heavy").click().run()
    heavy = bought[shop.user_index(address(app)["user"])]
    app.button(key="shopper_sparse").click().run()
    assert bought[shop.user_index(address(app)["user"])] < heavy
    assert not app.error


def test_shopper_jumps_to_another_shopper_than_the_one_shown(open_page: Open) -> None:
    """A fifth of sixty: a jump that may stay would do so in thirty, all but surely."""
    app = open_page(data="shop")
    for _ in range(30):
        before = address(app)["user"]
        app.button(key="shopper_sparse").click().run()
        assert address(app)["user"] != before


def test_shopper_says_how_each_place_differs_from_a_baselines(open_page: Open, home: Path, runs: Runs) -> None:
    run, baseline = runs["shop standard nmtr"], runs["shop standard popularity"]
    app = open_page(run=run, user="u3")
    assert app.selectbox(key=f"against_{run}").value == baseline
    shop = Workspace(home).data.load("shop")
    everything = cache.recommendations(baseline, "u3", shop.num_items)
    places = {item.item: item.rank for item in everything.items}
    here = cache.recommendations(run, "u3", 20).items
    shown = [{"↑": 1, "↓": -1, "=": 0}[cell[0]] * int(cell[1:] or 0) for cell in listed(app)["vs Popularity"]]
    assert shown == [places[item.item] - item.rank for item in here]
    app.selectbox(key=f"against_{run}").set_value("nothing").run()
    assert "vs Popularity" not in listed(app).columns


def test_shopper_offers_no_baseline_of_another_protocol(open_page: Open, runs: Runs) -> None:
    app = open_page(run=runs["shop clean nmtr"], user="u3")
    assert not any("against" in str(select.key) for select in app.selectbox)


def test_shopper_of_a_method_without_cascade_leads_to_one_that_has_it(open_page: Open, runs: Runs) -> None:
    app = open_page(run=runs["shop standard popularity"], user="u3")
    assert "Popularity has no cascade" in words(app)
    assert list(listed(app).columns) == ["#", "item", "◆ buy", "vs NMTR-GMF"]
    app.button(key="with_cascade").click().run()
    assert address(app)["run"] == runs["shop standard nmtr"]
    assert "no cascade" not in words(app) and " of 37: " in words(app)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"data": "nowhere"}, "nowhere"),
        ({"run": "zzzzzzzz"}, "no run zzzzzzzz"),
        ({"run": "../../etc"}, "no run"),
        ({"data": "shop", "user": "nobody"}, "got nobody"),
    ],
)
def test_address_with_an_unknown_word_gives_a_sentence_and_a_way_back(
    open_page: Open, address: dict[str, str], sentence: str
) -> None:
    app = open_page(**address)
    assert not app.exception
    assert sentence in app.error[0].value.replace("\\", "")
    next(button for button in app.button if "first view" in button.label).click().run()
    assert not app.error


def test_a_defect_shows_a_reference_and_no_traceback(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(cache, "recommendations", broken)
    app = open_page(data="shop")
    assert not app.exception
    shown = app.error[0].value
    reference = shown.split("**")[1]
    assert "secret" not in shown and reference in caplog.text and "secret detail" in caplog.text


def test_titles_from_outside_are_never_markdown(open_page: Open, runs: Runs) -> None:
    app = open_page("cascade", run=runs["shop clean nmtr"], user="u3", item="i7")
    assert HOSTILE in [element.value for element in app.text]
    assert not any("example.org/x.png" in element.value for element in [*app.markdown, *app.caption])


def test_first_paint_does_not_wait_for_torch(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from nmtr import demo
from nmtr.workspace import Workspace
demo.install(Workspace(Path({str(tmp_path)!r})))
app = AppTest.from_file({str(APP)!r}, default_timeout=300).run()
assert not app.error and not app.exception, app
assert any("The best alternative" in element.value for element in app.markdown), app
print("loaded:", "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "NMTR_HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded: False"


def test_switching_shopper_loads_and_scores_nothing_but_that_shopper(
    open_page: Open, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(run=runs["shop clean nmtr"], user="u1")
    scored: list[int] = []
    score = NMTRScorer.score

    def counted(cascade: NMTRScorer, users: np.ndarray) -> np.ndarray:
        scored.append(len(users))
        return score(cascade, users)

    monkeypatch.setattr(NMTRScorer, "score", counted)
    monkeypatch.setattr(Library, "load", lambda *_: pytest.fail("the data set was loaded again"))
    monkeypatch.setattr("nmtr.experiment.load_scorer", lambda *_: pytest.fail("the model was loaded again"))
    for user in ("u2", "u3"):
        app.selectbox(key="pick_user").set_value(user).run()
        assert address(app)["user"] == user and not app.error and not app.exception
    assert set(scored) == {1}


# Cascade


def test_cascade_parts_sum_to_the_score(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("cascade", run=run, user="u3", item="i5")
    rows = table(app)
    assert list(rows["stage"]) == ["view", "cart", "buy"]
    parts = rows["inherits"] + rows["own part"] + rows["item bias"]
    assert list(parts) == pytest.approx(list(rows["log-odds"]), abs=1e-5)
    assert rows["log-odds"].iloc[-1] == pytest.approx(cache.explanation(run, "u3", "i5").logit, abs=1e-6)


def test_scores_of_the_squared_loss_are_shown_without_chances(open_page: Open, runs: Runs) -> None:
    run = runs["five clean nmtr"]
    top = cache.recommendations(run, "u3", 20)
    app = open_page(run=run, user="u3")
    assert list(listed(app)["◆ buy"]) == pytest.approx([item.logit for item in top.items])
    assert "A score, no chance" in words(app) and "with the squared loss gives scores, not chances" in words(app)
    rows = table(open_page("cascade", run=run, user="u3", item=top.items[0].item))
    assert rows["score"].iloc[-1] == pytest.approx(top.items[0].logit, abs=1e-6)
    assert not {"log-odds", "chance", "of those before"} & set(rows.columns)


@pytest.mark.parametrize(("data", "stages"), [("one", 1), ("five", 5)])
def test_pages_look_right_with_one_and_with_five_behaviors(open_page: Open, runs: Runs, data: str, stages: int) -> None:
    app = open_page("cascade", run=runs[f"{data} standard nmtr"])
    assert not app.error and not app.exception
    assert len(table(app)) == stages
    for page in ("train", "data", "runs", "shopper"):
        app.switch_page(PAGES[page]).run()
        assert not app.error and not app.exception, page


def test_an_item_that_is_missing_in_the_list_says_what_it_lacks(open_page: Open, home: Path, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    fitted = Workspace(home).fitted(run)
    items = [one.item for one in recommend(fitted, "u3", 20).items]
    last, missing = items[9], items[15]
    app = open_page("shopper", run=run, user="u3")
    app.selectbox(key="why_not").set_value(missing).run()
    assert address(app)["item"] == missing and not app.error and not app.exception
    short = why_not(fitted, explain(fitted, "u3", missing))
    assert short is not None
    assert f"To be among the first 10 it lacks {short.lacks:.2f} in log-odds" in words(app)
    lacks = next(frame.value for frame in app.dataframe if "together" in frame.value)
    assert list(lacks["together"]) == pytest.approx([one.together for one in short.stages])
    assert "it lacks" not in words(open_page("cascade", run=run, user="u3", item=last))


def test_of_many_items_one_is_named_by_its_id(open_page: Open, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why_not_widget, "OFFERED", 39)
    app = open_page("shopper", run=runs["shop clean nmtr"], user="u3")
    app.text_input(key="why_not").set_value(" i11 ").run()
    assert address(app)["item"] == "i11" and not app.error and not app.exception
    app = open_page("shopper", run=runs["shop clean nmtr"], user="u3")
    app.text_input(key="why_not").set_value("nothing").run()
    assert "must be one of the 40 items" in app.error[0].value.replace("\\", "") and not app.exception


def test_cascade_of_an_unknown_item_gives_a_sentence(open_page: Open, runs: Runs) -> None:
    app = open_page("cascade", run=runs["shop clean nmtr"], user="u3", item="nothing")
    assert "got nothing" in app.error[0].value.replace("\\", "")
