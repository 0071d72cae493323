"""What items can be chosen by, and a range of prices as an address has it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from nmtr.data.library import DatasetInfo

Ends = tuple[float, float]


def choices(table: pd.DataFrame | None) -> tuple[list[str], Ends | None]:
    """The categories of items, and their lowest and highest price in whole numbers; nothing where it is not told."""
    if table is None:
        return [], None
    categories = sorted(table["category"].dropna().astype(str).unique()) if "category" in table else []
    prices = table["price"].dropna() if "price" in table else pd.Series(dtype=float)
    ends = (float(np.floor(prices.min())), float(np.ceil(prices.max()))) if prices.nunique() > 1 else None
    return categories, ends


def of_dataset(info: DatasetInfo) -> tuple[list[str], Ends | None]:
    """The `choices` of a data set; kept, since a list of a shopper's is drawn often."""
    return _of_dataset(cache.home(), cache.version(info), info)


@st.cache_resource(max_entries=8, show_spinner=False)
def _of_dataset(home: str, version: str, _info: DatasetInfo) -> tuple[list[str], Ends | None]:
    return choices(cache.dataset(_info).attributes)


def within(asked: str | None, ends: Ends) -> Ends:
    """The range that an address asks for, as `10-25`, within the ends; the ends where it is none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", asked or "")
    if found is None:
        return ends
    low, high = max(float(found[1]), ends[0]), min(float(found[2]), ends[1])
    return (low, high) if low <= high else ends
