"""The web server: Streamlit's, with what it does before a page is opened. `nmtr dashboard` starts it."""

from __future__ import annotations

import asyncio
import re
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.warming import import_pages, warming

#: Streamlit's frontend looks for its server below a page's path first (`/train/_stcore/…`), where it is not, unless it
#: is told: it is where the frontend's own files are, whatever path a proxy has put before.
_WHERE = "<script>window.__streamlit = { BACKEND_BASE_URL: new URL('.', window.location.href).href }</script>"
_FRONTEND = Path(st.__file__).parent / "static" / "index.html"


class Pages:
    """Answers the address of any page with Streamlit's frontend, told where its server is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        html = _FRONTEND.read_text(encoding="utf-8").replace("<head>", f"<head>{_WHERE}", 1)
        self.frontend = HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] == "GET" and _is_page(scope["path"])
        await (self.frontend if asked else self.app)(scope, receive, send)


def _is_page(path: str) -> bool:
    return re.fullmatch(re.escape(_base()) + r"[\w-]*", path) is not None


def _base() -> str:
    """The path of the first page: "/", or what it is to be behind."""
    return f"/{st.get_option('server.baseUrlPath')}/".replace("//", "/")


@asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[None]:
    await asyncio.to_thread(import_pages)
    warming.start()
    if not st.get_option("server.headless"):
        address = f"http://localhost:{st.get_option('server.port')}{_base()}"
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    yield


app = st.App(Path(__file__).with_name("app.py"), lifespan=_lifespan, middleware=[Middleware(Pages)])
