"""What is fitted on which pairs, and said of it: by scorers whose chances are known, and the demo's planted truth."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, logit

from nmtr import demo as ready_made
from nmtr.chances import Chances, fit, kept, means, standing
from nmtr.chances.counting import Question, tally
from nmtr.data import demo
from nmtr.data.dataset import Dataset, Origin
from nmtr.data.split import split
from nmtr.evaluation.scorer import FloatArray, IndexArray, Scorer, Stages
from nmtr.workspace import Workspace
from tests.conftest import random_dataset, resolved

USERS, ITEMS, BEHAVIORS = 1500, 120, ("view", "buy")


@dataclass(frozen=True)
class Known:
    """A cascade whose logits are given."""

    all: FloatArray  # (R, M, N)
    has_towers = False

    @property
    def num_users(self) -> int:
        return self.all.shape[1]

    @property
    def num_items(self) -> int:
        return self.all.shape[2]

    def score(self, users: IndexArray) -> FloatArray:
        return self.all[-1][users]

    def logits(self, users: IndexArray) -> FloatArray:
        return self.all[:, users]

    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        of_pairs = self.all[:, users, items].T
        return Stages(own=np.diff(of_pairs, axis=1, prepend=0).astype(np.float32), bias=np.zeros_like(of_pairs))


@pytest.fixture(scope="module")
def shop() -> tuple[Dataset, Known]:
    """Pairs drawn one by one by known weights, and the logits that the exact loss fits to the next one's chance.

    The last two purchases are held out: after those of training, each item is next by its share of what is left.
    """
    rng = np.random.default_rng(2)
    weights = np.exp(rng.normal(0, 1.0, (2, USERS, ITEMS)))
    order = np.argsort(-np.log(weights) - rng.gumbel(size=weights.shape))
    had = np.stack([rng.integers(8, 20, USERS), rng.integers(5, 12, USERS)])  # views, purchases
    place = np.argsort(order)
    drawn = place < had[:, :, None]
    valid_item, test_item = (order[1][np.arange(USERS), had[1] - back].astype(np.int32) for back in (2, 1))
    drawn[1, np.arange(USERS), test_item] = False
    dataset = Dataset(
        name="shop",
        behaviors=BEHAVIORS,
        matrices=tuple(csr_array(own.astype(np.uint8)) for own in drawn),
        test_item=test_item,
        given_valid_item=valid_item,
        users=np.array([f"u{number}" for number in range(USERS)]),
        items=np.array([f"i{number}" for number in range(ITEMS)]),
        origin=Origin("test"),
    )
    logits = []
    for own, matrix in zip(weights, split(dataset, "standard", 0).train, strict=True):
        left = np.where(matrix.toarray(), 0, own)
        share = np.minimum(own / left.sum(1, keepdims=True), 0.9)  # of what is in training it tells nothing
        logits.append(logit(share) - np.log(4 / (ITEMS - np.diff(matrix.indptr)))[:, None])
    return dataset, Known(np.stack(logits).astype(np.float32))


def chances_of(dataset: Dataset, scorer: Scorer, **options: Any) -> Chances:
    config = resolved(dataset, protocol="standard", **options)
    parts = split(
        dataset,
        config.protocol,
        config.seed,
        validation=None if config.refit else config.validation,
        hold_out_lower=config.hold_out_lower,
    )
    return fit("abcdefgh", config, dataset, parts, scorer)


def test_log_odds_that_are_true_need_no_map_and_agree_with_test_pairs(shop: tuple[Dataset, Known]) -> None:
    buy = chances_of(*shop).stage("buy")
    assert (buy.basis, buy.map) == ("correction", None) and "no map is needed" in buy.why
    assert buy.before == buy.after and buy.after is not None
    assert buy.after.found == USERS and buy.after.expected == pytest.approx(USERS, rel=0.06)
    assert sum(part.low <= part.chance <= part.high for part in buy.after.bins) >= 9
    assert buy.after.error < 2 * buy.after.by_chance


@pytest.mark.parametrize("loss", ["exact", "squared"])
def test_distorted_scores_are_put_right_by_the_map_on_test_pairs(shop: tuple[Dataset, Known], loss: str) -> None:
    dataset, known = shop
    chances = chances_of(dataset, Known(np.float32(0.5) * known.all - 1), loss=loss)
    buy = chances.stage("buy")
    assert buy.basis == ("correction and map" if loss == "exact" else "map")
    assert buy.map is not None and buy.after is not None
    assert sum(part.low <= part.chance <= part.high for part in buy.after.bins) >= 8
    assert buy.after.misplaced < 0.12
    if loss == "exact":
        assert buy.before is not None and buy.before.misplaced > 3 * buy.after.misplaced
    else:
        assert buy.before is None and "the chance comes from the map alone" in buy.why
    # The map says what the undistorted score does, within the intervals that it names.
    users = np.arange(200)
    parts = split(dataset, "standard", 0)
    n = np.diff(parts.train[-1].indptr)[users, None]
    truth = expit(known.all[-1][users] + np.log(4 / (ITEMS - n)))
    said = chances.next("buy", 0.5 * known.all[-1][users] - 1, n)
    assert said is not None
    usual = (truth > 0.002) & (truth < 0.05)
    assert ((said[1] <= truth) & (truth <= said[2]))[usual].mean() > 0.85


def test_scores_without_validation_pairs_are_no_chances(shop: tuple[Dataset, Known]) -> None:
    dataset, known = shop
    scored = chances_of(dataset, known, loss="squared", refit=True).stage("buy")
    assert (scored.basis, scored.map, scored.after, scored.checked) == ("none", None, None, False)
    assert scored.why.startswith("NMTR-GMF with the squared loss gives scores, not chances, and this run learned from")
    learned = chances_of(dataset, known, refit=True).stage("buy")
    assert learned.basis == "correction" and learned.checked, "the correction alone can be judged on test pairs"


def test_a_lower_behavior_without_held_out_pairs_is_not_checked(shop: tuple[Dataset, Known]) -> None:
    chances = chances_of(*shop)
    view = chances.stage("view")
    assert (view.basis, view.before, view.after, view.fitted_on) == ("correction", None, None, 0)
    assert view.why == "Its chances are not checked: this run held out no view pairs to check it by."
    assert standing(view) == view.why and "leads no further" not in means(view, target=False)
    (pair,) = chances.of_pairs({"view": np.array([1.0]), "buy": np.array([1.0])}, {"view": 5, "buy": 4})
    assert pair["view"] is not None and pair["buy"] is not None and pair["buy"].step is None
    assert pair["view"].next == pytest.approx(expit(1 + np.log(4 / 115)))
    assert pair["view"].window == pytest.approx(expit(1 + np.log(4 * 5 / 115)))


def test_held_out_lower_pairs_are_fitted_on_half_of_the_users_and_judged_on_the_others(
    shop: tuple[Dataset, Known],
) -> None:
    dataset, known = shop
    view = chances_of(dataset, Known(known.all - 1), hold_out_lower=True).stage("view")
    parts = split(dataset, "standard", 0, hold_out_lower=True)
    assert view.basis == "correction and map" and view.after is not None
    assert view.fitted_on + view.after.found == (parts.lower_item[0] >= 0).sum()
    assert view.fitted_on == pytest.approx(USERS / 2, rel=0.05)
    assert view.after.expected == pytest.approx(view.after.found, rel=0.1)
    assert "leads no further" in means(view, target=False)


def test_step_is_the_share_of_pairs_that_get_as_far(shop: tuple[Dataset, Known]) -> None:
    dataset, known = shop
    chances = chances_of(dataset, known, hold_out_lower=True)
    viewed, bought = (matrix.toarray().astype(bool) for matrix in dataset.matrices)
    bought[np.arange(USERS), dataset.test_item] = True
    so_far = [stage.got_so_far for stage in chances.stages]
    assert so_far == pytest.approx([(viewed & ~bought).sum() / USERS, bought.sum() / USERS])
    scores = {"view": np.array([0.5, -1.0]), "buy": np.array([0.2, 1.5])}
    for pair in chances.of_pairs(scores, {"view": 12, "buy": 6}):
        view, buy = pair["view"], pair["buy"]
        assert view is not None and buy is not None and view.step is None
        got_there = [g * chance.next for g, chance in zip(so_far, (view, buy), strict=True)]
        assert buy.step == pytest.approx(got_there[1] / sum(got_there))
    # No map alone makes a step.
    mapped = chances_of(dataset, known, hold_out_lower=True, loss="squared")
    for pair in mapped.of_pairs(scores, {"view": 12, "buy": 6}):
        assert pair["buy"] is not None and pair["buy"].step is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"lambdas": (0, 1)}, "The weight λ of view is 0: its scores were fitted to nothing"),
        ({"training": "sequential"}, "The scores of view moved after they were learned"),
    ],
)
def test_stages_that_were_fitted_to_nothing_have_no_chance(
    shop: tuple[Dataset, Known], options: dict[str, Any], why: str
) -> None:
    chances = chances_of(*shop, **options)
    assert chances.stage("view").basis == "none" and chances.stage("view").why.startswith(why)
    assert chances.next("view", np.array([1.0]), np.array([3])) is None
    assert chances.stage("buy").basis == "correction"


def test_too_few_validation_pairs_fit_no_map() -> None:
    dataset = random_dataset(num_users=40)
    scorer = Known(np.zeros((3, 40, 150), np.float32))
    buy = chances_of(dataset, scorer).stage("buy")
    assert (buy.basis, buy.map) == ("correction", None)
    assert (
        buy.why == "Its chances are not checked: fewer than 100 users have a validation pair, too few to fit a map on."
    )


def test_pairs_are_counted_by_score_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (8, 12)).astype(np.float32)
    held_out = np.array([3, -1, 0, 11, 5, 2, -1, 7], np.int32)
    left_out = rng.random((8, 12)) < 0.3
    left_out[0, 3] = True  # held out, so it counts all the same

    users = np.array([7, 0, 1, 2, 3, 4])
    asked = Question(held_out, csr_array(left_out.astype(np.uint8)))
    (counted,) = tally(lambda block: scores[block], 12, users, [asked])
    for value in range(5):
        near = np.abs(counted.scores - value) < 0.4
        cells = [(u, i) for u in users if held_out[u] >= 0 for i in range(12) if scores[u, i] == value]
        assert counted.pairs[:, near].sum() == sum(not left_out[c] or c[1] == held_out[c[0]] for c in cells)
        assert counted.found[:, near].sum() == sum(i == held_out[u] for u, i in cells)
    assert counted.users == 5


# Kept beside the run


def test_chances_are_kept_and_damaged_ones_worked_out_again(shop: tuple[Dataset, Known], tmp_path: Path) -> None:
    chances, place = chances_of(*shop), tmp_path / kept.NAME
    kept.write(place, chances)
    assert kept.read(place, "abcdefgh") == chances
    assert kept.read(place, "hgfedcba") is None
    place.write_text(chances.model_dump_json().replace('"version":1', '"version":0'))
    assert kept.read(place, "abcdefgh") is None
    place.write_bytes(place.read_bytes()[:500])
    assert kept.read(place, "abcdefgh") is None
    assert kept.read(tmp_path / "nothing", "abcdefgh") is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the size of files")
def test_full_disk_costs_the_kept_chances_and_nothing_else(shop: tuple[Dataset, Known], tmp_path: Path) -> None:
    chances, before = chances_of(*shop), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        kept.write(tmp_path / kept.NAME, chances)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


# The demo, whose truth was planted


def planted(draws: int = 5) -> tuple[NDArray[np.float64], Dataset]:
    """(M, N) how often each item was bought when the shop's visits were drawn again and again, and the demo."""
    dataset, truth = demo.generate_with_truth()
    bought = np.zeros((demo.NUM_USERS, demo.NUM_ITEMS))
    for number in range(draws):
        user, item, behavior, _ = demo._visits(truth, np.random.default_rng(100 + number))
        bought[user[behavior == 2], item[behavior == 2]] += 1
    rows = np.array([int(label[1:]) - 1 for label in dataset.users])
    columns = np.array([int(label[1:]) - 1 for label in dataset.items])
    return bought[np.ix_(rows, columns)] / draws, dataset


