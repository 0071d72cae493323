"""The process: `python -m nmtr.live IDLE_SECONDS`, an order and then questions on stdin, answers on stdout, JSON lines.

It ends where its stdin does, and after so many seconds without a question.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from nmtr.errors import NmtrError
from nmtr.live.record import Order, Question


def main() -> None:
    idle = float(sys.argv[1])
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    questions: SimpleQueue[Question] = SimpleQueue()
    Thread(target=_listen, args=(questions,), daemon=True).start()
    try:
        answer(order, questions, idle)
    except NmtrError as error:
        _say(json_error(error.message))
    except MemoryError:
        _say(json_error("trying λ live needs more memory than is free: close other programs, or take a smaller E."))


def answer(order: Order, questions: SimpleQueue[Question], idle: float) -> None:
    """Answer until nobody has asked for so long."""
    from nmtr.live.engine import Engine
    from nmtr.workspace import Workspace

    workspace = Workspace(Path(order.home))
    engine = Engine(order.config, workspace.data.load(order.config.data), order.penalties)
    while True:
        try:
            question = questions.get(timeout=idle)
            while True:  # what was asked meanwhile: only the last is of interest, but a beginning is kept
                newer = questions.get_nowait() if not questions.empty() else None
                if newer is None:
                    break
                question = newer.model_copy(update={"begin": newer.begin or question.begin})
        except Empty:
            return
        try:
            _say(engine.answer(question).model_dump_json())
        except NmtrError as error:
            _say(json_error(error.message))


def json_error(message: str) -> str:
    return json.dumps({"error": message})


def _listen(questions: SimpleQueue[Question]) -> None:
    for line in sys.stdin.buffer:
        questions.put(Question.model_validate_json(line))
    os._exit(0)  # nobody is there any more, whatever is going on


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
