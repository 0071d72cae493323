"""A shop of four shoppers and three items whose scores can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset, Origin
from nmtr.data.split import Split
from nmtr.evaluation.scorer import Scorer
from nmtr.explain import Fitted
from nmtr.models.nmtr import NMTR
from nmtr.models.scoring import NMTRScorer

USERS = (1.0, -1.0, 2.0, 0.0)
ITEMS = (1.0, 2.0, 0.0)
#: (R, N)
BIAS = ((0.0, 1.0, -1.0), (1.0, -1.0, 0.0))
# Each shopper viewed one item: with two negatives each and two items left, an unobserved pair weighs 2 · 1 / 2 = 1.
VIEWS = ((1, 0, 0), (1, 0, 0), (0, 1, 0), (1, 0, 0))
PURCHASES = ((1, 0, 0), (0, 0, 0), (1, 0, 0), (0, 0, 0))


def fitted_of(
    scorer: Scorer, views: Any = VIEWS, purchases: Any = PURCHASES, titles: bool = True, **options: Any
) -> Fitted:
    """A run as it is after training, with two negatives for each positive unless told."""
    view, buy = (csr_array(np.array(pairs, np.uint8)) for pairs in (views, purchases))
    num_users, num_items = view.shape
    nobodys = np.full(num_users, -1, np.int32)
    test_item = nobodys.copy()
    test_item[3] = 1
    dataset = Dataset(
        name="shop",
        behaviors=("view", "buy"),
        matrices=(view, buy),
        test_item=test_item,
        given_valid_item=nobodys,
        users=np.array([f"u{number}" for number in range(num_users)]),
        items=np.array([f"i{number}" for number in range(num_items)]),
        origin=Origin("test"),
        attributes=pd.DataFrame({"title": ["Cup", None, "Mug"], "price": [1.5, 2.0, np.nan]}) if titles else None,
    )
    chosen = {"loss": "sampled", "negatives": 2} | options
    config = RunConfig.parse({"data": "shop", **{k: v for k, v in chosen.items() if v is not None}})
    parts = Split("standard", (view, buy), nobodys, test_item, buy)
    return Fitted("abcdefgh", config.resolve(dataset.behaviors), dataset, parts, scorer)


def gmf(users: Any = USERS, items: Any = ITEMS, bias: Any = BIAS, **options: Any) -> NMTR:
    """Eq. 9 with f(p, q) = p q for both stages."""
    model = NMTR(len(users), len(items), ("gmf",) * len(bias), embedding_size=1, **options)
    with torch.no_grad():
        model.users.weight[:] = torch.tensor(users)[:, None]
        model.items.weight[:] = torch.tensor(items)[:, None]
        model.bias[:] = torch.tensor(bias)
    return model


@pytest.fixture
def fitted() -> Fitted:
    return fitted_of(NMTRScorer(gmf()))
