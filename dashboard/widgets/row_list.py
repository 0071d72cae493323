"""A list of rows, one of them selected by a click anywhere in it, or by the arrow keys and Enter or Space.

For lists that fit a screen or a few: every row is sent to the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dashboard import guard
from dashboard.charts.behaviors import Cue

Cell = str | float


@dataclass(frozen=True)
class Column:
    """A column of a list.

    kind: text; a number, to the right; or a bar from 0 to `full` under the number.
    show: how a number or share reads; texts are shown as they are.
    help: what the column means, shown at its heading.
    """

    name: str
    kind: Literal["text", "number", "bar"] = "text"
    show: Callable[[float], str] = str
    help: str = ""
    cue: Cue | None = None  # its behavior's look
    full: float = 1.0  # what fills the whole bar


_HTML = """
<div class="scroller">
  <table role="grid" aria-multiselectable="false"><thead role="rowgroup"></thead><tbody role="rowgroup"></tbody></table>
</div>
<div class="tip" role="tooltip" id="tip" popover="manual"></div>
"""

# On a narrow list a row takes two lines, the bars in the second: rows are then boxes, which keep their roles.
_CSS = """
:host { container-type: inline-size; }
.scroller { overflow: auto; border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
            font-family: var(--st-font); font-size: 0.9rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: separate; border-spacing: 0; color: var(--st-text-color); }
thead { position: sticky; top: 0; z-index: 1; }
th, td { box-sizing: border-box; padding: 0.42rem 0.5rem; text-align: left; }
th { font-weight: 400; font-size: 0.82rem; white-space: nowrap; background: var(--st-secondary-background-color);
     border-bottom: 1px solid var(--st-border-color); }
th.number, td.number { text-align: right; white-space: nowrap; }
th.bar { min-width: 4.4rem; }
th button { all: unset; cursor: help; text-decoration: underline dotted; text-underline-offset: 0.2em; }
th button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; border-radius: 2px; }
tbody tr { cursor: pointer; outline: none; }
tbody tr + tr td { border-top: 1px solid var(--st-border-color-light, var(--st-border-color)); }
tbody tr:hover { background: var(--st-secondary-background-color); }
tbody tr[aria-selected="true"] {
  background: color-mix(in srgb, var(--st-primary-color) 16%, var(--st-background-color));
  box-shadow: inset 3px 0 var(--st-primary-color); font-weight: 600; }
tbody tr:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
td.text { width: 99%; min-width: 7rem; overflow-wrap: anywhere; }
td.text span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.share { display: grid; gap: 0.2rem; white-space: nowrap; }
.track { min-width: 1.2rem; height: 0.4rem; border-radius: 0.2rem;
         background: color-mix(in srgb, var(--st-text-color) 12%, transparent); }
.track i { display: block; box-sizing: border-box; height: 100%; min-width: 2px; border-radius: inherit; }
.tip { position: fixed; inset: auto; margin: 0; max-width: min(17rem, 90vw); padding: 0.4rem 0.6rem;
       border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); font-family: var(--st-font);
       font-size: 0.85rem; line-height: 1.35; color: var(--st-text-color); background: var(--st-background-color); }
@container (max-width: 30rem) {
  table, thead, tbody, tr { display: block; }
  tr { display: flex; flex-wrap: wrap; align-items: baseline; border-bottom: 1px solid var(--st-border-color); }
  thead tr { background: var(--st-secondary-background-color); }
  th, td { padding: 0.3rem 0.4rem; border: 0 !important; }
  th.text, td.text { flex: 1 1 40%; width: auto; }
  th.number:first-child, td.number:first-child { min-width: 2.1rem; }
  tr::before { content: ""; flex: 0 0 100%; order: 1; }
  th.bar, td.bar { order: 2; flex: 1 1 25%; min-width: 0; padding-top: 0; }
}
"""

# Python's selection is the truth; a click shows at once and is sent. Rows are made again only where they are others:
# so the focus and the place in the list stay while the page runs.
_JS = """
const states = new WeakMap();
const MOVES = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

function make(tag, attributes, text) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function heading(column, tip) {
  const cell = make("th", { role: "columnheader", scope: "col", class: column.kind });
  if (!column.help) {
    cell.textContent = column.name;
    return cell;
  }
  const button = make("button", { type: "button", "aria-describedby": "tip" }, column.name);
  const show = () => {
    tip.textContent = column.help;
    tip.showPopover();
    const [box, own] = [button.getBoundingClientRect(), tip.getBoundingClientRect()];
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
    tip.style.top = `${box.bottom + own.height + 6 > innerHeight ? box.top - own.height - 6 : box.bottom + 6}px`;
  };
  button.onpointerenter = button.onfocus = button.onclick = show;
  button.onpointerleave = button.onblur = () => tip.hidePopover();
  button.onkeydown = (event) => { if (event.key === "Escape") tip.hidePopover(); };
  cell.append(button);
  return cell;
}

