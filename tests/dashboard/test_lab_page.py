"""The λ lab in-process, on a real study of real runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard.address import PAGES
from dashboard.text import metric, plain
from dashboard.views.lab import findings
from dashboard.views.lab.details import trade_off_finding
from dashboard.widgets import live_run
from nmtr import sweeps
from nmtr.config import RunConfig
from nmtr.data.summary import describe
from nmtr.errors import RunError
from nmtr.sweeps import Plan, Study, storage
from nmtr.workspace import Workspace, presets
from tests.dashboard.conftest import APP, Open, address, shops, studied, words

SMALL = {"method": "nmtr", "epochs": 2, "embedding_size": 4}
CLEAN = {"data": "shop", "protocol": "clean", "unit": "gmf", **SMALL}


@dataclass(frozen=True)
class Lab:
    workspace: Workspace
    study: Study  # all of its six points are done

    def read(self) -> Study:
        return sweeps.read(self.workspace, self.study.id)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own: a study brings a worker, which would train what other tests only queue."""
    return shops(tmp_path_factory.mktemp("lab")).home


@pytest.fixture(scope="module")
def lab(home: Path) -> Lab:
    workspace = Workspace(home)
    study = studied(workspace, CLEAN, seeds=3)
    assert study.state == "done" and len(study.points) == 6
    return Lab(workspace, study)


def test_lab_plans_a_study_in_plain_words_before_there_is_one(open_page: Open) -> None:
    app = open_page("lab", data="shop", study="new")
    assert not app.error and not app.exception
    assert "Tries 28 weights of view, cart and buy, in sixths: NMTR-GMF on shop, clean." in words(app)
    assert "28 weights will be tried" in words(app) and "It goes on when you close the browser" in words(app)
    app.selectbox(key="lab_points_3").set_value(4).run()
    app.selectbox(key="lab_unit").set_value("mlp").run()
    assert "Tries 15 weights of view, cart and buy, in quarters: NMTR-MLP" in words(app)
    app.selectbox(key="lab_points_3").set_value("drawn").run()
    app.multiselect(key="lab_search").set_value(["learning_rate"]).run()
    assert "Tries 40 choices of view, cart and buy, with learning rate, each drawn by what was found" in words(app)
    app.pills[0].set_value([]).run()
    assert app.button(key="lab_start").disabled and app.warning


