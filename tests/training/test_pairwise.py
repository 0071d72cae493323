"""BPR and its levels of feedback: gradients written out, and what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import nn
from torch.nn.functional import softplus

from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.training.levels import LevelSampler
from nmtr.training.pairwise import PairwiseLoss, TripleSampler
from tests.training.test_objectives import NEGATIVES, assert_gradients, in_double, naive_logit, observations

pytestmark = pytest.mark.usefixtures("one_thread")


def random_weights(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.0, 0.6)
    return model


@pytest.mark.usefixtures("every_path")
@pytest.mark.parametrize("kind", ["MF", "NeuMF"])
def test_loss_has_the_gradient_of_every_difference_written_out(kind: str) -> None:
    made: Any = (
        Factorization(5, 6, embedding_size=4) if kind == "MF" else NMTR(5, 6, ("neumf",), embedding_size=4, layers=2)
    )
    model = random_weights(made)
    weights = in_double(model)
    objective = PairwiseLoss(made, TripleSampler(observations()[-1], NEGATIVES, batch_size=100), dropout=0.0)
    (batch,) = objective.batches(np.random.default_rng(0))
    loss = torch.zeros((), dtype=torch.float64)

    def score(u: int, i: int) -> torch.Tensor:
        if kind == "MF":
            return weights["users.weight"][u] @ weights["items.weight"][i]
        return naive_logit(weights, 0, u, i)

    for u, bought, others in zip(*(part.tolist() for part in batch), strict=True):
        for other in others:
            loss = loss + softplus(score(u, other) - score(u, bought))
    (loss / objective.instances.sum()).backward()
    np.testing.assert_allclose(objective.backward(batch), [loss.item()], rtol=1e-5)
    if kind == "NeuMF":
        # A term that is the same for all items of a user has no part in a difference.
        assert weights["units.0.tower.user_half.weight"].grad is not None
    assert_gradients(model, weights)


def test_epoch_holds_every_purchase_once_with_items_not_bought() -> None:
    bought = observations()[-1].toarray()
    bought[0] = 1  # nothing is left to compare with
    sampler = TripleSampler(csr_array(bought), NEGATIVES, batch_size=4)
    batches = [*sampler.batches(np.random.default_rng(0))]
    users, items, others = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    expected = [(u, i) for u, i in np.argwhere(bought).tolist() if u != 0]
    assert sorted(zip(users.tolist(), items.tolist(), strict=True)) == expected
    assert not bought[users[:, None], others].any() and others.shape[1] == NEGATIVES
    assert len(batches) == sampler.steps and sampler.positives == len(expected)


def levels(observed: np.ndarray) -> np.ndarray:
    """(M, N): 0 where nothing was touched, r + 1 where behavior r is the highest."""
    return np.max(observed * np.arange(1, len(observed) + 1)[:, None, None], axis=0)


def drawn(sampler: LevelSampler) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batches = [*sampler.batches(np.random.default_rng(0))]
    assert len(batches) == sampler.steps
    users, items, others = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return users, items, others


@given(seed=st.integers(0, 200), unseen=st.sampled_from([0.0, 0.5, 1.0]), density=st.sampled_from([0.2, 0.6, 1.0]))
def test_a_negative_stands_on_a_lower_level_than_its_positive(seed: int, unseen: float, density: float) -> None:
    observed = np.random.default_rng(seed).random((3, 4, 6)) < density
    train = [csr_array(own.astype(np.uint8)) for own in observed]
    sampler = LevelSampler(train, (0.2, 0.3, 0.5), unseen, NEGATIVES, batch_size=7)
    if sampler.positives == 0:
        return
    users, items, others = drawn(sampler)
    level = levels(observed)
    own, other = level[users, items], level[users[:, None], others]
    assert (own > 0).all() and (other < own[:, None]).all()
    if unseen == 1.0:  # a seen one only for who has seen everything
        assert (level[users] == 0).any(1)[(other > 0).any(1)].sum() == 0
    if unseen == 0.0:  # an unseen one only for who has nothing on the levels between
        has_lower = np.array([((level[u] > 0) & (level[u] < r)).any() for u, r in zip(users, own, strict=True)])
        assert (other[has_lower] > 0).all()


def test_lambdas_say_how_many_positives_each_level_has() -> None:
    observed = np.random.default_rng(1).random((3, 40, 50)) < 0.1
    train = [csr_array(own.astype(np.uint8)) for own in observed]
    users, items, _ = drawn(LevelSampler(train, (0.1, 0.3, 0.6), 0.9, 2, batch_size=100))
    level = levels(observed)
    total = int((level > 0).sum())
    counts = np.bincount(level[users, items], minlength=4)
    np.testing.assert_allclose(counts[1:], np.array([0.1, 0.3, 0.6]) * total, atol=1)
    # Each pair of a level as often as any other, but for one.
    pairs, often = np.unique(users[level[users, items] == 3] * 50 + items[level[users, items] == 3], return_counts=True)
    assert len(pairs) == (level == 3).sum() and np.ptp(often) <= 1


def test_unseen_share_is_the_chance_of_an_item_never_touched() -> None:
    observed = np.zeros((2, 30, 60), np.bool_)
    observed[0, :, :20] = True  # all viewed twenty items
    observed[1, :, 0] = True  # and bought one
    train = [csr_array(own.astype(np.uint8)) for own in observed]
    _, _, others = drawn(LevelSampler(train, (0.0, 1.0), 0.75, 10, batch_size=1000))
    assert np.mean(others >= 20) == pytest.approx(0.75, abs=0.02)
