"""The options of a run under \"Advanced\", as the Train page and the λ lab say them."""

from __future__ import annotations

#: The options under "Advanced", in plain words; their help is the config's own text.
ADVANCED = {
    "loss": "Loss",
    "cascade": "Cascade",
    "embedding": "Embeddings",
    "training": "Training",
    "shared_side": "Shared side",
    "item_bias": "Bias for each item",
    "unseen_share": "Share of unseen negatives",
    "unobserved_weight": "Weight of the unobserved",
    "epochs": "Most epochs",
    "patience": "Patience, in epochs",
    "rank_every": "Validate every … epochs",
    "embedding_size": "Embedding size E",
    "layers": "Hidden layers",
    "negatives": "Negatives ρ",
    "dropout": "Dropout",
    "optimizer": "Optimizer",
    "initial_scale": "Initial scale",
    "learning_rate": "Learning rate",
    "l2_embeddings": "L2 on embeddings",
    "l2_towers": "L2 on units",
    "batch_size": "Batch size",
    "validation": "Validation purchase",
    "seed": "Seed",
    "threads": "Threads",
    "refit": "Refit on training + validation",
    "watch_test": "Watch the test by epoch",
    "hold_out_lower": "Test lower behaviors, too",
}
DEFAULT = "default"  # left to the core
#: The choices of an option, in plain words.
CHOICES = {
    "loss": {
        DEFAULT: "Default for the units",
        "exact": "Exact, all items",
        "sampled": "Sampled items",
        "shared": "Shared samples",
        "squared": "Squared, all items",
    },
    "cascade": {"sum": "Sum (the paper)", "mean": "Mean with the stage before", "none": "None"},
    "embedding": {"shared": "Shared by behaviors", "separate": "One for each behavior"},
    "training": {"joint": "All behaviors at once", "sequential": "One after the other"},
    "shared_side": {"item": "Items", "user": "Shoppers"},
    "validation": {"random": "Any of a shopper's", "newest": "The newest item's"},
    "optimizer": {"adagrad": "Adagrad", "adam": "Adam"},
}
FRACTIONS = {
    *("unobserved_weight", "unseen_share", "dropout", "initial_scale"),
    *("learning_rate", "l2_embeddings", "l2_towers"),
}
