"""The Train page's form, set to options that were chosen before: a preset of the data set, or another page's choice."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from dashboard import address, cache, guard
from dashboard.widgets import lambda_control
from dashboard.widgets.option_field import ADVANCED, DEFAULT
from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo
from nmtr.errors import ConfigError
from nmtr.workspace import presets as kept


def take_up(info: DatasetInfo) -> None:
    """Set the form to the config that another page, or the address, chose for this data set, once.

    ConfigError where the address holds none that a run of the data set can have.
    """
    config: RunConfig | None = st.session_state.pop("take_up", None)
    if config is None:
        config = _addressed(info)
    if config is None or config.data != info.name:
        return
    behaviors = config.behaviors or info.behaviors
    form = st.session_state
    form[f"train_behaviors_{info.fingerprint}"] = [
        behavior for behavior in info.behaviors[:-1] if behavior in behaviors
    ]
    form["train_protocol"], form["train_method"] = config.protocol, config.method
    for behavior in behaviors:
        form[f"train_unit_{behavior}"] = config.unit if isinstance(config.unit, str) else config.unit[behavior]
    lambda_control.preset("train", config.lambdas or (1 / len(behaviors),) * len(behaviors))
    for name in ADVANCED:
        value = getattr(config, name)
        form[f"train_{name}"] = DEFAULT if value is None and name == "loss" else value


def _addressed(info: DatasetInfo) -> RunConfig | None:
    """The options in the address, where they are not the ones that the form itself put there."""
    text = address.selected("options")
    if text is None or text == st.session_state.get("train_options"):
        return None
    st.session_state["train_options"] = text
    try:
        options = json.loads(text)
        config = RunConfig.parse({**options, "data": info.name})
    except (ValueError, TypeError, RecursionError):
        raise ConfigError(
            "the address must hold the options of a run as a page wrote them, and does not: open Train without them."
        ) from None
    config.resolve(info.behaviors)
    return config


def remember(options: dict[str, Any], info: DatasetInfo) -> None:
    """Have the address carry what was entered, so that a reload or a link brings it back."""
    count = len(info.behaviors)
    untouched = RunConfig.parse({"data": info.name, "behaviors": info.behaviors, "lambdas": (1 / count,) * count})
    entered = {name: value for name, value in options.items() if value != getattr(untouched, name)}
    text = json.dumps(entered, separators=(",", ":")) if entered else None
    st.session_state["train_options"] = text
    address.show(options=text)


def offer(info: DatasetInfo) -> None:
    """Every option of the form at once, as validation chose them before; nothing where there is no preset."""
    if there := kept.found(cache.workspace().home, info.name):
        st.selectbox(
            "Preset",
            list(there),
            index=None,
            placeholder="none",
            key="train_preset",
            help="Options that were chosen on validation for this data set, by a suite or in the λ lab: takes over all "
            "of this page, and can be changed then.",
            on_change=guard.callback(_use_preset, info.name),
        )


def _use_preset(data: str) -> None:
    name = st.session_state["train_preset"]
    if name is not None:
        options = kept.read(cache.workspace().home, data, name)
        st.session_state["take_up"] = RunConfig.parse(options | {"data": data})
