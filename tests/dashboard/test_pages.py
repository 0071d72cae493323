"""The pages in-process, on real data and real runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import state
from nmtr.config import RunConfig
from nmtr.data.catalogue import add
from nmtr.workspace import Workspace
from tests.dashboard.conftest import APP, HOSTILE, Open, words

Runs = dict[str, str]


def table(app: AppTest, index: int = 0):  # type: ignore[no-untyped-def]
    return app.dataframe[index].value


# Recommend


def test_recommend_shows_history_list_and_cascade_without_being_asked(open_page: Open, home: Path) -> None:
    app = open_page(data="shop")
    assert not app.exception and not app.error
    assert "History" in words(app) and "bought" in words(app)
    assert list(table(app).columns) == ["#", "item", "view", "cart", "buy"]
    assert "Rank 1 of" in words(app)
    assert {"data", "run", "user", "item"} <= set(app.query_params)


def test_recommend_lists_what_the_core_recommends(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page(run=run, user="u3")
    expected = state.recommendations(run, "u3", 20)
    assert list(table(app)["buy"]) == pytest.approx([item.stages[-1].probability for item in expected.items])
    assert expected.held_out is not None
    assert f"at rank {expected.held_out.rank + 1}:" in words(app)


def test_recommend_opens_the_item_of_the_address(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    third = state.recommendations(run, "u3", 20).items[2]
    app = open_page(run=run, user="u3", item=third.item)
    assert app.query_params["item"] == third.item
    assert "Rank 3 of" in words(app)


def test_recommend_jumps_to_a_heavy_and_a_sparse_shopper(open_page: Open, home: Path) -> None:
    app = open_page(data="shop")
    shop = Workspace(home).data.load("shop")
    bought = shop.matrices[-1].sum(axis=1)
    app.button(key="shopper_heavy").click().run()
    heavy = bought[shop.user_index(app.query_params["user"])]
    app.button(key="shopper_sparse").click().run()
    assert bought[shop.user_index(app.query_params["user"])] < heavy
    assert not app.error


def test_recommend_of_a_method_without_cascade_leads_to_one_that_has_it(open_page: Open, runs: Runs) -> None:
    app = open_page(run=runs["shop standard popularity"], user="u3")
    assert "Popularity has no cascade" in words(app)
    assert list(table(app).columns) == ["#", "item", "score"]
    app.button(key="with_cascade").click().run()
    assert app.query_params["run"] == runs["shop standard nmtr"]
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

    monkeypatch.setattr(state, "recommendations", broken)
    app = open_page(data="shop")
    assert not app.exception
    shown = app.error[0].value
    reference = shown.split("**")[1]
    assert "secret" not in shown and reference in caplog.text and "secret detail" in caplog.text


def test_titles_from_outside_are_never_markdown(open_page: Open, runs: Runs) -> None:
    app = open_page("cascade", run=runs["shop clean nmtr"], user="u3", item="i7")
    assert HOSTILE in [element.value for element in app.text]
    assert not any("example.org/x.png" in element.value for element in [*app.markdown, *app.caption])


def test_first_paint_does_not_wait_for_torch(home: Path, tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from dashboard import state
from nmtr.data.catalogue import add
from nmtr.workspace import Workspace
add(Workspace(Path({str(tmp_path)!r})).data, "demo")
state.warm_up = lambda: print("loaded before the first paint was over:", "torch" in sys.modules)
app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()
assert any("History" in element.value for element in app.markdown), app
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "NMTR_HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "loaded before the first paint was over: False" in done.stdout


def test_warm_up_imports_torch_in_the_background() -> None:
    state._warm_up.clear()
    thread = state._warm_up()
    thread.join(60)
    assert thread.daemon and "torch" in sys.modules


BEIBEI = Path(os.environ.get("NMTR_DATA_DIR") or APP.parents[2] / "shared" / "data") / "beibei"


@pytest.mark.skipif(not BEIBEI.is_dir(), reason=f"the Beibei files are not at {BEIBEI}")
def test_switching_shopper_on_beibei_takes_less_than_300_ms(
    tmp_path: Path, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    add(workspace.data, "beibei", BEIBEI)
    config = RunConfig.parse({"data": "beibei", "method": "nmtr", "epochs": 1})
    workspace.train(config, lambda report: None)
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.error
    took = []
    for user in ("17", "4711", "20000"):
        app.selectbox(key="pick_user").set_value(user)
        started = time.perf_counter()
        app.run()
        took.append(time.perf_counter() - started)
        assert app.query_params["user"] == user and not app.error
    assert sorted(took)[1] < 0.3, took


# Cascade


def test_cascade_parts_sum_to_the_score(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("cascade", run=run, user="u3", item="i5")
    rows = table(app)
    assert list(rows["stage"]) == ["view", "cart", "buy"]
    parts = rows["inherits"] + rows["own part"] + rows["item bias"]
    assert list(parts) == pytest.approx(list(rows["log-odds"]), abs=1e-5)
    assert rows["log-odds"].iloc[-1] == pytest.approx(state.explanation(run, "u3", "i5").logit, abs=1e-6)


@pytest.mark.parametrize(("data", "stages"), [("one", 1), ("five", 5)])
def test_pages_look_right_with_one_and_with_five_behaviors(open_page: Open, runs: Runs, data: str, stages: int) -> None:
    app = open_page("cascade", run=runs[f"{data} standard nmtr"])
    assert not app.error and not app.exception
    assert len(table(app)) == stages
    for page in ("train", "data", "runs", "recommend"):
        app.switch_page(f"views/{page}.py").run()
        assert not app.error and not app.exception, page


def test_cascade_of_an_unknown_item_gives_a_sentence(open_page: Open, runs: Runs) -> None:
    app = open_page("cascade", run=runs["shop clean nmtr"], user="u3", item="nothing")
    assert "got nothing" in app.error[0].value.replace("\\", "")


# Train


@pytest.fixture
def weights(open_page: Open) -> AppTest:
    return open_page("train", data="shop")


def test_weights_keep_the_sum_when_one_is_entered(weights: AppTest) -> None:
    weights.number_input(key="weight_2").set_value(0.5).run()
    assert weights.session_state["weights"] == pytest.approx([0.25, 0.25, 0.5])
    weights.number_input(key="weight_0").set_value(1.0).run()
    assert weights.session_state["weights"] == pytest.approx([1, 0, 0])
    weights.number_input(key="weight_0").set_value(0.4).run()
    assert weights.session_state["weights"] == pytest.approx([0.4, 0.3, 0.3])


def test_presets_set_the_weights(weights: AppTest) -> None:
    weights.button(key="preset_target only").click().run()
    assert weights.session_state["weights"] == [0, 0, 1]
    weights.button(key="preset_paper").click().run()
    assert weights.session_state["weights"] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(("unit", "expected"), [("gmf", [0.4, 0.6]), ("mlp", [0.5, 0.5]), ("neumf", [0.4, 0.6])])
def test_two_behaviors_have_the_papers_weights_by_unit(weights: AppTest, unit: str, expected: list[float]) -> None:
    weights.pills[0].set_value(["cart"]).run()
    for behavior in ("cart", "buy"):
        weights.selectbox(key=f"train_unit_{behavior}").set_value(unit).run()
    weights.button(key="preset_paper").click().run()
    assert weights.session_state["weights"] == expected


def test_papers_weights_are_not_offered_where_the_paper_has_none(weights: AppTest, open_page: Open) -> None:
    weights.pills[0].set_value(["cart"]).run()
    weights.selectbox(key="train_unit_cart").set_value("mlp").run()
    assert weights.button(key="preset_paper").disabled and "same unit" in weights.button(key="preset_paper").help
    five = open_page("train", data="five")
    assert five.button(key="preset_paper").disabled and "these are 5" in five.button(key="preset_paper").help


def test_two_behaviors_have_one_slider(weights: AppTest) -> None:
    weights.pills[0].set_value(["cart"]).run()
    weights.slider(key="weight_slider").set_value(0.25).run()
    assert weights.session_state["weights"] == pytest.approx([0.75, 0.25])


def test_four_and_more_behaviors_have_sliders_that_keep_the_sum(open_page: Open) -> None:
    app = open_page("train", data="five")
    app.slider(key="weight_4").set_value(0.6).run()
    assert app.session_state["weights"] == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.6])
    assert [round(app.slider(key=f"weight_{r}").value, 2) for r in range(5)] == [0.1, 0.1, 0.1, 0.1, 0.6]


def test_the_loss_is_left_to_the_core_unless_one_is_chosen(weights: AppTest) -> None:
    loss = weights.selectbox(key="train_loss")
    assert loss.value is None and loss.options[0] == "default"


def test_estimate_says_whether_it_was_measured_here(weights: AppTest) -> None:
    weights.number_input(key="train_threads").set_value(1).run()
    assert "from earlier runs here" in words(weights)
    weights.number_input(key="train_threads").set_value(2).run()
    assert "a first guess" in words(weights)


def test_an_impossible_option_gives_the_cores_sentence_and_stays_entered(weights: AppTest) -> None:
    weights.number_input(key="train_epochs").set_value(0).run()
    assert weights.button(key="start").disabled
    assert "epochs" in weights.warning[0].value and weights.number_input(key="train_epochs").value == 0
    weights.number_input(key="train_epochs").set_value(3).run()
    assert not weights.button(key="start").disabled and not weights.warning


def test_start_submits_the_options_and_shows_the_run_in_the_same_place(
    weights: AppTest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = []

    def submit(workspace: Workspace, config: RunConfig) -> object:
        submitted.append(config)
        return workspace.runs.create(config.resolve(("view", "cart", "buy")), workspace.data.info("shop").fingerprint)

    monkeypatch.setattr(Workspace, "submit", submit)
    weights.number_input(key="weight_2").set_value(0.5).run()
    weights.selectbox(key="train_unit_cart").set_value("mlp").run()
    weights.number_input(key="train_epochs").set_value(7).run()
    weights.button(key="start").click().run()
    assert submitted[0].lambdas == pytest.approx((0.25, 0.25, 0.5))
    assert submitted[0].unit == {"view": "gmf", "cart": "mlp", "buy": "gmf"} and submitted[0].epochs == 7
    run = weights.query_params["run"]
    assert "Waiting for its turn" in words(weights)
    weights.button(key="cancel").click().run()
    assert Workspace(home).runs.get(run).state == "cancelled"
    assert weights.button(key="resume")
    Workspace(home).runs.delete(run)


def test_a_finished_run_shows_its_metrics_with_intervals(open_page: Open, runs: Runs) -> None:
    app = open_page("train", run=runs["shop clean nmtr"])
    assert [metric.label for metric in app.metric][:3] == ["HR@50, test", "HR@100, test", "NDCG@100, test"]
    assert all("±" in metric.value for metric in app.metric[:3])
    app.button(key="another").click().run()
    assert app.button(key="start") and not app.metric


# Runs and Data


def test_runs_of_different_protocols_stand_in_tables_of_their_own(open_page: Open, runs: Runs) -> None:
    app = open_page("runs")
    ids = [set(frame.value["run"]) for frame in app.dataframe]
    assert {runs["shop clean nmtr"]} in ids
    assert {runs["shop standard nmtr"], runs["shop standard popularity"]} in ids
    assert "shop · clean" in words(app) and "shop · standard" in words(app)


def test_data_says_in_words_what_leaks(open_page: Open, home: Path) -> None:
    app = open_page("data", data="shop")
    assert "The standard protocol shows the model 100 % of its test answers" in words(app)
    assert app.metric[0].value == "60"


def test_upload_with_a_missing_column_gives_a_sentence_and_leaves_nothing(open_page: Open, home: Path) -> None:
    app = open_page("data", data="shop")
    before = Workspace(home).data.names()
    app.file_uploader(key="upload").upload("../bad.csv", b"user,thing,when\n1,2,3\n").run()
    app.button(key="upload_add").click().run()
    assert "item" in app.error[0].value
    assert Workspace(home).data.names() == before


def test_upload_adds_a_data_set_and_selects_it(open_page: Open, home: Path) -> None:
    app = open_page("data", data="shop")
    rows = "".join(f"{u},{i},{b}\n" for u in range(9) for i in range(4) for b in ("view", "buy"))
    app.file_uploader(key="upload").upload("My Shop.csv", f"visitor,product,action\n{rows}".encode()).run()
    app.button(key="upload_add").click().run()
    assert not app.error
    assert app.query_params["data"] == "my-shop"
    assert Workspace(home).data.info("my-shop").behaviors == ("view", "buy")
    Workspace(home).data.remove("my-shop")
