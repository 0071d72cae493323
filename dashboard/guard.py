"""The net under every page: a mistake is a sentence, a defect a reference to the log; never a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.address import COMPARING, PARAMETERS, STUDYING, select
from dashboard.text import plain
from nmtr.errors import NmtrError

logger = logging.getLogger("nmtr.dashboard")


@contextmanager
def guarded() -> Iterator[None]:
    """Show a user's mistake as its sentence, and anything else as a reference to the log; never a traceback."""
    try:
        yield
    except NmtrError as error:
        st.error(plain(str(error)), icon=":material/error:")
        if any(name in st.query_params for name in PARAMETERS + COMPARING + STUDYING):
            st.button("Start from the first view", on_click=_forget, icon=":material/restart_alt:")
    except Exception:
        reference = secrets.token_hex(3)
        logger.exception("reference %s", reference)
        st.error(
            f"Something failed here that should not have. Reload the page; if it happens again, look for reference "
            f"**{reference}** in the server's log.",
            icon=":material/error:",
        )


def attempt(action: Callable[..., object], *arguments: object) -> None:
    """Do what a button asks for; a mistake becomes a sentence on the next run of the page."""
    try:
        action(*arguments)
    except NmtrError as error:
        st.session_state["refused"] = str(error)


def show_refusal() -> None:
    """The sentence that `attempt` left, once."""
    if sentence := st.session_state.pop("refused", None):
        st.error(plain(sentence), icon=":material/error:")


def _forget() -> None:
    select(**dict.fromkeys(PARAMETERS + COMPARING + STUDYING))
