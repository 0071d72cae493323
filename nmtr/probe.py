"""A short timed probe: some batches and a block of the ranking of a run, on its real data, before it is started.

It runs in a process of its own, as the run will: `python -m nmtr.probe HOME` reads a resolved config on stdin, and
writes a `Pace` to stdout. What was found is kept under `HOME/probes`, by everything that it depends on: the options
that cost time, the data's fingerprint, and the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil
from filelock import FileLock
from pydantic import ValidationError
from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.data.dataset import IntArray
from nmtr.errors import CapacityError, NmtrError, RunError
from nmtr.estimate import Pace
from nmtr.evaluation.scorer import Scorer
from nmtr.files import whole
from nmtr.training.report import Stopped

Stop = Callable[[], bool]

#: Seconds of training, and of ranking, that a probe times; with what it loads and builds, two or three in all.
_TRAINING, _RANKING = 1.0, 0.5
#: What whole runs were seen to hold at most, beside what their first batches do.
_MORE = 1.1
#: Seconds after which a probe is given up: a single batch, or the data, is too much for this machine.
_LONGEST = 120.0
#: Options that change nothing in how long a step takes.
_FREE = {
    "data",
    "seed",
    "lambdas",
    "epochs",
    "patience",
    "rank_every",
    "refit",
    "validation",
    "watch_test",
    "learning_rate",
    "unobserved_weight",
} | {
    *("l2_embeddings", "l2_towers", "initial_scale", "unseen_share"),
}


def known(home: Path, config: RunConfig, fingerprint: str) -> Pace | None:
    """What a probe of such a run found on this machine, if there was one."""
    try:
        return Pace.model_validate_json(_place(home, config, fingerprint).read_bytes())
    except (OSError, ValidationError):
        return None


def probe(home: Path, config: RunConfig, fingerprint: str) -> Pace:
    """Time a resolved config on its data, in a process of its own, which takes some seconds; kept for `known`.

    Raises CapacityError where the process takes too long or is killed, as by a lack of memory, RunError where it fails
    or nothing can be kept.
    """
    place = _place(home, config, fingerprint)
    try:
        place.parent.mkdir(exist_ok=True)
        with FileLock(place.parent / "lock"):  # two at once would time each other
            done = subprocess.run(
                [sys.executable, "-m", "nmtr.probe", str(home)],
                input=json.dumps(config.to_json()),
                capture_output=True,
                encoding="utf-8",
                timeout=_LONGEST,
                env={**os.environ, "OMP_NUM_THREADS": str(config.threads)},
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise CapacityError(
            f"a few steps of the run should take seconds and were not through after {_LONGEST:.0f}: "
            f"take a smaller batch size, embedding size or data set."
        ) from None
    except OSError as error:
        raise _refused(place.parent, error) from error
    if done.returncode < 0:
        raise CapacityError(
            f"a few steps of the run must fit this machine, and their process was killed (signal {-done.returncode}), "
            f"as it is where memory is short: take a smaller embedding size than {config.embedding_size}."
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RunError(last if done.returncode == 2 else f"the run could not be timed ({last[:200]}); try again.")
    pace = Pace.model_validate_json(done.stdout.splitlines()[-1])
    try:
        with whole(place) as file:
            file.write(pace.model_dump_json().encode())
    except OSError as error:
        raise _refused(place.parent, error) from error
    return pace


def _refused(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"timing a run needs {folder} to be a folder that can be written, and it is not ({error.strerror}): mend that, "
        f"or train without timing it."
    )


def _place(home: Path, config: RunConfig, fingerprint: str) -> Path:
    options = {name: value for name, value in config.to_json().items() if name not in _FREE}
    key = json.dumps([options, fingerprint, *_machine()], sort_keys=True)
    return home / "probes" / f"{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}.json"


@cache
def _machine() -> tuple[str | int | None, ...]:
    programs = (version("nmtr"), version("torch"), os.environ.get("NMTR_NATIVE"))
    return platform.node(), platform.machine(), os.cpu_count(), psutil.virtual_memory().total, *programs


def main() -> None:
    """The process of a probe."""
    if hasattr(os, "nice"):
        os.nice(10)  # as a job
    try:
        print(_timed(Path(sys.argv[1]), RunConfig.parse(json.load(sys.stdin))).model_dump_json())
    except NmtrError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _timed(home: Path, config: RunConfig) -> Pace:
    from nmtr.data.library import Library
    from nmtr.experiment import Experiment, peak_memory_mb, use_threads
    from nmtr.runs import checkpoint

    use_threads(config.threads)  # the process is the probe's own
    experiment = Experiment(config, Library(home / "data").load(config.data))
    preparing = time.time() - psutil.Process().create_time()
    epoch = _epoch_seconds(experiment.train, experiment.steps, _TRAINING) if experiment.steps else 0.0
    started = time.perf_counter()
    compared = experiment.comparison()
    ranking = time.perf_counter() - started + _ranking_seconds(*compared, _RANKING)
    saving = 0.0
    if experiment.steps:
        state = experiment.state()
        best = {name: tensor.clone() for name, tensor in state["model"].items()}
        with tempfile.TemporaryDirectory(prefix=".", dir=home / "probes") as folder:
            started = time.perf_counter()
            checkpoint.save(Path(folder), state | {"best": best})
            saving = time.perf_counter() - started
    return Pace(
        preparing=preparing,
        epoch=epoch,
        ranking=ranking,
        saving=saving,
        bytes=int(_MORE * (peak_memory_mb() or 0) * 2**20),
    )


def _epoch_seconds(train: Callable[[int, Stop], tuple[object, float]], steps: int, budget: float) -> float:
    """The seconds that an epoch of so many batches takes, told from those trained in about `budget` seconds.

    The first batch is left out: it also makes what the others find made.
    """
    began: list[float] = []  # of each batch of the epoch

    def stop() -> bool:
        began.append(time.perf_counter())
        return len(began) > 3 and began[-1] - began[1] > budget

    first = time.perf_counter()
    for number in (1, 2):  # of little data the whole second epoch
        began.clear()
        started = time.perf_counter()
        try:
            _, seconds = train(number, stop)
        except Stopped:
            return began[0] - started + steps * (began[-1] - began[1]) / (len(began) - 2)
        if time.perf_counter() - first > budget:
            break
    return seconds


def _ranking_seconds(scorer: Scorer, held_out: IntArray, left_out: csr_array, budget: float) -> float:
    """The seconds that ranking takes, told from what can be ranked in about `budget` seconds; without the first block,
    as of an epoch."""
    from nmtr.experiment import rank

    users = np.random.default_rng(0).permutation(np.flatnonzero(held_out >= 0))
    size, done, timed, seconds = 128, 0, 0, 0.0
    started = time.perf_counter()
    while done < len(users) and (not timed or time.perf_counter() - started < budget):
        block = users[done : done + size]
        some = np.full_like(held_out, -1)
        some[block] = held_out[block]
        before = time.perf_counter()
        rank(scorer, some, left_out)
        if done or len(block) == len(users):
            timed, seconds = timed + len(block), seconds + time.perf_counter() - before
        done, size = done + len(block), 2 * size
    return seconds / max(timed, 1) * len(users)


if __name__ == "__main__":
    main()
