"""λ tried live: what an answer says, by hand; and the process, which really runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.errors import ConfigError, DataError
from nmtr.evaluation.ranking import rank_held_out
from nmtr.evaluation.significance import mcnemar
from nmtr.explain import Fitted, recommend
from nmtr.live import Live, plan
from nmtr.live.engine import Engine
from nmtr.live.record import Question
from nmtr.workspace import Workspace
from tests.conftest import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

SOME = (0.2, 0.3, 0.5)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    workspace.data.save(random_dataset(60, 400, purchases=7))
    yield workspace
    workspace.runs.close()


@pytest.fixture
def config(workspace: Workspace) -> RunConfig:
    return plan(workspace, RunConfig.parse({"data": "shop", "embedding_size": 8, "threads": 1}))


@pytest.fixture
def shop(workspace: Workspace) -> Dataset:
    return workspace.data.load("shop")


def hits(engine: Engine) -> np.ndarray:
    scorer, held_out, known = engine._experiment.comparison()
    ranks = rank_held_out(scorer, held_out, known)
    return (ranks[~np.isnan(ranks)] < 100).astype(float)


def test_an_answer_says_what_the_model_is_worth_and_how_far_it_is_from_the_beginning(
    config: RunConfig, shop: Dataset
) -> None:
    engine = Engine(config, shop, [0.02])
    first = engine.answer(Question(number=1, lambdas=(1 / 3,) * 3))
    before = hits(engine)
    assert first.metric.value == before.mean() and (first.difference, first.p, first.sweeps) == (None, None, 12)
    assert (first.users, first.of_users, first.l2) == (60, 60, 0.02)
    second = engine.answer(Question(number=2, lambdas=SOME, user=first.user))
    after = hits(engine)
    assert second.sweeps == 3 and second.difference is not None
    assert second.difference.value == pytest.approx((after - before).mean())
    assert second.difference.half_width == pytest.approx(1.96 * (after - before).std(ddof=1) / np.sqrt(60))
    assert second.p == mcnemar(after, before)
    assert sum(group.users for group in second.groups) in (0, 60)
    scorer, _, _ = engine._experiment.comparison()
    fitted = Fitted("live", engine._experiment.config, engine._dataset, engine._experiment.split, scorer)
    assert [entry.item for entry in second.items] == [item.item for item in recommend(fitted, first.user, 10).items]
    places = {entry.item: place for place, entry in enumerate(first.items, 1)}
    assert second.compared and [entry.before for entry in second.items] == [places.get(e.item) for e in second.items]
    other = engine.answer(Question(number=3, lambdas=SOME, user="u5"))
    assert other.user == "u5" and not other.compared and {entry.before for entry in other.items} == {None}
    begun = engine.answer(Question(number=4, lambdas=SOME, user="u5", begin=True))
    assert begun.difference is None
    assert engine.answer(Question(number=5, lambdas=SOME, user="u5")).compared


def test_the_penalty_is_the_one_that_validation_prefers(config: RunConfig, shop: Dataset) -> None:
    """One so high that all vectors are next to nothing is never the best."""
    both = Engine(config, shop, [100.0, 0.01])
    answer = both.answer(Question(number=1, lambdas=SOME))
    assert answer.l2 == 0.01 and answer.sweeps == 8
    alone = Engine(config, shop, [0.01]).answer(Question(number=1, lambdas=SOME))
    assert alone.sweeps == 12


def test_a_sample_is_of_so_many_users_and_said(config: RunConfig, shop: Dataset) -> None:
    answer = Engine(config, shop, [0.01], sample=20).answer(Question(number=1, lambdas=SOME))
    assert (answer.users, answer.of_users) == (20, 60)


def test_what_cannot_be_answered_is_one_sentence(workspace: Workspace, config: RunConfig, shop: Dataset) -> None:
    with pytest.raises(DataError, match="user must be one of the 60 users of data set shop"):
        Engine(config, shop, [0.01]).answer(Question(number=1, lambdas=SOME, user="nobody"))
    with pytest.raises(ConfigError, match="λ is tried live of a method that weighs two behaviors or more"):
        plan(workspace, RunConfig.parse({"data": "shop", "method": "gmf"}))
    with pytest.raises(ConfigError, match="the squared loss needs GMF units"):
        plan(workspace, RunConfig.parse({"data": "shop", "unit": "mlp"}))


def until(there: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def test_the_process_answers_the_last_question_goes_on_after_a_mistake_and_ends(
    workspace: Workspace, config: RunConfig
) -> None:
    live = Live(workspace, config)
    try:
        asked = [live.ask((0.1 * n, 0.2, 0.8 - 0.1 * n)) for n in range(1, 7)]
        until(lambda: asked[-1] in live.answers)
        assert live.latest is not None and live.latest.lambdas == pytest.approx((0.6, 0.2, 0.2))
        assert not live.busy and len(live.answers) < len(asked), "what was overtaken is not worked out"
        live.ask(SOME, user="nobody")
        until(lambda: live.error is not None)
        assert live.error is not None and live.error.startswith("user must be one of") and live.alive
        number = live.ask(SOME, user="u3")
        until(lambda: number in live.answers)
        assert live.latest.user == "u3" and live.error is None
    finally:
        live.close()
    assert not live.alive and not live.busy


def test_a_process_that_cannot_begin_or_is_killed_says_so(
    workspace: Workspace, config: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "log.csv").write_text(
        "user,item,behavior,time\n" + "".join(f"u{n},i{n % 3},{b},1\n" for n in range(9) for b in ("view", "buy")),
        encoding="utf-8",
    )
    workspace.data.save(read(tmp_path / "log.csv", name="lone"))
    lone = Live(workspace, plan(workspace, RunConfig.parse({"data": "lone", "embedding_size": 4, "threads": 1})))
    lone.ask((0.5, 0.5))
    until(lambda: not lone.alive)
    until(lambda: lone.error is not None)
    assert lone.error == "trying λ live needs validation purchases; nobody of lone has two to learn from."
    lone.close()
    killed = Live(workspace, config)
    killed._child.kill()
    until(lambda: killed.error is not None)
    assert killed.error is not None and "ended by itself" in killed.error
    killed.close()


def test_the_process_ends_when_nobody_asks(workspace: Workspace, config: RunConfig) -> None:
    live = Live(workspace, config, idle=0.5)
    number = live.ask(SOME)
    until(lambda: number in live.answers)
    until(lambda: not live.alive, 20)
    live.ask(SOME)  # nobody hears it
    assert not live.busy
    live.close()


def test_the_process_ends_with_whoever_asks(workspace: Workspace, config: RunConfig, tmp_path: Path) -> None:
    live = Live(workspace, config)
    number = live.ask(SOME)
    until(lambda: number in live.answers)
    assert live._child.stdin is not None
    live._child.stdin.close()  # as the system does for a process that is killed
    until(lambda: not live.alive, 20)
    live.close()
