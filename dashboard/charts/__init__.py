"""Data to Plotly figures. No Streamlit: they are drawn for a theme, and a behavior keeps its color and symbol."""

from dashboard.charts.base import CONFIG, DARK, LIGHT, Theme
from dashboard.charts.comparison import Measured, intervals
from dashboard.charts.counts import funnel, histogram, shares
from dashboard.charts.curves import losses, validation
from dashboard.charts.stages import cascade, sketch, waterfall

__all__ = [
    "CONFIG",
    "DARK",
    "LIGHT",
    "Measured",
    "Theme",
    "cascade",
    "funnel",
    "histogram",
    "intervals",
    "losses",
    "shares",
    "sketch",
    "validation",
    "waterfall",
]
