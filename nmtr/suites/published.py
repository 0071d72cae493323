"""What the paper says beside its figures for methods: its Tables I and II."""

from __future__ import annotations

#: The paper's Table I.
PAPER_STATISTICS = {
    "beibei": {"users": 21_716, "items": 7_977, "buy": 295_622, "cart": 642_622, "view": 2_412_586},
    "tmall": {"users": 15_670, "items": 9_076, "buy": 136_648, "view": 813_396},
}
#: The paper's Table II; all by Adagrad, regularization of embeddings and of towers.
PAPER_OPTIONS = {
    ("beibei", "nmtr-gmf"): "learning rate .01, λ 1/3, 1/3, 1/3, L2 0, 1e-5",
    ("beibei", "nmtr-mlp"): "learning rate .01, 3 layers, λ 1/3, 1/3, 1/3, L2 0, 1e-5",
    ("beibei", "nmtr-neumf"): "learning rate .01, 3 layers, λ 1/3, 1/3, 1/3, L2 0, 1e-5",
    ("tmall", "nmtr-gmf"): "learning rate .01, λ .4, .6, L2 .5e-5",
    ("tmall", "nmtr-mlp"): "learning rate .01, 3 layers, λ .5, .5, L2 0, 1e-5",
    ("tmall", "nmtr-neumf"): "learning rate .05, 3 layers, λ .4, .6, L2 0, 0",
}
