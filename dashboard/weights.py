"""λ as one object: presets, and a slider, a triangle or fields; whatever is moved, the weights sum to 1."""

from __future__ import annotations

import streamlit as st

from dashboard.triangle import triangle
from dashboard.words import SUBSCRIPTS, plain
from nmtr.config import UNIT_NAMES
from nmtr.config.methods import Unit

#: Table II of the paper: Beibei's weights for three behaviors, whatever the unit, and Tmall's for two, by unit.
PAPER_THREE = (1 / 3, 1 / 3, 1 / 3)
PAPER_TWO: dict[Unit, tuple[float, float]] = {"gmf": (0.4, 0.6), "mlp": (0.5, 0.5), "neumf": (0.4, 0.6)}


def choose(behaviors: tuple[str, ...], unit: Unit | dict[str, Unit]) -> tuple[float, ...]:
    """The weight of each behavior, as it stands."""
    count = len(behaviors)
    weights: list[float] = st.session_state.setdefault("weights", [])
    if len(weights) != count:
        weights = st.session_state["weights"] = [1 / count] * count
    if count == 1:
        st.caption(f"{plain(behaviors[0])} is the only behavior, so its weight is 1.")
        return (1.0,)
    _presets(count, unit)
    if count == 2:
        _slider(behaviors, weights)
    elif count == 3:
        picture, fields = st.columns([1.7, 1], vertical_alignment="center")
        with picture:
            triangle(behaviors, weights, _weigh, key="triangle")
        with fields:
            _fields(behaviors, weights)
    else:
        _fields(behaviors, weights, sliders=True)
    return tuple(weights)


def _presets(count: int, unit: Unit | dict[str, Unit]) -> None:
    paper, why = _paper(count, unit)
    equal, target = (1 / count,) * count, (0.0,) * (count - 1) + (1.0,)
    with st.container(horizontal=True, gap="small"):
        for name, values, text in (
            ("paper", paper, why),
            ("equal", equal, "All behaviors weigh the same."),
            ("target only", target, "The behaviors before the target are not learned from."),
        ):
            st.button(
                name,
                key=f"preset_{name}",
                help=text,
                disabled=values is None,
                on_click=_weigh,
                args=([*(values or ())],),
            )


def _paper(count: int, unit: Unit | dict[str, Unit]) -> tuple[tuple[float, ...] | None, str]:
    """The paper's weights for this number of behaviors and this unit, None where it has none; and where from."""
    if count == 3:
        return PAPER_THREE, "Table II of the NMTR paper, for Beibei: thirds, whatever the unit."
    if count != 2:
        return None, f"The NMTR paper gives weights for two and for three behaviors; these are {count}."
    if not isinstance(unit, str):
        return None, "The NMTR paper gives weights for two behaviors of the same unit; these have one each."
    return PAPER_TWO[unit], f"Table II of the NMTR paper, for two behaviors of Tmall with {UNIT_NAMES[unit]}."


def _weigh(weights: list[float]) -> None:
    st.session_state["weights"] = weights


def _slider(behaviors: tuple[str, ...], weights: list[float]) -> None:
    lower, target = (plain(behavior) for behavior in behaviors)
    st.session_state["weight_slider"] = round(weights[1], 2)
    st.slider(
        f"{lower} {weights[0]:.2f} ← → {target} {weights[1]:.2f}",
        0.0,
        1.0,
        step=0.01,
        key="weight_slider",
        on_change=lambda: _weigh([1 - st.session_state["weight_slider"], st.session_state["weight_slider"]]),
    )


def _fields(behaviors: tuple[str, ...], weights: list[float], sliders: bool = False) -> None:
    for r, (behavior, weight) in enumerate(zip(behaviors, weights, strict=True)):
        key = f"weight_{r}"
        label = f"{plain(behavior)} (λ{str(r + 1).translate(SUBSCRIPTS)})"
        st.session_state[key] = round(weight, 2)
        draw = st.slider if sliders else st.number_input
        draw(label, 0.0, 1.0, step=0.01, key=key, on_change=_rebalance, args=(r,))


def _rebalance(moved: int) -> None:
    """Keep what was entered; the others share the rest in the proportions that they had."""
    weights = list(st.session_state["weights"])
    entered = min(max(float(st.session_state[f"weight_{moved}"]), 0.0), 1.0)
    rest = sum(weights) - weights[moved]
    for r in range(len(weights)):
        if r != moved:
            weights[r] = (1 - entered) * (weights[r] / rest if rest > 0 else 1 / (len(weights) - 1))
    weights[moved] = entered
    st.session_state["weights"] = weights
