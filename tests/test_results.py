"""The published results are what the kept files of the suites say, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtr.suites.outcome import Outcome
from nmtr.suites.tables import markdown

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", sorted(path.stem for path in (DOCS / "results").glob("*.json")))
def test_every_kept_result_is_shown_as_the_report_makes_it(name: str) -> None:
    made = markdown(Outcome.read(DOCS / "results" / f"{name}.json"))
    assert made in (DOCS / "results.md").read_text(encoding="utf-8")