function filled(cell, column) {
  const element = make("td", { role: "gridcell", class: column.kind });
  if (column.kind !== "bar") {
    element.append(make("span", {}, cell.text));
    return element;
  }
  const bar = make("i", {});
  bar.style.width = `${100 * Math.min(Math.max(cell.value / column.full, 0), 1)}%`;
  bar.style.background = column.color;
  bar.style.border = `1px solid ${column.edge}`;
  const track = make("span", { class: "track", "aria-hidden": "true" });
  track.append(bar);
  const share = make("span", { class: "share" });
  share.append(make("span", {}, cell.text), track);
  element.append(share);
  return element;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const [scroller, table] = [parentElement.querySelector(".scroller"), parentElement.querySelector("table")];
  if (!table) return;
  const [head, body, tip] = ["thead", "tbody", ".tip"].map((name) => parentElement.querySelector(name));
  const content = JSON.stringify([data.columns, data.rows]);
  const state = states.get(parentElement) ?? { content: "", selected: -1, focused: 0 };
  states.set(parentElement, state);

  function mark(selected) {
    state.selected = selected;
    state.focused = Math.max(selected, 0);
    draw();
  }

  function draw() {
    [...body.rows].forEach((row, place) => {
      row.setAttribute("aria-selected", place === state.selected);
      row.tabIndex = place === state.focused ? 0 : -1;
    });
  }

  // Within the list only: the page stays where it is.
  function reveal(row) {
    const top = row.offsetTop - head.offsetHeight - 2; // those are whole pixels, heights are not
    const bottom = row.offsetTop + row.offsetHeight + 2;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
  }

  function focus(place) {
    state.focused = Math.min(Math.max(place, 0), body.rows.length - 1);
    draw();
    body.rows[state.focused].focus({ preventScroll: true });
    reveal(body.rows[state.focused]);
  }

  // As a trigger: a state that is what was last sent would not be told, though another row was selected since.
  function select(place) {
    mark(place);
    setTriggerValue("row", place);
  }

  scroller.style.maxHeight = `${data.height}px`;
  table.setAttribute("aria-label", data.label);
  const changed = content !== state.content;
  if (changed) {
    const within = body.contains(parentElement.activeElement);
    const titles = make("tr", { role: "row" });
    titles.append(...data.columns.map((column) => heading(column, tip)));
    head.replaceChildren(titles);
    body.replaceChildren(...data.rows.map((cells) => {
      const row = make("tr", { role: "row" });
      row.append(...cells.map((cell, i) => filled(cell, data.columns[i])));
      return row;
    }));
    state.content = content;
    if (within && body.rows.length) focus(data.selected < 0 ? state.focused : data.selected);
  }
  if (changed || data.selected !== state.selected) {
    mark(data.selected);
    if (body.rows[data.selected]) reveal(body.rows[data.selected]);
  }

  const place = (event) => [...body.rows].indexOf(event.target.closest("tr"));
  body.onclick = (event) => {
    if (place(event) < 0) return;
    focus(place(event));
    select(place(event));
  };
  body.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || place(event) < 0) return;
    if (event.key in MOVES) focus(place(event) + MOVES[event.key]);
    else if (event.key === "Enter" || event.key === " ") select(place(event));
    else return;
    event.preventDefault();
  };
}
"""

_row_list = st.components.v2.component("nmtr_row_list", html=_HTML, css=_CSS, js=_JS)


def row_list(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    selected: int,
    on_select: Callable[[int], None],
    key: str,
    *,
    label: str,
    height: int = 460,
) -> None:
    """Draw the list; `on_select` gets the place of a row of `rows`, whatever the browser sent.

    rows: a cell a column. selected: the place of the selected row. label: what the list is, for screen readers.
    height: in pixels, above which it scrolls.
    """

    def chosen() -> None:
        place = row_place(st.session_state[key].get("row"), len(rows))
        if place is not None:
            on_select(place)

    heads = [
        {"name": one.name, "kind": one.kind, "help": one.help, "full": one.full}
        | ({} if one.cue is None else {"name": f"{one.cue.glyph} {one.name}", **_look(one.cue)})
        for one in columns
    ]
    cells = [[_cell(one, cell) for one, cell in zip(columns, row, strict=True)] for row in rows]
    data = {"columns": heads, "rows": cells, "selected": selected, "label": label, "height": height}
    _row_list(key=key, data=data, on_row_change=guard.callback(chosen))


def _look(cue: Cue) -> dict[str, str]:
    return {"color": cue.color, "edge": cue.edge}


def _cell(column: Column, cell: Cell) -> dict[str, Cell]:
    return {"text": cell} if isinstance(cell, str) else {"text": column.show(cell), "value": float(cell)}


def row_place(sent: object, rows: int) -> int | None:
    """The place of a row that the browser sent, of `rows`; None where it is anything else."""
    return sent if type(sent) is int and 0 <= sent < rows else None
