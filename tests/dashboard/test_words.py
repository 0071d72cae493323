import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.text import (
    and_list,
    chance,
    duration,
    gap,
    headline,
    hits,
    item_name,
    metric,
    odds,
    one_in,
    p_value,
    past,
    plain,
    share,
    shift,
    signed,
    unmarked,
)
from nmtr.chances import Chance
from nmtr.explain import Explanation, Stage


def explanation(*ranks: int, candidates: int = 7977, bought: bool = False) -> Explanation:
    names = ("view", "cart", "buy")[3 - len(ranks) :]
    stages = tuple(
        Stage(name, inherited=float(r), own=0.7, bias=0.3, logit=r + 1.0, probability=0.6, rank=rank)
        for r, (name, rank) in enumerate(zip(names, ranks, strict=True))
    )
    rank = ranks[-1] if ranks else 9
    return Explanation("u1", "i1", None, rank, candidates, float(len(ranks)), stages, bought, False)


def test_headline_names_the_stage_that_lifts_the_item_most() -> None:
    assert headline(explanation(40, 4, 2)) == "Rank 3 of 7,977: mostly because of the cart"


def test_headline_says_so_where_the_first_stage_decides() -> None:
    assert headline(explanation(3, 2, 2)) == "Rank 3 of 7,977: the view brings it there, cart and buy hardly move it"


def test_headline_says_so_where_later_stages_hold_the_item_back() -> None:
    assert headline(explanation(2, 40, 90)) == "Rank 91 of 7,977: held back after the view, which ranks it 3"


def test_headline_of_one_behavior_names_it_alone() -> None:
    assert headline(explanation(4)) == "Rank 5 of 7,977: from buy alone"


def test_headline_without_stages_is_the_rank() -> None:
    assert headline(explanation()) == "Rank 10 of 7,977"


def test_headline_of_a_bought_item_says_that_it_is_not_recommended() -> None:
    assert headline(explanation(40, 4, 2, bought=True)).startswith("Already bought; would stand at rank 3")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (chance(Chance(1 / 40, 1 / 50, 1 / 33, None, None)), "about 1 in 40 (1 in 50 to 1 in 35)"),
        (chance(Chance(0.31, None, None, None, None)), "about 3 in 10"),
        (odds(0.31), "3 in 10"),
        (one_in(1 / 38), "1 in 38"),
        (one_in(0.43), "43 in 100"),
        (one_in(1 / 12_345), "1 in 12,000"),
        (one_in(0.0), "none"),
        (signed(-0.361), "−0.36"),
        (share(0.62), "62 %"),
        (share(0.004), "0.4 %"),
        (metric(0.3068, 0.0061), ".307 ± .006"),
        (gap(0.0412, 0.008), "+.041 ± .008"),
        (gap(-0.0123), "−.012"),
        (gap(-0.0001), "+.000"),
        (p_value(0.0004), "p < .001"),
        (p_value(0.0341), "p = .034"),
        (p_value(1.0), "p = 1.000"),
        (p_value(None), ""),
        (duration(40), "40 s"),
        (duration(130), "2 min"),
        (duration(4200), "1 h 10 min"),
        (hits(60), "a hit at 80, 100, 200"),
        (hits(200), "no hit within 200"),
        (shift(2, 14), "↑ 12"),
        (shift(4, 1), "↓ 3"),
        (shift(4, 4), "="),
        (item_name("Romper", "7"), "Romper"),
        (item_name(None, "7599"), "item 7599"),
        (and_list(["a", "b", "c"]), "a, b and c"),
        (past("cart"), "carted"),
        (past("test-drive"), "test-drive"),
    ],
)
def test_words_are_written_as_people_read_them(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.text())
def test_plain_text_leaves_no_punctuation_for_markdown_to_read(text: str) -> None:
    escaped = plain(text)
    bare = [c for before, c in zip(" " + escaped, escaped, strict=False) if c in "*_[]<>`$!:#" and before != "\\"]
    assert bare == []


def test_plotly_text_shows_tags_as_they_are() -> None:
    assert unmarked("<b>Romper</b> & co") == "&lt;b&gt;Romper&lt;/b&gt; &amp; co"
