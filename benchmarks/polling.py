"""What sessions that watch a training cost the web server: each is a socket that asks as a browser does."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from benchmarks.child import call
from benchmarks.core import Case, Figures, Side, Target, figure
from benchmarks.dashboard import server
from benchmarks.errors import BenchmarkError
from nmtr.config import RunConfig

_SESSIONS = 10
_SETTLED = 10  # seconds until all sessions have polled for a while, and what is imported once has been
_MEASURED = 20  # seconds


def watch() -> Figures:
    """Ten sessions watch one run: percent of a core that the web server takes, and answers a second to all."""
    options = {"data": "demo", "loss": "sampled", "epochs": 10_000, "patience": 0, "threads": 1}
    with server() as (address, workspace):
        run = workspace.submit(RunConfig.parse(options))
        try:
            return asyncio.run(_watched(address, run.id))
        finally:
            workspace.cancel(run.id)
            deadline = time.monotonic() + 30
            while workspace.runs.get(run.id).live and time.monotonic() < deadline:
                time.sleep(0.1)


async def _watched(address: str, run: str) -> Figures:
    answers = [0] * _SESSIONS
    sessions = [asyncio.create_task(_session(address, run, number, answers)) for number in range(_SESSIONS)]
    try:
        await asyncio.sleep(_SETTLED)
        process = _listener(urlsplit(address).port or 0)
        before, polled, started = sum(process.cpu_times()[:2]), sum(answers), time.perf_counter()
        await asyncio.sleep(_MEASURED)
        seconds = time.perf_counter() - started
        busy, polls = sum(process.cpu_times()[:2]) - before, sum(answers) - polled
        for session in sessions:
            if session.done():
                session.result()
        return {"core": 100 * busy / seconds, "polls": polls / seconds, "milliseconds": 1000 * busy / max(polls, 1)}
    finally:
        for session in sessions:
            session.cancel()
            with suppress(asyncio.CancelledError):
                await session


async def _session(address: str, run: str, number: int, answers: list[int]) -> None:
    """Open the live view, and run its fragment again as often as the server says; counts what is answered."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ClientState_pb2 import ClientState
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    query = f"run={run}"
    url = address.replace("http", "ws") + "/_stcore/stream"
    async with connect(url, subprotocols=[Subprotocol("streamlit")], max_size=None, origin=None) as socket:

        async def ask(**state: object) -> None:
            client = ClientState(query_string=query, **state)  # type: ignore[arg-type]
            await socket.send(BackMsg(rerun_script=client).SerializeToString())

        async def again(interval: float, page: str, fragment: str) -> None:
            while True:
                await asyncio.sleep(interval)
                await ask(page_script_hash=page, fragment_id=fragment, is_auto_rerun=True)

        await asyncio.sleep(number / _SESSIONS)  # people do not come at once
        await ask(page_name="train")
        page, timer = "", None
        try:
            async for raw in socket:
                message = ForwardMsg.FromString(raw if isinstance(raw, bytes) else raw.encode())
                kind = message.WhichOneof("type")
                if kind == "new_session":
                    page = message.new_session.page_script_hash
                elif kind == "auto_rerun" and timer is None:
                    timer = asyncio.create_task(
                        again(message.auto_rerun.interval, page, message.auto_rerun.fragment_id)
                    )
                elif kind == "script_finished" and timer is not None:
                    answers[number] += 1
        finally:
            if timer is not None:
                timer.cancel()


def _listener(port: int) -> psutil.Process:
    """The process that listens at a port."""
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port
        if listens and connection.pid:
            return psutil.Process(connection.pid)
    raise BenchmarkError(f"a dashboard must listen at port {port}; none does.")


WATCHING = Side("watching", lambda: call(watch))

CASES = (
    Case(
        "polling",
        "Ten sessions watch a training",
        "The demo's data, NMTR-GMF with the sampled loss on one thread, in a process of its own; ten sessions have its "
        "live view open, each a socket that speaks the browser's protocol and runs the view again once a second. "
        f"Measured: the processor time of the web server over {_MEASURED} s.",
        (WATCHING,),
        (
            figure(WATCHING, "core", "web server, of a core", "%", Target(10)),
            figure(WATCHING, "polls", "views drawn a second, all sessions", ""),
            figure(WATCHING, "milliseconds", "processor time a view", "ms"),
        ),
    ),
)