def test_start_makes_the_study_and_opens_it(open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(sweeps, "start", lambda workspace, study: started.append(study))
    monkeypatch.setattr(sweeps, "revive", lambda workspace: ())
    app = open_page("lab", data="five", study="new")
    app.number_input(key="lab_trials").set_value(3).run()
    app.number_input(key="lab_epochs").set_value(1).run()
    app.number_input(key="lab_rank_every").set_value(2).run()
    app.number_input(key="lab_embedding_size").set_value(4).run()
    app.selectbox(key="lab_validation").set_value("newest").run()
    app.selectbox(key="lab_loss").set_value("squared").run()
    app.button(key="lab_start").click().run()
    assert not app.error and not app.exception
    study = sweeps.read(Workspace(home), address(app)["study"])
    assert started == [study.id] and study.plan.trials == 3 and study.plan.config.epochs == 1
    chosen = study.plan.config
    assert (chosen.rank_every, chosen.embedding_size, chosen.validation, chosen.loss) == (2, 4, "newest", "squared")
    assert "is done yet" in words(app) and app.button(key="lab_resume")
    app.button(key="lab_resume").click().run()
    assert started == [study.id] * 2
    sweeps.stop(Workspace(home), study.id)  # or the next page would see to it that somebody drives it


def test_option_out_of_bounds_is_refused_in_a_sentence(open_page: Open) -> None:
    app = open_page("lab", data="five", study="new")
    for name, value, sentence in (
        ("embedding_size", 5000, "less than or equal to 1024"),
        ("rank_every", 0, "greater than or equal to 1"),
    ):
        app.number_input(key=f"lab_{name}").set_value(value).run()
        assert sentence in app.warning[0].value and app.button(key="lab_start").disabled and not app.exception
        app.number_input(key=f"lab_{name}").set_value(2).run()
    assert not app.warning and not app.button(key="lab_start").disabled


def test_loss_that_the_next_method_does_not_have_is_let_go(open_page: Open) -> None:
    app = open_page("lab", data="five", study="new")
    app.selectbox(key="lab_loss").set_value("exact").run()
    app.selectbox(key="lab_method").set_value("cmf").run()
    assert not app.exception and not app.warning and not app.button(key="lab_start").disabled


def test_one_behavior_has_nothing_to_weigh(open_page: Open) -> None:
    assert "one has one behavior, so there is nothing to weigh" in words(open_page("lab", data="one"))


def test_study_says_what_is_best_and_what_is_as_good(open_page: Open, lab: Lab) -> None:
    app = open_page("lab", study=lab.study.id)
    assert not app.error and not app.exception
    study, best = lab.read(), lab.read().best
    assert best is not None and best.value is not None and best.low is not None
    value = metric(best.value, findings.half_width(best))
    assert f"Best: {findings.name_of(study, best)}, with HR@10 {value}" in words(app)
    assert findings.alike(study) in words(app)
    assert "the best of the study" in words(app) and app.metric[0].value == value
    table = app.dataframe[0].value
    assert list(table["validation HR@10"])[0] == value and len(table) == 6
    assert list(table["as good"]).count("◎") == len(study.equally_good)
    assert f"shop · clean · NMTR-GMF · study {study.id}" in words(app)
    assert address(app)["data"] == "shop" and "test" not in words(app).replace("on test", "")


def test_error_that_a_study_ended_with_is_said(open_page: Open, lab: Lab) -> None:
    kept = storage.load(lab.workspace, lab.study.id)
    kept.set_user_attr("left", "The queue takes no more.")
    app = open_page("lab", study=lab.study.id)
    kept.set_user_attr("left", None)
    assert [error.value for error in app.error] == [plain("The queue takes no more.")]
    assert not app.run().error


def test_studies_are_revived_once_a_session(open_page: Open, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Workspace] = []
    monkeypatch.setattr(sweeps, "revive", asked.append)
    open_page("lab", study=lab.study.id).run()
    assert len(asked) == 1


def test_a_worker_that_cannot_start_leaves_the_study_in_view(
    open_page: Open, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(workspace: Workspace) -> None:
        raise RunError("a worker must have a process; there is none to be had.")

    monkeypatch.setattr(Workspace, "start_worker", refuse)
    live_run.look_after.clear()
    app = open_page("lab", study=lab.study.id)
    assert "there is none to be had" in words(app) and "the best of the study" in words(app) and app.dataframe


def test_address_carries_the_point_that_is_looked_at(open_page: Open, lab: Lab) -> None:
    study = lab.read()
    worst = min(study.points, key=lambda point: point.value or 0.0)
    app = open_page("lab", study=study.id, point=str(worst.number))
    assert findings.name_of(study, worst) in words(app) and findings.standing(study, worst) in words(app)


def test_unknown_study_gives_a_sentence_and_a_way_out(open_page: Open, lab: Lab) -> None:
    app = open_page("lab", study="nothing1")
    assert "nothing1" in app.error[0].value and not app.exception
    app.button[0].click().run()
    assert not app.error


def test_chosen_weights_become_the_preset_and_train_takes_them_up(
    open_page: Open, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = lab.read()
    point = study.points[0]
    app = open_page("lab", study=study.id, point=str(point.number))
    app.button(key="lab_use").click().run()
    assert "a preset must be of runs of the usual 60 epochs or more" in app.error[0].value
    monkeypatch.setattr(presets, "USUAL_EPOCHS", 2)
    app.button(key="lab_use").click().run()
    assert not app.error and not app.exception
    kept = lab.workspace.home / "presets" / "shop" / "nmtr-gmf-clean.json"
    assert tuple(RunConfig.read(kept)["lambdas"]) == pytest.approx(point.lambdas)
    assert app.session_state["train_weights"] == pytest.approx(list(point.lambdas or ()))
    assert app.number_input(key="train_epochs").value == 2 and app.number_input(key="train_embedding_size").value == 4
    assert "NMTR-GMF on shop, clean" in words(app).replace("*", "")
    kept.unlink()


def test_test_figures_are_shown_once_the_choice_is_final(open_page: Open, lab: Lab) -> None:
    study = lab.read()
    best = study.best
    assert best is not None
    app = open_page("lab", study=study.id)
    assert not [shown for shown in app.metric if "test" in shown.label]
    app.button(key="lab_finalize").click().run()
    assert len(lab.read().finalized) == 3 and lab.read().finalized_point == best.number
    assert {"HR@10, test", "HR@100, test"} <= {shown.label for shown in app.metric} and "mean of 3 seeds" in words(app)
    other = next(point for point in study.points if point.number != best.number)
    app = open_page("lab", study=study.id, point=str(other.number))
    assert not [shown for shown in app.metric if "test" in shown.label]
    assert "Another choice was finalized before" in words(app)
    lab.workspace.delete(lab.read().finalized[-1])  # none of the study's own
    app = open_page("lab", study=study.id, point=str(best.number))
    assert not app.error and not app.exception and not [shown for shown in app.metric if "test" in shown.label]
    assert app.button(key="lab_finalize") and "Another choice was finalized" not in words(app)


def test_groups_of_shoppers_trade_off_and_units_have_their_views(open_page: Open, lab: Lab) -> None:
    app = open_page("lab", study=lab.study.id)
    app.segmented_control(key="lab_view").set_value("Shopper groups").run()
    rows = sweeps.sensitivity(lab.workspace, lab.read())
    said = "Other weights are better" if any(row.differs for row in rows) else "The best weights of all are as good"
    assert said in words(app)
    app.segmented_control(key="lab_view").set_value("Trade-off").run()
    assert "What raising one weight costs" in words(app)
    app.segmented_control(key="lab_view").set_value("Units side by side").run()
    assert "Do the best weights depend on the unit?" in words(app)
    other = studied(lab.workspace, CLEAN | {"unit": "mlp"})
    app.run()
    assert f"shop · clean · study {other.id}" in words(app) and "among the best of" in words(app)
    assert not app.error and not app.exception


def test_the_search_is_shown_as_it_went(open_page: Open, lab: Lab) -> None:
    study = lab.read()
    app = open_page("lab", study=study.id)
    app.segmented_control(key="lab_view").set_value("The search").run()
    at = [point.number for point in study.points].index(study.point(None).number) + 1
    assert f"The best came as number {at} of 6" in words(app)
    assert f"10 points must be done; study {study.id} has 6" in words(app)
    app.selectbox(key="lab_slice_of").set_value("weight of cart").run()
    best = study.point(None).lambdas
    assert best is not None and f"The best has weight of cart {best[1]:.3g}" in words(app)
    figure = json.loads(app.get("plotly_chart")[-1].proto.spec)
    drawn = dict(zip([key for (key,) in figure["data"][0]["customdata"]], figure["data"][0]["x"], strict=True))
    assert drawn == {str(point.number): (point.lambdas or ())[1] for point in study.points}
    for lambdas in sweeps.simplex(3, 0.25):
        lab.workspace.train(RunConfig.parse({**CLEAN, "lambdas": lambdas, "threads": 1}))
    more = studied(lab.workspace, CLEAN, step=0.25)
    app = open_page("lab", study=more.id)
    app.segmented_control(key="lab_view").set_value("The search").run()
    first = sweeps.importances(lab.workspace, more)[0]
    behavior = first.option.removeprefix("lambda ")
    assert f"weight of {behavior} matters most: {100 * first.share:.0f} % of what choices differ in" in words(app)
    assert not app.error and not app.exception


def test_runs_that_rank_the_lower_behaviors_tell_what_a_weight_costs_them(open_page: Open, lab: Lab) -> None:
    study = studied(lab.workspace, CLEAN | {"hold_out_lower": True})
    app = open_page("lab", study=study.id)
    app.segmented_control(key="lab_view").set_value("Trade-off").run()
    assert "Raising the weight of buy from 0.00 to 1.00 takes, on average, view from" in words(app)
    assert "shop · clean · pairs of the lower behaviors held out · NMTR-GMF" in words(app)
    assert not app.error and not app.exception


def test_a_study_without_weights_says_what_it_searches(open_page: Open, lab: Lab) -> None:
    config = {key: value for key, value in CLEAN.items() if key != "unit"}
    plan = {"config": config, "sampler": "tpe", "trials": 2, "search": ("unit",)}
    study = sweeps.create(lab.workspace, Plan.parse(plan))
    app = open_page("lab", study=study.id)
    assert "on the validation purchases, by unit" in words(app)
    assert "the more a line stands out, the better" in words(app)  # as in light, so in dark
    for view in ("Shopper groups", "Trade-off"):
        app.segmented_control(key="lab_view").set_value(view).run()
        assert "This study searches no loss weights, only unit" in words(app)
    assert not app.error and not app.exception


def test_what_a_weight_costs_is_said_from_its_lowest_to_its_highest() -> None:
    values = {"cart": [0.4, 0.3, 0.2], "buy": [0.1, 0.3, 0.5]}
    said = trade_off_finding([0.0, 0.0, 1.0], values, "buy")
    assert said.startswith("Raising the weight of buy from 0.00 to 1.00 takes")
    assert "cart from .350 to .200 and buy from .200 to .500" in said.replace("\\", "")
    assert "nothing to trade" in trade_off_finding([0.5], {"cart": [0.1], "buy": [0.1]}, "buy")


def test_another_data_set_takes_no_study_along(open_page: Open, lab: Lab) -> None:
    app = open_page("lab", study=lab.study.id)
    app.query_params.clear()  # as a click in the navigation does
    app.switch_page(PAGES["data"]).run()
    app.selectbox(key="pick_data").set_value("five").run()
    app.query_params.clear()
    app.switch_page(PAGES["lab"]).run()
    assert address(app)["data"] == "five" and app.selectbox(key="pick_data").value == "five"


def test_lab_warns_of_a_best_choice_that_goes_by_the_leak(
    open_page: Open, home: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the core has to say of this study (tests/sweeps/test_cautions.py), with the data set's own leak."""
    asked: list[object] = []
    monkeypatch.setattr(sweeps, "cautions", lambda study, leak: asked.append((study.id, leak)) or ("Take *care*.",))
    app = open_page("lab", study=lab.study.id)
    assert app.warning[0].value.replace("\\", "") == "Take *care*."
    leak = describe(Workspace(home).data.load("shop")).leak if lab.study.protocol == "standard" else {}
    assert asked[0] == (lab.study.id, leak)


def test_lab_is_imported_without_what_takes_long_to_load(tmp_path: Path) -> None:
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
from dashboard import cache
from dashboard.views.lab import details, findings, planning, point
cache.warm_up = lambda: None
assert not {{"torch", "optuna", "scipy.stats"}} & set(sys.modules)
from nmtr.demo import install
from nmtr.workspace import Workspace
install(Workspace())
app = AppTest.from_file({str(APP)!r}, default_timeout=300)
app.query_params["data"] = "nothing"
app.run()
app.query_params.clear()
del app.session_state["selected_data"]
app.switch_page("views/lab/lab.py").run()
assert app.button and not app.error and not app.exception, app
assert not {{"torch", "scipy.stats"}} & set(sys.modules)
"""
    environment = {**os.environ, "NMTR_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
