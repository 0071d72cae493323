"""The loss weights of three behaviors as one point in a triangle, to be dragged or moved by arrow keys.

A locked weight holds the point to a line, two hold it where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import streamlit as st

from dashboard import guard
from dashboard.widgets.simplex import readable, rounded

_HTML = """
<svg viewBox="0 0 320 286" role="group">
  <polygon class="area" points="60,236 260,236 160,63"></polygon>
  <g class="grid"></g>
  <line class="track"></line>
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
.corners path { fill: none; stroke: var(--st-text-color); stroke-width: 1.6; }
.track { stroke: var(--st-primary-color); stroke-width: 2; stroke-dasharray: 5 4; pointer-events: none; }
.fixed .area, .fixed .point { cursor: not-allowed; }
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
const PADLOCK = "M-4 0h8v6h-8z M-2.5 0v-2.5a2.5 2.5 0 0 1 5 0v2.5";
const states = new WeakMap();

function make(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// As `_share` in simplex.py: whole hundredths that sum to `total`, nearest to the parts' proportions.
function share(total, parts) {
  const whole = parts.reduce((a, b) => a + b, 0);
  const exact = parts.map((part) => whole > 0 ? total * part / whole : total / parts.length);
  const shares = exact.map((value) => Math.floor(value + 1e-9));
  const order = [...exact.keys()].sort((a, b) => (exact[b] - shares[b]) - (exact[a] - shares[a]) || b - a);
  const left = total - shares.reduce((a, b) => a + b, 0);
  for (const i of order.slice(0, left)) shares[i] += 1;
  return shares;
}

// The nearest place to `wanted` where the locked weights are as they were; all in hundredths.
function land(wanted, weights, locked) {
  const free = [0, 1, 2].filter((i) => !locked[i]);
  if (free.length < 2) return weights;
  const held = weights.map((weight, i) => locked[i] ? weight : 0);
  const room = 100 - held.reduce((a, b) => a + b, 0);
  const excess = (free.reduce((sum, i) => sum + wanted[i], 0) - room) / free.length;
  const parts = share(room, free.map((i) => Math.max(wanted[i] - excess, 0)));
  free.forEach((i, place) => { held[i] = parts[place]; });
  return held;
}

function pointed(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (point.x - cx) + (cx - bx) * (point.y - cy)) / area;
  const b = ((cy - ay) * (point.x - cx) + (ax - cx) * (point.y - cy)) / area;
  return [100 * a, 100 * b, 100 * (1 - a - b)];
}

// Where a key moves to: by `size` hundredths, along the line that a lock leaves.
function stepped(weights, locked, key, size) {
  const free = [0, 1, 2].filter((i) => !locked[i]);
  const mean = free.reduce((sum, i) => sum + KEYS[key][i], 0) / free.length;
  const along = free.length === 3 ? KEYS[key] : KEYS[key].map((by) => Math.sign(by - mean));
  const wanted = weights.map((weight, i) => weight + size * along[i]);
  return land(wanted.map((weight) => Math.max(weight, 0)), weights, locked);
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
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
      const padlock = make("path", { d: PADLOCK, transform: `translate(${x + 25} ${y + 9})` });
      const texts = [make("text", { x, y }), make("text", { x, y: y + 17, class: "weight" })];
      svg.querySelector(".corners").append(...texts, padlock);
    }
  }
  const state = states.get(parentElement);
  const texts = [...svg.querySelectorAll(".corners text")];
  const padlocks = [...svg.querySelectorAll(".corners path")];
  const shown = (weight) => (weight / 100).toFixed(2);

  function place(weights) {
    return [0, 1].map((axis) => weights.reduce((sum, weight, i) => sum + weight / 100 * CORNERS[i][axis], 0));
  }

  function track() {
    const lock = data.locked.indexOf(true);
    const ends = [1, 2].map((turn) => {
      const end = [0, 0, 0];
      end[lock] = state.weights[lock];
      end[(lock + turn) % 3] = 100 - end[lock];
      return place(end);
    });
    return { x1: ends[0][0], y1: ends[0][1], x2: ends[1][0], y2: ends[1][1] };
  }

  function draw() {
    const [x, y] = place(state.weights);
    for (const circle of [point, halo]) { circle.setAttribute("cx", x); circle.setAttribute("cy", y); }
    state.weights.forEach((weight, i) => {
      texts[2 * i].textContent = data.names[i];
      texts[2 * i + 1].textContent = shown(weight).replace(/^0/, "");
      padlocks[i].style.display = data.locked[i] ? "" : "none";
    });
    const locks = data.locked.filter((lock) => lock).length;
    const line = svg.querySelector(".track");
    line.style.display = locks === 1 ? "" : "none";
    if (locks === 1) for (const [name, value] of Object.entries(track())) line.setAttribute(name, value);
    svg.classList.toggle("fixed", locks > 1);
    point.setAttribute("aria-disabled", locks > 1);
    point.setAttribute("aria-valuenow", shown(state.weights[2]));
    const spoken = data.names.map((name, i) => `${name} ${shown(state.weights[i])}${data.locked[i] ? " locked" : ""}`);
    point.setAttribute("aria-valuetext", spoken.join(", "));
  }

  // As a trigger: a state that is what was last sent would not be told, though the weights were set elsewhere since.
  function send() {
    clearTimeout(state.timer);
    state.timer = null;
    setTriggerValue("weights", state.weights.map((weight) => weight / 100));
  }

  if (!state.dragging && state.timer === null) state.weights = data.weights;
  draw();

  svg.onpointerdown = (event) => {
    if (event.button !== 0) return;
    state.dragging = true;
    svg.classList.add("dragging");
    svg.setPointerCapture(event.pointerId);
    point.focus({ preventScroll: true });
    state.weights = land(pointed(svg, event), state.weights, data.locked);
    draw();
    event.preventDefault();
  };
  svg.onpointermove = (event) => {
    if (!state.dragging) return;
    state.weights = land(pointed(svg, event), state.weights, data.locked);
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
    state.weights = stepped(state.weights, data.locked, event.key, event.shiftKey ? 5 : 1);
    draw();
    clearTimeout(state.timer);
    state.timer = setTimeout(send, 300);
  };
  return () => clearTimeout(state.timer);
}
"""

_triangle = st.components.v2.component("nmtr_triangle", html=_HTML, css=_CSS, js=_JS)


def triangle(
    names: Sequence[str],
    weights: Sequence[float],
    locked: Collection[int],
    on_change: Callable[[list[float]], None],
    key: str,
) -> None:
    """Draw the triangle; `on_change` gets three weights that sum to 1, whatever the browser sent."""

    def moved() -> None:
        wanted = readable(st.session_state[key].get("weights"), 3)
        if wanted is not None:
            on_change(wanted)

    hundredths = [round(100 * weight) for weight in rounded(weights)]
    data = {"names": list(names), "weights": hundredths, "locked": [r in locked for r in range(3)]}
    _triangle(key=key, data=data, on_weights_change=guard.callback(moved))
