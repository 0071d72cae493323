"""The published results are what the kept files of the suites say, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtr.suites.outcome import SuiteResult
from nmtr.suites.tables import markdown

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", sorted(path.stem for path in (DOCS / "results").glob("*.json")))
def test_every_kept_result_is_shown_as_the_report_makes_it(name: str) -> None:
    made = markdown(SuiteResult.read(DOCS / "results" / f"{name}.json"))
    assert made in (DOCS / "results.md").read_text(encoding="utf-8")


def test_every_table_of_the_results_comes_from_a_kept_file_or_says_that_it_is_of_single_runs() -> None:
    made = [markdown(SuiteResult.read(path)) for path in (DOCS / "results").glob("*.json")]
    headings = [line for text in made for line in text.splitlines() if line.startswith("## ")]
    shown = [line for line in (DOCS / "results.md").read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert sorted(shown) == sorted([*headings, "## What they say", "## Single runs"])