def test_demo_chances_are_those_that_were_planted_within_their_intervals(tmp_path: Path) -> None:
    bought, dataset = planted()
    workspace = Workspace(tmp_path)
    ready_made.install(workspace)
    ours = {"method": "nmtr", "protocol": "clean", "unit": "gmf"}
    (run,) = (run for run in workspace.runs.list("done") if ours.items() <= run.config.to_json().items())
    fitted = workspace.fitted(run.id)
    chances = workspace.chances(run.id, fitted)
    assert run.fingerprint == dataset.fingerprint and workspace.chances(run.id) == chances

    scores = fitted.scorer.score(np.arange(dataset.num_users))
    said = chances.next("buy", scores, np.diff(fitted.split.train[-1].indptr)[:, None])
    assert said is not None
    candidates = fitted.split.known.toarray() == 0
    # Of the purchases that a user could make next, each is the next one as often as it is drawn.
    truth = np.where(candidates, bought, 0)
    truth /= truth.sum(1, keepdims=True)
    next_one, low, high = (part[candidates] for part in said)
    order = np.argsort(next_one, kind="stable")
    tenths = np.searchsorted(np.cumsum(next_one[order]), next_one.sum() * np.arange(1, 10) / 10)
    groups = np.split(order, tenths)
    inside = [low[own].mean() <= truth[candidates][own].mean() <= high[own].mean() for own in groups]
    assert sum(inside) >= 9, inside
    assert next_one.sum() / dataset.num_users == pytest.approx(1, abs=0.06)
    # Over a list of 100 they sum to its hit rate.
    best = np.sort(np.where(candidates, said[0], 0), axis=1)[:, -100:].sum(1).mean()
    assert run.result is not None and best == pytest.approx(run.result.test["HR@100"], abs=0.04)
    # The sigmoid of the score is no such thing.
    assert expit(scores)[candidates].sum() / dataset.num_users > 50
