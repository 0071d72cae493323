"""The What-if page in-process: changes of a history, the list that follows, the address, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache
from nmtr.config import RunConfig
from tests.dashboard.conftest import HOSTILE, Open, Runs, address, shops, words
from tests.dashboard.test_pages import listed


def chips(app: AppTest, behavior: str) -> list[str]:
    """The items that count in the history, by the chips of a behavior."""
    return [*app.button_group(key=f"whatif_chips_{behavior}").value]


def take_out(app: AppTest, behavior: str, item: str) -> None:
    group = app.button_group(key=f"whatif_chips_{behavior}")
    group.set_value([own for own in group.value if own != item]).run()


def add(app: AppTest, behavior: str, item: str) -> None:
    app.selectbox(key=f"whatif_add_{behavior}").set_value(item).run()


def test_nobody_gets_the_mean_list_and_an_added_cart_changes_it(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("whatif", run=run)
    assert not app.error and not app.exception
    assert "user" not in address(app) and "mean of all shoppers" in words(app)
    assert "history is empty" in words(app) and app.button(key="whatif_reasons").disabled
    first = list(listed(app)["item"])
    add(app, "cart", "i5")
    assert address(app)["add"] == "cart:i5" and chips(app, "cart") == ["i5"]
    expected = cache.whatif(run, None, add=(("cart", "i5"),)).recommend(20)
    assert [item.title for item in expected.items] == list(listed(app)["item"]) != first
    assert "1 added" in words(app)


def test_an_entry_is_taken_out_put_back_and_the_places_are_compared(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("whatif", run=run, user="u3")
    before = cache.whatif(run, "u3")
    assert "vs before" not in listed(app)
    bought = next(entry.item for entry in before.history if entry.behavior == "buy")
    assert set(chips(app, "buy")) == {entry.item for entry in before.history if entry.behavior == "buy"}
    take_out(app, "buy", bought)
    assert address(app)["remove"] == f"buy:{bought}" and bought not in chips(app, "buy")
    after = cache.whatif(run, "u3", remove=(("buy", bought),)).recommend(20)
    moves = dict(zip([item.item for item in after.items], listed(app)["vs before"], strict=True))
    for item in after.items:
        place = before.place(item.item)
        if place is None:
            assert item.item == bought and moves[item.item] == "new"
        else:
            assert {"↑": 1, "↓": -1, "=": 0}[moves[item.item][0]] * int(moves[item.item][1:] or 0) == place - item.rank
    group = app.button_group(key="whatif_chips_buy")
    group.set_value([*group.value, bought]).run()
    assert "remove" not in address(app) and "add" not in address(app) and "vs before" not in listed(app)


def test_the_address_reopens_the_changes_and_one_click_takes_all_back(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    shop = cache.whatif(run, "u3")
    carted = {entry.item for entry in shop.history if entry.behavior == "cart"}
    new = next(f"i{n}" for n in range(40) if f"i{n}" not in carted)
    app = open_page("whatif", run=run, user="u3", add=f"cart:{new}", remove=f"cart:{min(carted)}", without="view")
    assert not app.error
    assert set(chips(app, "cart")) == carted - {min(carted)} | {new}
    assert "not retrained" in words(app) and app.selectbox(key="whatif_without").value == "view"
    app.button(key="whatif_back").click().run()
    assert not {"add", "remove", "without"} & set(address(app))
    assert set(chips(app, "cart")) == carted


def test_a_stage_that_is_switched_off_adds_nothing(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("whatif", run=run, user="u3")
    app.selectbox(key="whatif_without").set_value("cart").run()
    assert address(app)["without"] == "cart" and "not retrained" in words(app)
    expected = cache.whatif(run, "u3", without="cart").recommend(20)
    assert [item.title for item in expected.items] == [name.removeprefix("★ ") for name in listed(app)["item"]]


def test_reasons_are_told_when_asked_for_and_one_can_be_taken_out(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page("whatif", run=run, user="u3")
    assert "the score is" not in words(app)
    item = address(app)["item"]
    app.button(key="whatif_reasons").click().run()
    found = cache.whatif(run, "u3").reasons(item)
    assert found.reasons
    for reason in found.reasons:
        assert f"{reason.entry.title}" in words(app) and f"score is {reason.drop:.2f} lower" in words(app)
    app.button(key="whatif_reason_0").click().run()
    worst = found.reasons[0].entry
    assert address(app)["remove"] == f"{worst.behavior}:{worst.item}"
    assert "the score is" not in words(app), "they were those of another history"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"add": "cart:nothing"}, "item must be one of"),
        ({"add": "wish:i1"}, "a behavior must be one of view, cart, buy"),
        ({"add": "cart:i1,cart:i1"}, "in the history already"),
        ({"remove": "cart:i1"}, "cart of i1 is not"),
        ({"without": "wish"}, "must be one of view, cart, buy"),
        ({"add": "cart=i1"}, "must look like cart:item"),
    ],
)
def test_changes_that_cannot_be_made_are_a_sentence_and_can_be_taken_back(
    open_page: Open, runs: Runs, asked: dict[str, str], sentence: str
) -> None:
    app = open_page("whatif", run=runs["shop clean nmtr"], **asked)
    assert not app.exception and sentence in app.error[0].value.replace("\\", "")
    app.button(key="whatif_forget").click().run()
    assert not app.error and not {"add", "remove", "without"} & set(address(app))
    assert len(listed(app)) == 20


def test_another_shopper_starts_without_the_changes(open_page: Open, runs: Runs) -> None:
    app = open_page("whatif", run=runs["shop clean nmtr"], add="buy:i5", without="view")
    app.selectbox(key="pick_user").set_value("u4").run()
    assert address(app)["user"] == "u4" and not {"add", "remove", "without"} & set(address(app))
    app.selectbox(key="pick_user").set_value("").run()
    assert "user" not in address(app) and not app.error


def test_titles_of_a_history_are_never_markdown(open_page: Open, runs: Runs) -> None:
    app = open_page("whatif", run=runs["shop clean nmtr"], add="cart:i7,view:i7", item="i7")
    assert not app.error
    (option,) = [o.content for o in app.button_group(key="whatif_chips_cart").proto.options]
    assert "**bold**" not in option and "\\*\\*bold" in option
    assert not any("example.org/x.png" in element.value for element in [*app.markdown, *app.caption])
    assert HOSTILE.split()[0] in words(app)


def test_a_method_without_a_cascade_follows_too_and_says_what_it_does_not_read(open_page: Open, runs: Runs) -> None:
    app = open_page("whatif", run=runs["shop standard popularity"], add="cart:i5")
    assert not app.error and "they move nothing" in words(app)
    assert not [select for select in app.selectbox if select.key == "whatif_without"]
    assert set(listed(app)["vs before"]) == {"="}


def test_the_shopper_page_leads_here(open_page: Open, runs: Runs) -> None:
    run = runs["shop clean nmtr"]
    app = open_page(run=run, user="u3")
    app.button(key="what_if").click().run()
    assert app.session_state["page"] == "whatif" and address(app)["user"] == "u3" and address(app)["run"] == run


def test_a_method_that_refuses_says_why_and_leads_to_one_that_does_not(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = shops(tmp_path)
    small = {"data": "shop", "epochs": 1, "embedding_size": 4, "threads": 1}
    refused, served = (workspace.train(RunConfig.parse({**small, "method": method})).id for method in ("mc-mlp", "gmf"))
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    app = open_page("whatif", run=refused)
    assert not app.error and "learns from pairs of items" in words(app)
    app.button(key="with_history").click().run()
    assert address(app)["run"] == served and len(listed(app)) == 20
