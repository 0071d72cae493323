"""Home, the tour and the glossary in-process, on real data and real runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.findings import verdict
from dashboard.glossary import GLOSSARY, help_for, matching
from nmtr import demo
from nmtr.compare import against_best
from nmtr.config import RunConfig
from nmtr.runs.checkpoint import save_ranks
from nmtr.runs.store import Run
from nmtr.workspace import Workspace
from tests.compare.conftest import hitting, result
from tests.conftest import random_dataset
from tests.dashboard.conftest import APP, Open, Runs, address, words


def test_home_says_what_this_is_and_what_the_data_set_holds(open_page: Open, home: Path) -> None:
    app = open_page("home", data="shop")
    assert not app.error and not app.exception
    said = words(app)
    counts = Workspace(home).data.info("shop").interactions
    assert f"{counts['view']:,} views → {counts['cart']:,} carts → {counts['buy']:,} purchases" in said
    assert "lists items for each shopper" in said
    assert address(app) == {"data": "shop"}


def test_home_judges_the_model_that_speaks_for_the_data_set(open_page: Open, home: Path, runs: Runs) -> None:
    workspace = Workspace(home)
    app = open_page("home", data="shop")
    assert runs["shop clean nmtr"] in words(app) and "nothing to compare it with" in words(app)
    assert app.button(key="train_alternative")
    pinned = runs["shop standard nmtr"]
    workspace.runs.pin(pinned)
    try:
        app = open_page("home", data="shop")
    finally:
        workspace.runs.pin(pinned, False)
    found = against_best(workspace, workspace.runs.get(pinned), metric="HR@10")
    shares = {entry.label: f"{100 * entry.test['HR@10'].value:.0f}" for entry in found.entries}
    assert f"Of 100 shoppers, {shares['NMTR-GMF']} find their next purchase among the first 10 items" in words(app)
    assert "The best alternative, Popularity" in words(app) and f" {shares['Popularity']}" in words(app)
    assert "shop · standard" in words(app)


@pytest.mark.parametrize(
    ("ours", "theirs", "sentence"),
    [
        (0.57, 0.43, "The best alternative, Popularity: 43. The difference is more than chance."),
        (
            0.43,
            0.57,
            "The best alternative, Popularity, does better: 57. So on this data NMTR\\-GMF is not the best choice.",
        ),
        (0.51, 0.5, "finds it for 50: too close to call"),
        (0.057, 0.002, "The best alternative, Popularity: 2."),
        (0.57, None, "nothing to compare it with"),
    ],
)
def test_the_verdict_in_words(tmp_path: Path, ours: float, theirs: float | None, sentence: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.save(random_dataset(1_000))

    def finish(share: float, method: str) -> Run:
        config, info = workspace.prepare(RunConfig.parse({"data": "shop", "method": method, "threads": 1}))
        run = workspace.runs.create(config, info.fingerprint, foreground=True)
        ranks = hitting(share, 1_000)
        if share == 0.51:  # other shoppers than the alternative's
            ranks = ranks[::-1].copy()
        save_ranks(workspace.runs.folder(run.id), {"test": ranks})
        return workspace.runs.finish(run.id, result(ranks))

    run = finish(ours, "nmtr")
    if theirs is not None:
        finish(theirs, "popularity")
    title, sentences = verdict(against_best(workspace, run), run)
    of, found = (100, 100 * ours) if ours > 0.1 else (1_000, 1_000 * ours)
    assert title == f"Of {of:,} shoppers, {found:.0f} find their next purchase among the first 100 items"
    assert sentence in sentences[1]
    assert re.search(r"\(95 % interval: \d+ to \d+\)", sentences[0])
    workspace.runs.close()


def test_home_and_tour_hide_what_a_study_has_not_chosen(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.save(random_dataset(60))
    config, info = workspace.prepare(RunConfig.parse({"data": "shop", "embedding_size": 4, "epochs": 1, "threads": 1}))
    workspace.continue_training(workspace.runs.create(config, info.fingerprint, foreground=True, study="abcdefgh"))
    point = workspace.model_of(workspace.data.info("shop"))
    assert point is not None and point.of_study
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    app = open_page("home", data="shop")
    assert "stays hidden" in words(app) and "find their next" not in words(app)
    app = open_page("tour", data="shop", step="5")
    assert not app.exception and "stays hidden" in words(app) and "find their next" not in words(app)


def test_home_names_what_trains_now_and_leads_there(open_page: Open, home: Path) -> None:
    workspace = Workspace(home)
    waits = workspace.submit(RunConfig.parse({"data": "shop", "epochs": 3, "threads": 1}))
    try:
        app = open_page("home", data="shop")
        assert "0 runs train now, 1 waits" in words(app)
        app.button(key=f"watch_{waits.id}").click().run()
        assert app.session_state["page"] == "train" and address(app)["run"] == waits.id
    finally:
        workspace.cancel(waits.id)
        workspace.delete(waits.id)
    assert "Nothing trains" in words(open_page("home", data="shop"))


def test_an_empty_home_has_two_doors_and_the_demo_is_behind_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    demo.install(Workspace(tmp_path))
    for run in Workspace(tmp_path).runs.list():
        Workspace(tmp_path).delete(run.id)
    Workspace(tmp_path).data.remove("demo")  # had it once
    app = AppTest.from_file(str(APP), default_timeout=300).run()
    assert "What will each shopper buy next?" in words(app)
    assert {button.key for button in app.button} >= {"open_demo", "empty_go"}
    app.button(key="open_demo").click().run()
    assert not app.error and not app.exception
    assert "75,706 views → 17,051 carts → 10,419 purchases" in words(app)
    assert "The best alternative" in words(app)


@pytest.mark.parametrize(
    ("button", "page"), [("to_tour", "tour"), ("to_shopper", "shopper"), ("to_add", "add"), ("to_item", "item")]
)
def test_doors_lead_on_with_the_data_set(open_page: Open, button: str, page: str) -> None:
    app = open_page("home", data="shop")
    app.button(key=button).click().run()
    assert app.session_state["page"] == page and (page == "add" or address(app)["data"] == "shop")
    assert not app.error and not app.exception


# The tour


def test_the_tour_is_about_whom_the_cart_lifts_and_says_so(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo.install(Workspace(tmp_path))
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    model = cache.workspace().model_of(cache.workspace().data.info("demo"))
    assert model is not None
    run = model.id
    lift = cache.lift(run)
    assert lift is not None and lift.after < 10 <= lift.before
    explanation = cache.explanation(run, lift.user, lift.item)
    assert explanation.held_out and explanation.stages[lift.stage].rank == lift.after
    app = open_page("tour", step="2")
    assert f"Shopper {lift.user}" in words(app) and "Shopper and item were chosen by a rule" in words(app)
    app.button(key="tour_next").click().run()
    assert address(app) == {"data": "demo", "run": run, "step": "3"}
    assert "The ★ is the hidden one: the model found it." in words(app)
    app.button(key="tour_next").click().run()
    said = words(app)
    for stage in explanation.stages:
        assert stage.rank is not None and f"place {stage.rank + 1:,}" in said
    lifting = explanation.stages[lift.stage]
    more = "because it suits this shopper" if lifting.own >= lifting.bias else "because many shoppers choose it"
    assert f"mostly because of the {lifting.behavior} step" in said and f"there more {more}" in said
    app.button(key="tour_next").click().run()
    assert "find their next purchase" in words(app)
    app.button(key="tour_next").click().run()
    assert app.button(key="tour_next").disabled
    app.button(key="tour_shopper").click().run()
    assert {"user": lift.user, "item": lift.item}.items() <= address(app).items()


def test_a_step_that_is_none_is_the_first_and_back_goes_back(open_page: Open) -> None:
    for asked in ("7", "0", "x", "²"):
        app = open_page("tour", data="shop", step=asked)
        assert "Step 1 of 6" in words(app) and app.button(key="tour_back").disabled
    app = open_page("tour", data="shop", step="3")
    app.button(key="tour_back").click().run()
    assert "Step 2 of 6" in words(app)


def test_the_tour_says_where_nobody_is_lifted(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]  # so small that it lifts nobody
    assert cache.lift(run) is None
    app = open_page("tour", data="shop", run=run, step="2")
    assert "Of no shopper whom we looked at" in words(app)
    for _ in range(4):
        app.button(key="tour_next").click().run()
        assert not app.error and not app.exception


def test_a_data_set_without_a_cascade_is_told_what_to_do(open_page: Open) -> None:
    app = open_page("tour", data="one")
    assert "The tour needs a trained cascade, and one has none yet" in words(app)
    app.button(key="tour_train").click().run()
    assert app.session_state["page"] == "train"


# Words


def test_the_glossary_lists_and_finds_words(open_page: Open) -> None:
    app = open_page("glossary")
    said = words(app)
    for word, entry in GLOSSARY.items():
        assert f"**{word}**" in said and entry.means in said
    app.text_input(key="glossary_search").set_value("Λ").run()
    assert "**loss weight**" in words(app) and "**rank**" not in words(app)
    app.text_input(key="glossary_search").set_value("nowhere").run()
    assert "No word here has “nowhere” in it." in words(app)
    assert [*matching("nlmnsdkn")] == ["run id"]


def test_a_help_is_two_sentences_or_three_of_the_glossarys() -> None:
    for word, entry in GLOSSARY.items():
        assert 1 <= len(re.findall(r"[.?](?:\s|$)", entry.means)) <= 3, word
    assert help_for("leak", "rank").startswith("**Leak**: What gives")
    with pytest.raises(KeyError):
        help_for("no such word")
