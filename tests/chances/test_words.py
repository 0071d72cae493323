"""Chances in words."""

from __future__ import annotations

import pytest

from nmtr.chances import about


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (0.97, "more than 19 in 20"),
        (0.62, "about 6 in 10"),
        (0.3, "about 3 in 10"),
        (0.29, "about 3 in 10"),
        (0.28, "about 1 in 4"),
        (0.1001, "about 1 in 10"),
        (0.024, "about 1 in 40"),
        (1 / 98.9, "about 1 in 100"),
        (1 / 437, "about 1 in 440"),
        (1 / 12_345, "about 1 in 12,000"),
        (1e-9, "less than 1 in 1,000,000"),
        (0.0, "less than 1 in 1,000,000"),
    ],
)
def test_chance_has_as_many_digits_as_it_can_bear(chance: float, words: str) -> None:
    assert about(chance) == words


def test_words_never_make_the_less_likely_the_more_likely() -> None:
    def read(words: str) -> float:
        parts = words.replace(",", "").split()
        return float(parts[-3]) / float(parts[-1])

    chances = [10 ** (-step / 50) for step in range(300)]
    said = [read(about(chance)) for chance in chances]
    assert said == sorted(said, reverse=True)
    assert all(0.7 < one / other < 1.3 for one, other in zip(said, chances, strict=True))
