"""The Train page in-process, on real data and real runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nmtr.config import RunConfig
from nmtr.errors import CapacityError
from nmtr.estimate import Pace
from nmtr.workspace import Workspace
from tests.dashboard.conftest import Open, Runs, address, words


@pytest.fixture
def weights(open_page: Open) -> AppTest:
    return open_page("train", data="shop")


def test_weights_keep_the_sum_when_one_is_entered(weights: AppTest) -> None:
    weights.number_input(key="train_weight_2").set_value(0.5).run()
    assert weights.session_state["train_weights"] == pytest.approx([0.25, 0.25, 0.5])
    weights.number_input(key="train_weight_0").set_value(1.0).run()
    assert weights.session_state["train_weights"] == pytest.approx([1, 0, 0])
    weights.number_input(key="train_weight_0").set_value(0.4).run()
    assert weights.session_state["train_weights"] == pytest.approx([0.4, 0.3, 0.3])


def test_a_locked_weight_stays_when_another_is_entered(weights: AppTest) -> None:
    weights.button(key="train_lock_0").click().run()
    weights.number_input(key="train_weight_2").set_value(0.6).run()
    assert weights.session_state["train_weights"] == [0.33, 0.07, 0.6]
    assert weights.number_input(key="train_weight_0").disabled
    weights.button(key="train_lock_1").click().run()
    assert all(weights.number_input(key=f"train_weight_{r}").disabled for r in range(3))
    weights.button(key="train_preset_equal").click().run()
    assert not weights.number_input(key="train_weight_0").disabled and "exactly 1/3 · 1/3 · 1/3" in words(weights)


def test_what_a_slow_browser_still_shows_does_not_undo_a_move(weights: AppTest) -> None:
    before = [weights.number_input(key=f"train_weight_{r}").value for r in range(3)]
    weights.number_input(key="train_weight_0").set_value(0.2).run()
    weights.number_input(key="train_weight_1").set_value(before[1])
    weights.number_input(key="train_weight_2").set_value(before[2])
    weights.button(key="train_lock_0").click().run()
    assert weights.session_state["train_weights"] == [0.2, 0.4, 0.4]
    weights.number_input(key="train_weight_2").set_value(0.34).run()  # entered, though it stood there before
    assert weights.session_state["train_weights"] == [0.2, 0.46, 0.34]


def test_presets_set_the_weights(weights: AppTest) -> None:
    weights.button(key="train_preset_target only").click().run()
    assert weights.session_state["train_weights"] == [0, 0, 1]
    weights.button(key="train_preset_paper").click().run()
    assert weights.session_state["train_weights"] == pytest.approx([1 / 3] * 3)


def test_a_preset_of_the_data_set_sets_the_whole_form(home: Path, open_page: Open) -> None:
    assert not [box for box in open_page("train", data="shop").selectbox if box.label == "Preset"]
    folder = home / "presets" / "shop"
    folder.mkdir(parents=True)
    chosen = {"method": "nmtr", "unit": "mlp", "protocol": "clean", "lambdas": [0.2, 0.3, 0.5], "dropout": 0.1}
    (folder / "nmtr-mlp-clean.json").write_text(json.dumps(chosen))
    try:
        page = open_page("train", data="shop")
        page.selectbox(key="train_preset").set_value("nmtr-mlp-clean").run()
        assert page.session_state["train_weights"] == [0.2, 0.3, 0.5]
        assert page.selectbox(key="train_unit_view").value == "mlp"
        assert page.number_input(key="train_dropout").value == 0.1
        assert "**NMTR-MLP** on shop, clean" in words(page)
        (folder / "nmtr-mlp-clean.json").write_text('{"unit": "transformer"}')
        page.selectbox(key="train_preset").set_value(None).run()
        page.selectbox(key="train_preset").set_value("nmtr-mlp-clean").run()
        assert "unit must be" in words(page)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(("unit", "expected"), [("gmf", [0.4, 0.6]), ("mlp", [0.5, 0.5]), ("neumf", [0.4, 0.6])])
def test_two_behaviors_have_the_papers_weights_by_unit(weights: AppTest, unit: str, expected: list[float]) -> None:
    weights.pills[0].set_value(["cart"]).run()
    for behavior in ("cart", "buy"):
        weights.selectbox(key=f"train_unit_{behavior}").set_value(unit).run()
    weights.button(key="train_preset_paper").click().run()
    assert weights.session_state["train_weights"] == expected


def test_papers_weights_are_not_offered_where_the_paper_has_none(weights: AppTest, open_page: Open) -> None:
    weights.pills[0].set_value(["cart"]).run()
    weights.selectbox(key="train_unit_cart").set_value("mlp").run()
    assert (
        weights.button(key="train_preset_paper").disabled
        and "same unit" in weights.button(key="train_preset_paper").help
    )
    five = open_page("train", data="five")
    assert (
        five.button(key="train_preset_paper").disabled and "these are 5" in five.button(key="train_preset_paper").help
    )


def test_two_behaviors_have_one_slider(weights: AppTest) -> None:
    weights.pills[0].set_value(["cart"]).run()
    weights.slider(key="train_weight_slider").set_value(0.25).run()
    assert weights.session_state["train_weights"] == pytest.approx([0.75, 0.25])
    moved = weights.slider(key="train_weight_slider").value
    weights.button(key="train_preset_equal").click().run()
    weights.slider(key="train_weight_slider").set_value(moved).run()  # a browser that has not drawn the preset yet
    assert weights.session_state["train_weights"] == [0.5, 0.5]


def test_four_and_more_behaviors_have_sliders_that_keep_the_sum(open_page: Open) -> None:
    app = open_page("train", data="five")
    app.slider(key="train_weight_4").set_value(0.6).run()
    assert app.session_state["train_weights"] == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.6])
    assert [round(app.slider(key=f"train_weight_{r}").value, 2) for r in range(5)] == [0.1, 0.1, 0.1, 0.1, 0.6]


def test_the_loss_is_left_to_the_core_unless_one_is_chosen(weights: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[RunConfig] = []
    estimate = Workspace.estimate
    monkeypatch.setattr(Workspace, "estimate", lambda home, config: (tried.append(config), estimate(home, config))[1])
    for chosen, expected in (("sampled", "sampled"), ("default", None)):
        weights.selectbox(key="train_loss").set_value(chosen).run()
        assert tried[-1].loss == expected


def test_the_options_offered_are_those_of_the_loss(weights: AppTest) -> None:
    def offered() -> set[str]:
        return {entry.key for entry in weights.number_input} & {"train_negatives", "train_unobserved_weight"}

    assert offered() == {"train_negatives"}
    weights.selectbox(key="train_loss").set_value("squared").run()
    assert offered() == {"train_unobserved_weight"} and not weights.button(key="start").disabled
    weights.selectbox(key="train_unit_cart").set_value("mlp").run()
    assert weights.button(key="start").disabled and "squared loss needs GMF units" in weights.warning[0].value


def test_least_squares_leave_nothing_of_descent_to_choose(weights: AppTest, home: Path) -> None:
    weights.selectbox(key="train_solver").set_value("als").run()
    shown = {entry.key for entry in (*weights.number_input, *weights.selectbox, *weights.checkbox)}
    assert {"train_l2_embeddings", "train_unobserved_weight", "train_l2_scaling", "train_cascade"} <= shown
    assert not shown & {"train_loss", "train_learning_rate", "train_optimizer", "train_dropout", "train_embedding"}
    weights.checkbox(key="train_l2_scaling").set_value(False).run()
    weights.button(key="start").click().run()
    (run,) = [run for run in Workspace(home).runs.list() if run.config.solver == "als"]
    assert (run.config.loss, run.config.l2_scaling, run.config.dropout) == ("squared", False, None)
    Workspace(home).cancel(run.id)


def test_estimate_says_whether_it_was_measured_here(weights: AppTest) -> None:
    weights.number_input(key="train_threads").set_value(1).run()
    assert "from earlier runs of the kind" in words(weights)
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
    submitted, owners = [], []

    def submit(workspace: Workspace, config: RunConfig, *, owner: str | None) -> object:
        submitted.append(config)
        owners.append(owner)
        return workspace.runs.create(config.resolve(("view", "cart", "buy")), workspace.data.info("shop").fingerprint)

    Workspace(home).runs.queue.pause()  # so that no worker takes the run
    monkeypatch.setattr(Workspace, "submit", submit)
    monkeypatch.setattr("streamlit.user", {"email": "ann@example.org"})  # as a login has it
    weights.number_input(key="train_weight_2").set_value(0.5).run()
    weights.selectbox(key="train_unit_cart").set_value("mlp").run()
    weights.number_input(key="train_epochs").set_value(7).run()
    weights.button(key="start").click().run()
    assert submitted[0].lambdas == pytest.approx((0.25, 0.25, 0.5))
    assert submitted[0].unit == {"view": "gmf", "cart": "mlp", "buy": "gmf"} and submitted[0].epochs == 7
    assert owners == ["ann@example.org"]
    run = address(weights)["run"]
    assert "Waiting for its turn" in words(weights)
    weights.button(key="cancel").click().run()
    assert Workspace(home).runs.get(run).state == "cancelled"
    assert weights.button(key="resume")
    Workspace(home).runs.delete(run)
    Workspace(home).runs.queue.resume()


def test_a_finished_run_shows_its_metrics_with_intervals(open_page: Open, runs: Runs) -> None:
    app = open_page("train", run=runs["shop clean nmtr"])
    assert [metric.label for metric in app.metric][:3] == ["HR@50, test", "HR@100, test", "NDCG@100, test"]
    assert all("±" in metric.value for metric in app.metric[:3])
    app.button(key="another").click().run()
    assert app.button(key="start") and not app.metric


def test_a_run_that_ranks_some_epochs_is_shown_by_those(open_page: Open, home: Path, weights: AppTest) -> None:
    weights.number_input(key="train_rank_every").set_value(0).run()
    assert weights.button(key="start").disabled and "greater than or equal to 1" in weights.warning[0].value
    workspace = Workspace(home)
    config = RunConfig.parse({"data": "shop", "epochs": 5, "rank_every": 3, "embedding_size": 4, "threads": 1})
    run = workspace.train(config)
    assert run.result is not None and run.result.best_epoch in (3, 5)
    try:
        app = open_page("train", run=run.id)
        assert f"at epoch {run.result.best_epoch}" in words(app) and not app.exception and not app.error
        app = open_page("compare", data="shop", runs=run.id)
        assert "gets furthest: 1.000 at epoch 3" in words(app) and not app.exception and not app.error
    finally:
        workspace.delete(run.id)


def test_a_run_is_timed_on_its_data_before_it_starts(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    paces: list[Pace] = []
    pace = Pace(preparing=2.0, epoch=1.5, ranking=0.5, saving=0.0, bytes=300 << 20)
    monkeypatch.setattr("nmtr.workspace.probe", lambda *_: paces.append(pace))
    monkeypatch.setattr("nmtr.workspace.known", lambda *_: paces[-1] if paces else None)
    app = open_page("train", data="one")
    assert "timed on this data" not in words(app)
    app.button(key="time_it").click().run()
    assert "timed on this data: an epoch 1.5 s, its ranking 0.5 s" in words(app)
    assert app.button(key="time_it").label == "Time it again" and not app.error


def test_a_run_that_cannot_be_timed_gives_a_sentence(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CapacityError("a few steps of the run must fit this machine.")

    monkeypatch.setattr("nmtr.workspace.probe", refuse)
    app = open_page("train", data="one")
    app.button(key="time_it").click().run()
    assert "a few steps of the run must fit this machine." in words(app)
    assert not app.button(key="start").disabled


def test_a_run_that_held_out_lower_behaviors_says_how_well_each_is_foretold(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    options = {"data": "shop", "epochs": 1, "embedding_size": 4, "threads": 1, "hold_out_lower": True}
    run = workspace.train(RunConfig.parse(options))
    app = open_page("train", run=run.id)
    assert "as targets of their own: view 1.000 ± .000, cart 1.000 ± .000." in words(app) and not app.error
    workspace.delete(run.id)
