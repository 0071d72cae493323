"""The loss weights of three behaviors as one point in a triangle, to be dragged or moved by arrow keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import streamlit as st

_HTML = """
<svg viewBox="0 0 320 286" role="group">
  <polygon class="area" points="60,236 260,236 160,63"></polygon>
  <g class="grid"></g>
  <g class="corners"></g>
  <circle class="halo" r="20"></circle>
  <circle class="point" r="10" tabindex="0" role="slider" aria-label="Loss weights"
          aria-valuemin="0" aria-valuemax="1"></circle>
</svg>
"""

_CSS = """
svg { display: block; width: 100%; max-width: 320px; margin: 0 auto; touch-action: none; user-select: none;
      font-family: var(--st-font); }
.area { fill: var(--st-secondary-background-color); stroke: var(--st-border-color); stroke-width: 1.5;
        stroke-linejoin: round; cursor: crosshair; }
.grid line { stroke: var(--st-border-color); stroke-width: 1; pointer-events: none; }
.corners text { fill: var(--st-text-color); font-size: 14px; text-anchor: middle; }
.corners .weight { font-weight: 650; font-size: 15px; font-variant-numeric: tabular-nums; }
.halo { fill: var(--st-primary-color); opacity: 0; pointer-events: none; }
.point { fill: var(--st-primary-color); stroke: var(--st-background-color); stroke-width: 2.5; cursor: grab;
         outline: none; }
svg:focus-within .halo, .dragging .halo { opacity: 0.2; }
.dragging .point { cursor: grabbing; }
"""

# The first two behaviors at the base, the target on top. Python's weights are the truth: they are drawn on every run,
# except in the middle of a drag or while keys have not been sent yet.
_JS = """
const CORNERS = [[60, 236], [260, 236], [160, 63]];
const LABELS = [[52, 260], [268, 260], [160, 30]];
const KEYS = {ArrowUp: [-1, -1, 2], ArrowDown: [1, 1, -2], ArrowLeft: [2, -2, 0], ArrowRight: [-2, 2, 0]};
const states = new WeakMap();

function make(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function clamp(weights) {
  const positive = weights.map((weight) => Math.max(weight, 0));
  const sum = positive.reduce((a, b) => a + b, 0) || 1;
  const rounded = positive.map((weight) => Math.round(100 * weight / sum) / 100);
  rounded[2] = Math.round(100 * (1 - rounded[0] - rounded[1])) / 100;
  return rounded;
}

function weightsAt(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (point.x - cx) + (cx - bx) * (point.y - cy)) / area;
  const b = ((cy - ay) * (point.x - cx) + (ax - cx) * (point.y - cy)) / area;
  return clamp([a, b, 1 - a - b]);
}

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  const svg = parentElement.querySelector("svg");
  if (!svg) return;
  const [point, halo] = [svg.querySelector(".point"), svg.querySelector(".halo")];
  if (!states.has(parentElement)) {
    states.set(parentElement, { weights: data.weights, dragging: false, timer: null });
    for (let step = 1; step < 5; step++) {
      for (let corner = 0; corner < 3; corner++) {
        const [from, left, right] = [CORNERS[corner], CORNERS[(corner + 1) % 3], CORNERS[(corner + 2) % 3]];
        const at = (to) => [0, 1].map((axis) => from[axis] + (to[axis] - from[axis]) * step / 5);
        const [[x1, y1], [x2, y2]] = [at(left), at(right)];
        svg.querySelector(".grid").append(make("line", { x1, y1, x2, y2 }));
      }
    }
    for (const [x, y] of LABELS) {
      svg.querySelector(".corners").append(make("text", { x, y }), make("text", { x, y: y + 17, class: "weight" }));
    }
  }
  const state = states.get(parentElement);
  const texts = [...svg.querySelectorAll(".corners text")];

  function draw() {
    const along = (axis) => state.weights.reduce((sum, weight, i) => sum + weight * CORNERS[i][axis], 0);
    const [x, y] = [along(0), along(1)];
    for (const circle of [point, halo]) { circle.setAttribute("cx", x); circle.setAttribute("cy", y); }
    state.weights.forEach((weight, i) => {
      texts[2 * i].textContent = data.names[i];
      texts[2 * i + 1].textContent = weight.toFixed(2).replace(/^0/, "");
    });
    point.setAttribute("aria-valuenow", state.weights[2]);
    const spoken = data.names.map((name, i) => `${name} ${state.weights[i].toFixed(2)}`);
    point.setAttribute("aria-valuetext", spoken.join(", "));
  }

  function send() {
    clearTimeout(state.timer);
    state.timer = null;
    setStateValue("weights", state.weights);
  }

  if (!state.dragging && state.timer === null) state.weights = data.weights;
  draw();

  svg.onpointerdown = (event) => {
    if (event.button !== 0) return;
    state.dragging = true;
    svg.classList.add("dragging");
    svg.setPointerCapture(event.pointerId);
    point.focus({ preventScroll: true });
    state.weights = weightsAt(svg, event);
    draw();
    event.preventDefault();
  };
  svg.onpointermove = (event) => {
    if (!state.dragging) return;
    state.weights = weightsAt(svg, event);
    draw();
  };
  svg.onpointerup = svg.onpointercancel = () => {
    if (!state.dragging) return;
    state.dragging = false;
    svg.classList.remove("dragging");
    send();
  };
  point.onkeydown = (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    const size = event.shiftKey ? 0.05 : 0.01;
    state.weights = clamp(state.weights.map((weight, i) => weight + size * KEYS[event.key][i]));
    draw();
    clearTimeout(state.timer);
    state.timer = setTimeout(send, 300);
  };
  return () => clearTimeout(state.timer);
}
"""

_triangle = st.components.v2.component("nmtr_triangle", html=_HTML, css=_CSS, js=_JS)


def triangle(
    names: Sequence[str], weights: Sequence[float], on_change: Callable[[list[float]], None], key: str
) -> None:
    """Draw the triangle; `on_change` gets three weights that sum to 1, whatever the browser sent."""

    def moved() -> None:
        weights = checked(st.session_state[key].get("weights"))
        if weights is not None:
            on_change(weights)

    _triangle(key=key, data={"names": list(names), "weights": [round(w, 4) for w in weights]}, on_weights_change=moved)


def checked(sent: object) -> list[float] | None:
    """Three weights of at least 0 that sum to 1, of what the browser sent; None where it cannot be read so."""
    if not isinstance(sent, list) or len(sent) != 3 or not all(isinstance(weight, int | float) for weight in sent):
        return None
    positive = [max(float(weight), 0.0) if math.isfinite(weight) else 0.0 for weight in sent]
    return [weight / sum(positive) for weight in positive] if 0 < sum(positive) < math.inf else None
