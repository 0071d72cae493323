"""What the server does when it starts, so that no visitor waits for it: imports, kernels, the first view's model."""

from __future__ import annotations

import importlib
import logging
from threading import Event, Thread

from nmtr.errors import NmtrError

log = logging.getLogger("nmtr.dashboard")
#: Seconds that the first page has to be drawn, before what it does not wait for is imported: an import holds Python's
#: lock, and would make the page wait after all.
_PATIENCE = 4.0


def import_pages() -> None:
    """What pages draw with: before the server answers, so that no two threads import it at once, each in its own
    order, where each can hold what the other needs."""
    for module in ("plotly.graph_objects", "dashboard.selection", "dashboard.charts", "dashboard.widgets.cascade"):
        importlib.import_module(module)


class Warming:
    """Prepares the first view's model in the background, once the first page is drawn or nobody has come."""

    def __init__(self) -> None:
        self._models = Thread(target=self._prepare, name="prepare models", daemon=True)
        self._drawn = Event()

    def start(self) -> None:
        self._models.start()

    def drawn(self) -> None:
        """A page is drawn: what it did not need may begin."""
        self._drawn.set()

    def wait(self) -> None:
        """Until all is done."""
        self._models.join()

    def _prepare(self) -> None:
        self._drawn.wait(_PATIENCE)
        _prepare_models()


def _prepare_models() -> None:
    from dashboard import cache, selection
    from nmtr.workspace import warm_up

    try:
        warm_up()
        info = selection.opening_data()
        run = info and cache.workspace().model_of(info)
        if run:
            cache.workspace().opening(run.id, cache.fitted(run.id))
    except NmtrError as error:  # a page says so itself, where it matters
        log.info("no model is prepared for the first view: %s", error)


warming = Warming()
