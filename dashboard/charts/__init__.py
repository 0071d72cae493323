"""Data to Plotly figures. No Streamlit: they are drawn for a theme, and a behavior keeps its color and symbol."""

from dashboard.charts.base import CONFIG, DARK, LIGHT, Theme
from dashboard.charts.comparison import Measured, intervals
from dashboard.charts.counts import funnel, histogram, shares
from dashboard.charts.curves import by_epoch, losses, validation
from dashboard.charts.groups import Parted, by_group, differences, parted
from dashboard.charts.looks import Look, looks
from dashboard.charts.stages import cascade, sketch, waterfall

__all__ = [
    "CONFIG",
    "DARK",
    "LIGHT",
    "Look",
    "Measured",
    "Parted",
    "Theme",
    "by_epoch",
    "by_group",
    "cascade",
    "differences",
    "funnel",
    "histogram",
    "intervals",
    "looks",
    "losses",
    "parted",
    "shares",
    "sketch",
    "validation",
    "waterfall",
]
