"""Writes rectools_lists.json: small lists with what RecTools makes of them, for `tests/test_lists.py`.

RecTools needs older libraries than NMTR's, so it has an environment of its own:
python3 -m venv /tmp/rectools && /tmp/rectools/bin/pip install rectools
/tmp/rectools/bin/python tests/peers/rectools_lists.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import rectools
from rectools import Columns
from rectools.metrics import AvgRecPopularity, CatalogCoverage, IntraListDiversity, MeanInvUserFreq
from rectools.metrics.distances import PairwiseHammingDistanceCalculator

USERS, ITEMS, K, CATEGORIES = 30, 40, 10, 5


def main() -> None:
    rng = np.random.default_rng(7)
    # Some items are bought by many, and the last five by nobody.
    bought = [
        (user, int(item)) for user in range(USERS) for item in np.unique(rng.geometric(0.12, 6) - 1) if item < ITEMS - 5
    ]
    lists = np.stack([rng.permutation(ITEMS)[:K] for _ in range(USERS)])
    category = rng.integers(CATEGORIES, size=ITEMS)
    reco = pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(USERS), K),
            Columns.Item: lists.ravel(),
            Columns.Rank: np.tile(np.arange(1, K + 1), USERS),
        }
    )
    before = pd.DataFrame(bought, columns=[Columns.User, Columns.Item])
    distance = PairwiseHammingDistanceCalculator(pd.DataFrame({"category": category}, index=np.arange(ITEMS)))
    figures = {
        "novelty": MeanInvUserFreq(K).calc_per_user(reco, before),
        "popularity": AvgRecPopularity(K).calc_per_user(reco, before),
        "diversity": IntraListDiversity(K, distance).calc_per_user(reco),
    }
    coverage = CatalogCoverage(K, normalize=True).calc(reco[reco[Columns.User] < 3], np.arange(ITEMS))
    found = {
        "rectools": rectools.__version__,
        "items": ITEMS,
        "bought": bought,
        "lists": lists.tolist(),
        "category": category.tolist(),
        "coverage_of_three_users": float(coverage),
        **{name: values.sort_index().tolist() for name, values in figures.items()},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
