"""What the address bar carries: the selection, so that a link reopens the view; and the way to another page.

A selection is one entry in the browser's history. What a page opens on by itself is no selection: it stands in the
address all the same, but replaces the entry that is there, so that Back leaves the page at once.
"""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

#: Where each page's script is, by its name in the address.
PAGES = {
    "home": "views/home/home.py",
    "shopper": "views/explore/shopper.py",
    "tour": "views/home/tour.py",
    "glossary": "views/home/glossary.py",
    "cascade": "views/explore/cascade.py",
    "whatif": "views/explore/whatif.py",
    "item": "views/explore/item.py",
    "train": "views/train/train.py",
    "lab": "views/lab/lab.py",
    "runs": "views/runs/runs.py",
    "run": "views/runs/run.py",
    "compare": "views/compare/compare.py",
    "groups": "views/compare/groups.py",
    "lists": "views/compare/lists.py",
    "calibration": "views/compare/calibration.py",
    "report": "views/compare/report.py",
    "data": "views/data/data.py",
    "add": "views/data/add.py",
}
#: What the address bar carries: a link with these reopens the view.
PARAMETERS = ("data", "run", "user", "item")
#: What it carries besides: which runs are compared, with what and by which metric; which study and which of its choices
#: is looked at; the options of a run that is about to be trained; what is changed of a shopper's history; which items
#: are listed.
MORE = {
    "shopper": ("only", "between", "seen"),
    "whatif": ("add", "remove", "without"),
    "data": ("beside",),
    "item": ("find", "category", "price", "order", "color"),
    "compare": ("runs", "against", "metric"),
    "groups": ("runs", "against", "metric", "by"),
    "lists": ("runs", "against", "metric"),
    "report": ("runs", "against", "metric", "shoppers", "sections"),
    "lab": ("study", "point"),
    "train": ("options",),
}
#: What these pages carry, and nothing else: the first page, at "/", is about a data set; the tour chooses its shopper.
ALONE: dict[str, tuple[str, ...]] = {
    "": ("data",),
    "tour": ("data", "run", "step"),
    "run": ("data", "run"),
    "glossary": (),
    "add": (),
}
ADDRESSED = tuple(
    dict.fromkeys([*PARAMETERS, *(name for names in [*MORE.values(), *ALONE.values()] for name in names)])
)


def sync_address(page: str = "") -> None:
    """Obey the address; where it is silent, as after a click in the navigation, all stays selected."""
    st.session_state["page"] = page
    if any(name in st.query_params for name in query_names(page)):
        for name in query_names(page):
            show(**{name: st.query_params.get(name)})


def selected(name: str) -> str | None:
    return st.session_state.get(f"selected_{name}")


def show(**values: str | None) -> None:
    """Say what a page shows, without the visitor having chosen it; None takes it back."""
    before = selected("data")
    if before is not None and values.get("data", before) != before:  # what was selected there is not here
        values = dict.fromkeys(name for name in ADDRESSED if name != "metric") | values
    if values.get("user", selected("user")) != selected("user"):  # changes are those of one shopper
        values = dict.fromkeys(MORE["whatif"]) | values
    for name, value in values.items():
        if value is None:
            st.session_state.pop(f"selected_{name}", None)
        else:
            st.session_state[f"selected_{name}"] = value


def select(**values: str | None) -> None:
    """Select a data set, run, user or item, as one step that Back takes back; None takes the selection back."""
    show(**values)
    st.query_params.from_dict(query(st.session_state.get("page", "")))


def query(page: str) -> dict[str, str]:
    """What the address of a page carries at this moment."""
    return {name: value for name in query_names(page) if (value := selected(name)) is not None}


def go(page: str, **values: str | None) -> None:
    """Open another page with a selection."""
    show(**values)
    st.switch_page(PAGES[page], query_params=query(page))


def write(page: str) -> None:
    """Have the address bar carry what the page shows, in the history entry that is there."""
    _bar(key="address_bar", data={"page": page, "query": urlencode(query(page))}, height=0)


def title(page: str, name: str) -> str:
    """The browser tab's title: page, what is selected, data set."""
    both = dict.fromkeys(("shopper", "cascade", "whatif"), ("user", "item"))
    looked_at = (both | {"item": ("item",), "run": ("run",)}).get(page, ())
    words = {"user": "shopper", "item": "item", "run": "run"}
    parts = [f"{words[name]} {value}" for name in looked_at if (value := selected(name))]
    if parts and parts[0].startswith(f"{name.lower()} "):  # "Shopper u3", not "Shopper · shopper u3"
        parts[0] = name + parts[0][len(name) :]
    else:
        parts = [name, *parts]
    return " · ".join([*parts, *filter(None, [selected("data")]), "NMTR Studio"])


def path(page: str) -> str:
    """Where a page is, below the root."""
    return "" if page == "home" else page


def forward() -> None:
    """Where the address of "/" names a run, shopper or item, send the browser to /shopper, which such links mean.

    The browser does so, not `st.switch_page`: that would leave the old address in the history, and Back would come here
    again and again.
    """
    if any(name in st.query_params for name in PARAMETERS if name not in ALONE[""]):
        onward("shopper")


def onward(page: str, left: str = "") -> None:
    """Send the browser from an address that is left, the last part of its path, to a page, with all that it carries."""
    _onward(key="onward", data={"page": page, "left": left}, height=0)
    st.stop()


def query_names(page: str) -> tuple[str, ...]:
    """What the address of a page carries."""
    return ALONE.get(page, PARAMETERS + MORE.get(page, ()))


_JS = """
export default function ({ data }) {
  const { pathname, search, hash } = window.location;
  const wanted = data.query ? "?" + data.query : "";
  if (pathname.split("/").pop() === data.page && search !== wanted) {
    window.history.replaceState(window.history.state, "", pathname + wanted + hash);
  }
}
"""
_ONWARD_JS = """
export default function ({ data }) {
  const { pathname, search, hash } = window.location;
  const parts = pathname.split("/").filter((part) => part);
  if (data.left && parts.at(-1) === data.left) parts.pop();
  window.location.replace("/" + [...parts, data.page].join("/") + search + hash);
}
"""
_bar = st.components.v2.component("nmtr_address", js=_JS)
_onward = st.components.v2.component("nmtr_onward", js=_ONWARD_JS)
