"""The net under every page: a mistake is a sentence, a defect a reference to the log; never a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import streamlit as st

from dashboard.address import ADDRESSED, select
from dashboard.text import told
from nmtr.errors import NmtrError

logger = logging.getLogger("nmtr.dashboard")


@contextmanager
def guarded() -> Iterator[None]:
    """Show a user's mistake as its sentence, and anything else as a reference to the log; never a traceback.

    What a button of the last run was refused comes first.
    """
    show_refusal()
    try:
        yield
    except Exception as error:
        st.error(_sentence(error), icon=":material/error:")
        if isinstance(error, NmtrError) and any(name in st.query_params for name in ADDRESSED):
            st.button("Start from the first view", on_click=callback(_forget), icon=":material/restart_alt:")


def attempt(action: Callable[..., object], *arguments: object, **options: object) -> None:
    """Do what is asked for; where it fails, the next run of the page (or of the fragment) says why."""
    try:
        action(*arguments, **options)
    except Exception as error:
        st.session_state["refused"] = _sentence(error)


def callback(action: Callable[..., object], *arguments: object, **options: object) -> Callable[[], None]:
    """The action as a widget's callback. Streamlit runs those outside the page, so each one needs this net."""
    return partial(attempt, action, *arguments, **options)


def show_refusal() -> None:
    """The sentence that `attempt` left, once."""
    if sentence := st.session_state.pop("refused", None):
        st.error(sentence, icon=":material/error:")


def _sentence(error: Exception) -> str:
    """What the visitor reads; whatever is not their mistake goes to the log, under a reference."""
    if isinstance(error, NmtrError):
        return told(error)
    reference = secrets.token_hex(3)
    logger.error("reference %s", reference, exc_info=error)
    return (
        "Something failed here that should not have. Reload the page; if it happens again, look for reference "
        f"**{reference}** in the server's log."
    )


def _forget() -> None:
    select(**dict.fromkeys(ADDRESSED))
