"""The options of a run under \"Advanced\", as the Train page and the λ lab say them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.text import plain
from nmtr.config import PROTOCOLS, Protocol, RunConfig
from nmtr.config.methods import METHODS

#: The options under "Advanced", in plain words; their help is the config's own text.
ADVANCED = {
    "solver": "Solver",
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
    "l2_scaling": "L2 by how much is known",
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
    "solver": {"descent": "Gradient descent", "als": "Least squares in turn (ALS)"},
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


def help_of(name: str) -> str:
    """What the config itself says of an option."""
    return plain(RunConfig.model_fields[name].description or "")


def protocol_note(protocol: str) -> str:
    """What a protocol does to the figures, in a line below its choice."""
    if protocol == "standard":
        return (
            ":material/warning: As published: the purchase that a model is tested on stays among the shopper's views "
            "and carts, so it can be read off. Take it to compare with papers, not to choose a model."
        )
    return "The purchase that a model is tested on is hidden from every behavior, as it would be in a shop."


def field(name: str, method: str, form: str) -> dict[str, Any]:
    """Draw one option of a method in a form (`train`, `lab`); what was chosen, or nothing where it is left as it is."""
    label, default = ADVANCED[name], RunConfig.model_fields[name].get_default(call_default_factory=True)
    shared: dict[str, Any] = {"key": f"{form}_{name}", "help": help_of(name), "persist_state": "session"}
    value: Any
    if name in CHOICES:
        offered = [DEFAULT, *METHODS[method].losses] if name == "loss" else [*CHOICES[name]]
        value = st.selectbox(label, offered, format_func=CHOICES[name].__getitem__, **shared)
    elif isinstance(default, bool):
        value = st.checkbox(label, default, **shared)
    elif name in FRACTIONS:
        value = st.number_input(
            label, value=default, step=0.01, format="%g", placeholder="default for this loss", **shared
        )
    else:
        value = st.number_input(label, value=default, step=1, placeholder="default for this loss", **shared)
    return {} if value in (None, DEFAULT, default) else {name: value}


def pick_protocol(form: str, help: str | None = None) -> Protocol:
    """The choice of a protocol in a form (`train`, `lab`, `live`)."""
    chosen: Protocol = st.segmented_control(
        "Protocol",
        PROTOCOLS,
        default=RunConfig.model_fields["protocol"].default,
        required=True,
        key=f"{form}_protocol",
        persist_state="session",
        help=help,
    )
    return chosen
