"""λ as one object: presets, and a slider, a triangle or fields with locks; whatever is moved, the weights sum to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import streamlit as st

from dashboard import guard
from dashboard.text import SUBSCRIPTS, plain
from dashboard.widgets import simplex
from dashboard.widgets.triangle import triangle
from nmtr.config import UNIT_NAMES
from nmtr.config.methods import Unit
from nmtr.paper import optimum, table2

_MARK = 1e-10
_REMEMBERED = 50  # moves


def choose(behaviors: tuple[str, ...], unit: Unit | dict[str, Unit], place: str) -> tuple[float, ...]:
    """The weight of each behavior, as it stands in a place of the app; each place has its own."""
    control = _Control(place, behaviors)
    if len(control.weights) != len(behaviors):
        control.set([1 / len(behaviors)] * len(behaviors))
        st.session_state[control.key("locks")] = set()
    return control.draw(unit)


def preset(place: str, weights: Sequence[float]) -> None:
    """Set the weights of a place of the app, all of them free."""
    st.session_state[f"{place}_weights"] = [*weights]
    st.session_state[f"{place}_locks"] = set()


@dataclass(frozen=True)
class _Control:
    """The control in one place; its weights and locks are in the session, where all of its widgets move them."""

    place: str
    behaviors: tuple[str, ...]

    def key(self, name: str) -> str:
        return f"{self.place}_{name}"

    @property
    def weights(self) -> simplex.Weights:
        weights: simplex.Weights = st.session_state.get(self.key("weights"), [])
        return weights

    @property
    def locked(self) -> set[int]:
        locked: set[int] = st.session_state.setdefault(self.key("locks"), set())
        return locked

    def set(self, weights: Sequence[float]) -> None:
        st.session_state[self.key("weights")] = [*weights]

    @property
    def _drawn(self) -> list[tuple[float, ...]]:
        drawn: list[tuple[float, ...]] = st.session_state.setdefault(self.key("drawn"), [])
        return drawn

    def _marked(self) -> tuple[float, ...]:
        """The weights as the widgets get them: to the hundredth, and a mark below the sixth decimal for each move.

        A browser that has not drawn a move yet sends the weights before it with whatever is clicked next. By the mark
        these are known from what a visitor enters, which else would undo the move.
        """
        shown, drawn = simplex.rounded(self.weights), self._drawn
        if drawn and len(drawn[-1]) != len(shown):
            drawn.clear()
        if not drawn or [round(weight, 2) for weight in drawn[-1]] != shown:
            turn = st.session_state[self.key("turn")] = st.session_state.get(self.key("turn"), 0) % 1000 + 1
            drawn.append(tuple(weight + turn * (_MARK if weight < 0.5 else -_MARK) for weight in shown))
            del drawn[:-_REMEMBERED]
        return drawn[-1]

    def draw(self, unit: Unit | dict[str, Unit]) -> tuple[float, ...]:
        count = len(self.behaviors)
        if count == 1:
            st.caption(f"{plain(self.behaviors[0])} is the only behavior, so its weight is 1.")
            return (1.0,)
        self._presets(unit)
        if count == 2:
            self._slider()
        elif count == 3:
            with st.container(key=self.key("weighing")):
                picture, fields = st.columns([1.55, 1], vertical_alignment="center")
            with picture:
                triangle(self.behaviors, self.weights, self.locked, self._drag, key=self.key("triangle"))
            with fields:
                self._fields()
        else:
            self._fields(sliders=True)
        if exact := _finer(self.weights):
            st.caption(f"exactly {exact}")
        return tuple(self.weights)

    def _presets(self, unit: Unit | dict[str, Unit]) -> None:
        count = len(self.behaviors)
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
                    key=self.key(f"preset_{name}"),
                    help=text + (" It opens all locks." if count > 2 else ""),
                    disabled=values is None,
                    on_click=guard.callback(preset, self.place, values or ()),
                )

    def _slider(self) -> None:
        key = self.key("weight_slider")
        weights = simplex.rounded(self.weights)
        lower, target = (plain(behavior) for behavior in self.behaviors)
        st.session_state[key] = self._marked()[1]
        st.slider(
            f"{lower} {weights[0]:.2f} ← → {target} {weights[1]:.2f}",
            0.0,
            1.0,
            step=0.01,
            key=key,
            on_change=guard.callback(self._enter, 1, key),
        )

    def _fields(self, sliders: bool = False) -> None:
        """A field for each weight, which the others follow, and a lock at its side."""
        for r, (behavior, weight) in enumerate(zip(self.behaviors, self._marked(), strict=True)):
            key, locked = self.key(f"weight_{r}"), r in self.locked
            st.session_state[key] = weight
            draw = st.slider if sliders else st.number_input
            with st.container(horizontal=True, vertical_alignment="bottom", gap=None, key=self.key(f"field_{r}")):
                draw(
                    f"{plain(behavior)} (λ{str(r + 1).translate(SUBSCRIPTS)})",
                    0.0,
                    1.0,
                    step=0.01,
                    key=key,
                    disabled=locked or self._free <= 1,
                    on_change=guard.callback(self._enter, r, key),
                )
                with st.container(key=self.key(f"padlock_{r}"), width="content"):
                    st.button(
                        f"{'Unlock' if locked else 'Lock'} {plain(behavior)}",
                        key=self.key(f"lock_{r}"),
                        icon=":material/lock:" if locked else ":material/lock_open:",
                        type="tertiary",
                        help="Let it move again." if locked else "Keep this weight as it is while others move.",
                        on_click=guard.callback(self._lock, r),
                    )

    @property
    def _free(self) -> int:
        return len(self.behaviors) - len(self.locked)

    def _enter(self, moved: int, key: str) -> None:
        entered = float(st.session_state[key])
        if entered not in (drawn[moved] for drawn in self._drawn):
            self.set(simplex.entered(self.weights, self.locked, moved, round(entered, 6)))

    def _drag(self, wanted: list[float]) -> None:
        self.set(simplex.placed(self.weights, self.locked, wanted))

    def _lock(self, which: int) -> None:
        st.session_state[self.key("locks")] = self.locked ^ {which}


def _finer(weights: Sequence[float]) -> str:
    """The weights as fractions where hundredths do not say them: ``1/3 · 1/3 · 1/3``."""
    if all(abs(weight - shown) < 1e-9 for weight, shown in zip(weights, simplex.rounded(weights), strict=True)):
        return ""
    return " · ".join(str(Fraction(weight).limit_denominator(60)) for weight in weights)


def _paper(count: int, unit: Unit | dict[str, Unit]) -> tuple[tuple[float, ...] | None, str]:
    """The paper's weights for this number of behaviors and this unit, None where it has none; and where from."""
    if found := table2(count):
        return found.lambdas, f"Table II of the NMTR paper, for {found.dataset}, whatever the unit."
    if isinstance(unit, str) and (found := table2(count, unit)):
        return found.lambdas, f"Table II of the NMTR paper, for {found.dataset} with {UNIT_NAMES[unit]}."
    if optimum(count) is None:
        return None, f"The NMTR paper gives weights for two and for three behaviors; these are {count}."
    return None, f"The NMTR paper gives weights for {count} behaviors of the same unit; these have one each."
