"""Data to Plotly figures. No Streamlit: they are drawn for a theme, and a behavior keeps its color and symbol."""

from dashboard.charts.along import Axis, costs, curve, parallel
from dashboard.charts.base import DARK, LIGHT, REFERENCE, Theme, saved_as
from dashboard.charts.comparison import Measured, intervals
from dashboard.charts.counts import activity, funnel, histogram, shares
from dashboard.charts.curves import by_epoch, losses, validation
from dashboard.charts.groups import Parted, by_group, by_slice, differences, exchanged, parted
from dashboard.charts.items import Crowd, Spots, crowd, item_map, spread, steps
from dashboard.charts.listed import Buyers, buyers, listed
from dashboard.charts.looks import Look, kinds, looks
from dashboard.charts.makeup import Makeup, makeups
from dashboard.charts.reliability import reliability
from dashboard.charts.search import Try, history, importance, slices
from dashboard.charts.spots import Spot, scale
from dashboard.charts.stages import cascade, sketch, waterfall
from dashboard.charts.triangles import triangle

__all__ = [
    "DARK",
    "LIGHT",
    "REFERENCE",
    "Axis",
    "Buyers",
    "Crowd",
    "Look",
    "Makeup",
    "Measured",
    "Parted",
    "Spot",
    "Spots",
    "Theme",
    "Try",
    "activity",
    "buyers",
    "by_epoch",
    "by_group",
    "by_slice",
    "cascade",
    "costs",
    "crowd",
    "curve",
    "differences",
    "exchanged",
    "funnel",
    "histogram",
    "history",
    "importance",
    "intervals",
    "item_map",
    "kinds",
    "listed",
    "looks",
    "losses",
    "makeups",
    "parallel",
    "parted",
    "reliability",
    "saved_as",
    "scale",
    "shares",
    "sketch",
    "slices",
    "spread",
    "steps",
    "triangle",
    "validation",
    "waterfall",
]
