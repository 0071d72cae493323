"""The derivation of docs/chances.md, on data drawn from a known model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.special import expit

from nmtr.chances.odds import in_training, next_log_odds, window
from nmtr.models.nmtr import NMTR
from nmtr.training.exact import ExactLoss

pytestmark = pytest.mark.usefixtures("one_thread")

ITEMS, EACH, NEGATIVES = 30, 600, 4
HAD = (3, 12)  # how many pairs each user of the two groups has


def known_model() -> tuple[np.ndarray, csr_array]:
    """The chances (2, N) of two groups of users, each with its own tastes, and the pairs of 600 users of either."""
    rng = np.random.default_rng(5)
    tastes = rng.normal(0, 1.2, (2, ITEMS))

    def drawn(times: int) -> list[np.ndarray]:
        """(times, N) for either group: the largest of log-weights plus Gumbel noise are a draw without replacement."""
        noisy = tastes[:, None] + rng.gumbel(size=(2, times, ITEMS))
        places = np.argsort(np.argsort(-noisy))
        return [own < had for own, had in zip(places, HAD, strict=True)]

    chances = np.stack([draws.mean(0) for draws in drawn(20_000)])
    return chances, csr_array(np.concatenate(drawn(EACH)).astype(np.uint8))


def converged(pairs: csr_array) -> np.ndarray:
    """The logits (2, N) where the exact loss falls no further, of NMTR with one stage that is told the groups."""
    model = NMTR(2 * EACH, ITEMS, ("gmf",), embedding_size=2)
    with torch.no_grad():
        model.users.weight.copy_(torch.eye(2).repeat_interleave(EACH, 0))
        model.units[0].gmf.fill_(1)
    loss = ExactLoss(model, [pairs], (1.0,), negatives=NEGATIVES, batch_size=2 * EACH, dropout=0.0)
    learned = [model.items.weight, model.bias]
    optimizer = torch.optim.Adam(learned, lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss.backward(np.arange(2 * EACH))
        for parameter in learned:
            parameter.grad = parameter.grad.to_dense()
        optimizer.step()
    with torch.no_grad():
        return (model.items.weight.T + model.bias).numpy().astype(np.float64)


def test_corrected_odds_recover_the_chances_that_the_data_were_drawn_with() -> None:
    chances, pairs = known_model()
    known = np.array(HAD)[:, None]
    logits = converged(pairs)
    recovered = window(expit(next_log_odds(logits, known, ITEMS, NEGATIVES)), known)
    error = np.sqrt(chances * (1 - chances) / EACH)
    assert (np.abs(recovered - chances) < 1.96 * error).mean() > 0.9
    assert (np.abs(recovered - chances) < 4 * error).all()
    assert recovered.sum(1) == pytest.approx(HAD, rel=0.01)
    assert (np.abs(expit(logits).sum(1) / HAD - 1) > 0.3).all(), "the sigmoid alone is far off"


def test_chance_of_training_is_the_window_of_the_next_one() -> None:
    known = np.array([3, 12, 0, ITEMS])
    out = np.array([[-500.0, -2.0, 0.0, 1.8, 500.0]]).repeat(4, 0)
    said = window(expit(next_log_odds(out[:2], known[:2, None], ITEMS, NEGATIVES)), known[:2, None])
    found = in_training(out.copy(), known, ITEMS, NEGATIVES)
    assert found[:2] == pytest.approx(said, abs=1e-9)
    assert found[2:].tolist() == [[0.0] * 5, [1.0] * 5]


def test_window_has_n_times_the_odds_of_the_next_one() -> None:
    chance, known = np.array([0.01, 0.2, 0.2]), np.array([10, 3, 0])
    odds = 10 * 0.01 / 0.99, 3 * 0.2 / 0.8
    assert window(chance, known)[:2] == pytest.approx([o / (1 + o) for o in odds])
    assert np.isnan(window(chance, known)[2])
    # Of a user with 10 purchases among 8,000 items a σ of .86 means 1 in 34, as docs/chances.md says.
    (said,) = window(expit(next_log_odds(np.array([1.8]), np.array([10]), 8000, 4)), np.array([10]))
    assert 1 / said == pytest.approx(34, abs=0.5)


@pytest.mark.parametrize("n", [1, 3])
def test_a_pair_held_out_at_random_has_the_odds_of_training_over_n(n: int) -> None:
    """Counted over all the ways in which n + 1 of six items can be had, with any chances."""
    rng = np.random.default_rng(1)
    chances, counts = np.array([0.1, 0.5, 0.3, 0.7, 0.2, 0.4]), np.zeros(3)  # in training, held out, neither
    for had in rng.random((20_000, 6)) < chances:
        if had.sum() == n + 1:
            counts += [n / (n + 1), 1 / (n + 1), 0] if had[0] else [0, 0, 1]
    assert counts[1] / counts[2] == pytest.approx(counts[0] / counts[2] / n)
