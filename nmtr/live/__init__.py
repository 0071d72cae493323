"""λ tried live: a cascade solved by least squares, kept in a process of its own and moved from one λ to the next.

Each λ begins at the solution of the one before, so that two sweeps or three come near to where a cold training ends;
validation is ranked for a sample of the users. Both are said with each answer, and neither chooses anything: what is to
be kept is trained from its start, as a study.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from nmtr.config import RunConfig
from nmtr.errors import ConfigError, RunError
from nmtr.live.record import FIRST, IDLE, METRIC, PENALTIES, SAMPLE, Answer, GroupValue, Listed, Order, Question, Value
from nmtr.workspace import Workspace

__all__ = ["FIRST", "METRIC", "SAMPLE", "Answer", "GroupValue", "Listed", "Live", "Value", "plan"]

_PACKAGES = Path(__file__).parents[2]


def plan(workspace: Workspace, config: RunConfig) -> RunConfig:
    """The resolved config that is moved from λ to λ, solved by least squares; ConfigError where it cannot be."""
    resolved, _ = workspace.prepare(RunConfig.parse({**config.model_dump(exclude_unset=True), "solver": "als"}))
    if not resolved.uses("lambdas") or len(resolved.behaviors) < 2:
        raise ConfigError("λ is tried live of a method that weighs two behaviors or more; choose another method.")
    return resolved


class Live:
    """The process as whoever asks has it; it ends with this one, or when it was not asked anything for a while."""

    def __init__(
        self,
        workspace: Workspace,
        config: RunConfig,
        idle: float = IDLE,
        penalties: Sequence[float] = PENALTIES,
    ) -> None:
        """config: as `plan` gave it, with one of the `penalties` in place of its own.

        RunError where a process cannot be started.
        """
        self.config = config
        self.answers: dict[int, Answer] = {}  # by the question's number
        self.error: str | None = None  # what could not be answered, until something is
        self._closed = False
        self._asked, self._lock = 0, Lock()
        order = Order(home=str(workspace.home), config=config, penalties=tuple(penalties))
        paths = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "nmtr.live", str(idle)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths},
                start_new_session=True,
            )
        except OSError as error:
            raise RunError(f"trying λ live needs a process, and none can be started ({error.strerror}).") from None
        self._send(order.model_dump_json())
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def ask(self, lambdas: Sequence[float], user: str | None = None, begin: bool = False) -> int:
        """Ask for a λ; only the last question that is not begun yet is answered. Its number."""
        with self._lock:
            self._asked += 1
            question = Question(number=self._asked, lambdas=tuple(lambdas), user=user, begin=begin)
        self._send(question.model_dump_json())
        return question.number

    @property
    def latest(self) -> Answer | None:
        """The newest answer there is."""
        return self.answers[max(self.answers)] if self.answers else None

    @property
    def busy(self) -> bool:
        """Whether the last question waits for its answer."""
        return self.alive and self._asked not in self.answers

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._child.kill()
        self._child.wait()
        self._listener.join()
        with suppress(OSError):  # a question that it did not hear
            self._child.stdin.close()  # type: ignore[union-attr]
        self._child.stdout.close()  # type: ignore[union-attr]

    def _send(self, line: str) -> None:
        assert self._child.stdin is not None
        with suppress(OSError, ValueError):  # it is gone, as `alive` says
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()

    def _listen(self) -> None:
        assert self._child.stdout is not None
        with suppress(ValueError):  # the last line was cut off
            for line in self._child.stdout:
                said = json.loads(line)
                if "error" in said:
                    self.error = str(said["error"])
                else:
                    answer = Answer.model_validate(said)
                    self.answers[answer.number], self.error = answer, None
        # It ends where its answers do; a process that nobody waits for stays in the system's table.
        if self._child.wait() and not self._closed and self.error is None:
            self.error = "the process that tried λ live ended by itself, as it does where memory is short: try again."
