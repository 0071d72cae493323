"""The colors of the theme can be read; what Streamlit makes of them, the browser's tests check."""

from __future__ import annotations

import tomllib

import pytest

from tests.dashboard.conftest import APP
from tests.dashboard.test_charts import contrast

THEMES = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text())["theme"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_a_contrast_of_4_5_wherever_it_stands(theme: str) -> None:
    colors = THEMES[theme]
    papers = (colors["backgroundColor"], colors["secondaryBackgroundColor"])
    assert min(contrast(colors["textColor"], paper) for paper in papers) >= 4.5
    assert min(contrast(colors["linkColor"], paper) for paper in papers) >= 4.5
    assert contrast("#FFFFFF", colors["primaryColor"]) >= 4.5, "white on a button"
    assert min(contrast(colors["primaryColor"], paper) for paper in papers) >= 3, "the mark of the focus"
