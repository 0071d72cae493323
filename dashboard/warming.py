"""What the server does when it starts, so that no visitor waits for it: imports, kernels, the first view's model."""

from __future__ import annotations

import importlib
import logging
from threading import Thread

from nmtr.errors import NmtrError

log = logging.getLogger("nmtr.dashboard")


class Warming:
    """The work, in the background: nothing waits for it but what is asked to."""

    def __init__(self) -> None:
        self._pages = Thread(target=_import_pages, name="import what pages draw with", daemon=True)
        self._models = Thread(target=self._prepare, name="prepare models", daemon=True)

    def start(self) -> None:
        self._pages.start()
        self._models.start()

    def wait_for_imports(self) -> None:
        """Until what pages draw with is imported.

        Two threads that import the same packages at once, each in its own order, can hold what the other needs.
        """
        self._pages.join()

    def wait(self) -> None:
        """Until all is done."""
        self._models.join()

    def _prepare(self) -> None:
        self.wait_for_imports()
        _prepare_models()


def _import_pages() -> None:
    for module in ("plotly.graph_objects", "dashboard.selection", "dashboard.charts", "dashboard.widgets.figures"):
        importlib.import_module(module)


def _prepare_models() -> None:
    from dashboard import cache, selection
    from nmtr.workspace import warm_up

    try:
        warm_up()
        info = selection.opening_data()
        run = info and cache.workspace().model_of(info)
        if run:
            cache.fitted(run.id)
    except NmtrError as error:  # a page says so itself, where it matters
        log.info("no model is prepared for the first view: %s", error)
