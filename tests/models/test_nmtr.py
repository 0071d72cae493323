"""The cascade, against numbers worked out by hand and against itself computed in another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtr.config.methods import Unit
from nmtr.models.nmtr import NMTR
from nmtr.models.scoring import NMTRScorer
from nmtr.models.units import InteractionUnit, Tower

pytestmark = pytest.mark.usefixtures("one_thread", "every_path")

MIXES: list[tuple[Unit, ...]] = [
    ("gmf",),
    ("neumf",),
    ("gmf", "gmf"),
    ("mlp", "gmf"),
    ("gmf", "mlp", "neumf"),
    ("neumf", "mlp", "mlp"),
    ("mlp", "gmf", "neumf", "gmf", "mlp"),
]
in_every_mix = pytest.mark.parametrize("units", MIXES, ids="+".join)


def model_of(units: Sequence[Unit], num_users: int = 5, num_items: int = 7, seed: int = 0) -> NMTR:
    """With weights large enough, biases too, that no part of a logit is negligible."""
    torch.manual_seed(seed)
    model = NMTR(num_users, num_items, units, embedding_size=4, layers=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.7)
    return model.eval()


def fill(module: torch.nn.Module, weights: dict[str, list[object]]) -> None:
    module.load_state_dict({name: torch.tensor(values, dtype=torch.float32) for name, values in weights.items()})


def everyone(model: NMTR) -> tuple[Tensor, Tensor]:
    return torch.arange(model.num_users), torch.arange(model.num_items)


def by_forward(model: NMTR) -> NDArray[np.float32]:
    """(M, N, R) by the equations as they stand in the paper."""
    users, items = torch.cartesian_prod(*everyone(model)).T
    return model(users, items).T.detach().numpy().reshape(model.num_users, model.num_items, -1)


def by_batch(model: NMTR) -> NDArray[np.float32]:
    """(M, N, R) by `of_batch`, all pairs under one behavior at a time."""
    users, items = torch.cartesian_prod(torch.arange(model.num_users), torch.arange(model.num_items)).T
    stages = []
    for r in range(model.num_behaviors):
        sizes = [len(users) if s == r else 0 for s in range(model.num_behaviors)]
        stages.append(model.of_batch(*everyone(model), users.int(), items.int(), sizes)[r])
    return torch.stack(stages, 1).detach().numpy().reshape(model.num_users, model.num_items, -1)


def by_over_items(model: NMTR) -> NDArray[np.float32]:
    return torch.stack(model.over_items(model.users.weight, model.items.weight, model.bias), 2).detach().numpy()


def by_stages(model: NMTR) -> NDArray[np.float32]:
    users, items = np.divmod(np.arange(model.num_users * model.num_items), model.num_items)
    return NMTRScorer(model).stages(users, items).logits.reshape(model.num_users, model.num_items, -1)


def assert_all_agree(model: NMTR, logits: NDArray[np.floating]) -> None:
    for way in (by_forward, by_batch, by_over_items, by_stages):
        np.testing.assert_allclose(way(model), logits, rtol=1e-5, atol=1e-5, err_msg=way.__name__)
    scores = NMTRScorer(model).score(np.arange(model.num_users))
    np.testing.assert_allclose(scores, logits[:, :, -1], rtol=1e-5, atol=1e-5)


def test_gmf_cascade_gives_the_logits_worked_out_by_hand() -> None:
    model = NMTR(1, 2, ("gmf", "gmf"), embedding_size=2)
    fill(
        model,
        {
            "users.weight": [[1, 2]],
            "items.weight": [[3, -1], [0.5, 2]],
            "units.0.gmf": [1, 1],
            "units.1.gmf": [2, -1],
            "bias": [[0.5, -0.5], [0.25, 1]],
        },
    )
    # p * q is (3, -2) for item 0 and (0.5, 4) for item 1.
    # Stage 1: (1, 1) . (3, -2) + 0.5 = 1.5        and (1, 1) . (0.5, 4) - 0.5 = 4
    # Stage 2: 1.5 + (2, -1) . (3, -2) + 0.25 = 9.75 and 4 + (2, -1) . (0.5, 4) + 1 = 2
    assert_all_agree(model, np.array([[[1.5, 9.75], [4.0, 2.0]]]))
    parts = NMTRScorer(model).stages(np.array([0, 0]), np.array([0, 1]))
    np.testing.assert_array_equal(parts.own, [[1, 8], [4.5, -3]])
    np.testing.assert_array_equal(parts.bias, [[0.5, 0.25], [-0.5, 1]])


def test_mlp_and_neumf_cascade_gives_the_logits_worked_out_by_hand() -> None:
    model = NMTR(1, 2, ("mlp", "neumf"), embedding_size=2, layers=2)
    fill(
        model,
        {
            "users.weight": [[1, 2]],
            "items.weight": [[3, -1], [0.5, 2]],
            "units.0.tower.user_half.weight": [[1, 0], [0, 1]],
            "units.0.tower.item_half.weight": [[1, 1], [-1, 0]],
            "units.0.tower.item_half.bias": [0.5, -1],
            "units.0.tower.hidden.0.weight": [[1, 2]],
            "units.0.tower.hidden.0.bias": [-1],
            "units.0.tower.project.weight": [[2]],
            "units.1.gmf": [2, -1],
            "units.1.tower.user_half.weight": [[0, 1], [1, 0]],
            "units.1.tower.item_half.weight": [[1, 0], [0, 1]],
            "units.1.tower.item_half.bias": [-4, 0],
            "units.1.tower.hidden.0.weight": [[1, -1]],
            "units.1.tower.hidden.0.bias": [0.5],
            "units.1.tower.project.weight": [[-3]],
            "bias": [[0.5, -0.5], [0.25, 1]],
        },
    )
    # Stage 1, MLP. W_user p = (1, 2).
    #   item 0: W_item q = (2, -3),     z_1 = relu(1 + 2 + 0.5, 2 - 3 - 1) = (3.5, 0),
    #           z_2 = relu(3.5 - 1) = 2.5,         f = 2 * 2.5 = 5, logit 5 + 0.5 = 5.5
    #   item 1: W_item q = (2.5, -0.5), z_1 = relu(1 + 2.5 + 0.5, 2 - 0.5 - 1) = (4, 0.5),
    #           z_2 = relu(4 + 2 * 0.5 - 1) = 4,   f = 8,           logit 8 - 0.5 = 7.5
    # Stage 2, NeuMF. Its GMF part is (2, -1) . (p * q) = 8 and -3; W_user p = (2, 1), W_item q = q.
    #   item 0: z_1 = relu(2 + 3 - 4, 1 - 1) = (1, 0),
    #           z_2 = relu(1 + 0.5) = 1.5,         f = 8 - 3 * 1.5 = 3.5, logit 5.5 + 3.5 + 0.25 = 9.25
    #   item 1: z_1 = relu(2 + 0.5 - 4, 1 + 2) = (0, 3),
    #           z_2 = relu(-3 + 0.5) = 0,          f = -3,                logit 7.5 - 3 + 1 = 5.5
    assert_all_agree(model, np.array([[[5.5, 9.25], [7.5, 5.5]]]))
    np.testing.assert_array_equal(NMTRScorer(model).stages(np.array([0, 0]), np.array([0, 1])).own, [[5, 3.5], [8, -3]])


@in_every_mix
def test_cascade_is_the_same_whichever_way_it_is_computed(units: tuple[Unit, ...]) -> None:
    model = model_of(units)
    assert_all_agree(model, by_forward(model))


@in_every_mix
def test_of_batch_gives_each_pair_the_logit_of_its_own_behavior(units: tuple[Unit, ...]) -> None:
    model = model_of(units)
    sizes = [3 + 2 * r for r in range(len(units))]
    generator = torch.Generator().manual_seed(1)
    users = torch.randint(model.num_users, (sum(sizes),), generator=generator)
    items = torch.randint(model.num_items, (sum(sizes),), generator=generator)
    expected = torch.from_numpy(by_over_items(model))
    end = len(users)  # the lowest behavior's pairs stand last
    for r, logits in enumerate(model.of_batch(*everyone(model), users.int(), items.int(), sizes)):
        chosen = slice(end - sizes[r], end)
        torch.testing.assert_close(logits, expected[users[chosen], items[chosen], r])
        end -= sizes[r]
    assert end == 0


@in_every_mix
def test_of_batch_allows_behaviors_without_pairs(units: tuple[Unit, ...]) -> None:
    model = model_of(units)
    sizes = [0] * (len(units) - 1) + [1]
    one = torch.zeros(1, dtype=torch.int32)
    logits = model.of_batch(torch.tensor([2]), torch.tensor([3]), one, one, sizes)
    assert [len(own) for own in logits] == sizes


@in_every_mix
def test_over_items_of_a_slice_is_that_slice_of_all(units: tuple[Unit, ...]) -> None:
    model = model_of(units)
    part = torch.stack(model.over_items(model.users.weight, model.items.weight[2:5], model.bias[:, 2:5]), 2)
    np.testing.assert_allclose(part.detach().numpy(), by_over_items(model)[:, 2:5], rtol=1e-5, atol=1e-6)


@in_every_mix
def test_stages_sum_exactly_to_their_logits(units: tuple[Unit, ...]) -> None:
    parts = NMTRScorer(model_of(units)).stages(np.array([0, 1, 4]), np.array([6, 0, 2]))
    assert parts.own.shape == parts.bias.shape == parts.logits.shape == (3, len(units))
    inherited = np.zeros(3, np.float32)
    for r in range(len(units)):
        np.testing.assert_array_equal(parts.logits[:, r], inherited + (parts.own[:, r] + parts.bias[:, r]))
        inherited = parts.logits[:, r]


def test_stages_are_the_callers_to_change() -> None:
    model = model_of(("gmf", "mlp"))
    users, items = np.array([1, 2]), np.array([3, 3])
    first = NMTRScorer(model).stages(users, items)
    kept = first.logits
    first.own[:], first.bias[:] = 0, 0
    np.testing.assert_array_equal(NMTRScorer(model).stages(users, items).logits, kept)


def test_scores_do_not_depend_on_how_users_are_put_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(("neumf", "gmf"))
    whole = NMTRScorer(model).score(np.arange(5))
    monkeypatch.setattr("nmtr.models.scoring._TOWER_PAIRS", 2 * model.num_items)
    np.testing.assert_allclose(NMTRScorer(model).score(np.arange(5)), whole, rtol=1e-5)


def test_dropout_acts_on_user_vectors_in_training_only() -> None:
    model = model_of(("gmf", "gmf"))
    pairs = *everyone(model), torch.zeros(50, dtype=torch.int32), (torch.arange(50) % 7).int()
    undisturbed = model.of_batch(*pairs, [25, 25])
    for one, other in zip(model.of_batch(*pairs, [25, 25], 0.5), undisturbed, strict=True):
        assert torch.equal(one, other)
    model.train()
    for one, other in zip(model.of_batch(*pairs, [25, 25], 0.5), undisturbed, strict=True):
        assert not torch.equal(one, other)


def spread(values: Tensor) -> float:
    return float(values.detach().square().mean().sqrt())


def test_initial_weights_have_the_spread_of_he() -> None:
    torch.manual_seed(0)
    model = NMTR(200, 300, ("neumf",), embedding_size=256, layers=3)
    tower = model.units[0].tower
    assert tower is not None and model.units[0].gmf is not None
    # The root mean square of n normal numbers is off by 1 / sqrt(2 n) of itself: four times that is allowed.
    expected = [
        (model.users.weight, 0.1),
        (model.items.weight, 0.1),
        (tower.user_half.weight, (2 / 512) ** 0.5),  # its fan-in is that of the whole [p; q]
        (tower.item_half.weight, (2 / 512) ** 0.5),
        (tower.hidden[0].weight, (2 / 256) ** 0.5),
        (tower.hidden[1].weight, (2 / 128) ** 0.5),
        (tower.project.weight, (1 / 64) ** 0.5),  # no ReLU follows
    ]
    for weight, sigma in expected:
        assert spread(weight) == pytest.approx(sigma, rel=4 / (2 * weight.numel()) ** 0.5)
    assert (model.units[0].gmf == 1).all()
    for zero in (model.bias, tower.item_half.bias, *(layer.bias for layer in tower.hidden)):
        assert not zero.any()


@pytest.mark.parametrize(
    ("embedding_size", "layers", "widths"), [(64, 3, [64, 32, 16]), (4, 1, [4]), (2, 4, [2, 1, 1, 1]), (1, 2, [1, 1])]
)
def test_tower_halves_its_width_from_twice_the_embedding_size(
    embedding_size: int, layers: int, widths: list[int]
) -> None:
    tower = Tower(embedding_size, layers)
    assert tower.user_half.in_features + tower.item_half.in_features == 2 * embedding_size
    assert [tower.user_half.out_features, *(layer.out_features for layer in tower.hidden)] == widths
    assert (tower.project.in_features, tower.project.out_features) == (widths[-1], 1)


@pytest.mark.parametrize(("kind", "gmf", "tower"), [("gmf", True, False), ("mlp", False, True), ("neumf", True, True)])
def test_unit_holds_only_the_parts_of_its_kind(kind: Unit, gmf: bool, tower: bool) -> None:
    unit = InteractionUnit(kind, 4, 2)
    assert ((unit.gmf is not None), (unit.tower is not None)) == (gmf, tower)


def test_mean_cascade_takes_half_of_the_stage_before_and_half_of_its_own() -> None:
    """As the authors' code has it: (f^r + out^(r-1)) / 2 + b^r."""
    model = NMTR(1, 1, ("gmf", "gmf", "gmf"), embedding_size=1, cascade="mean")
    weights = {"users.weight": [[1.0]], "items.weight": [[2.0]], "units.0.gmf": [3.0], "units.1.gmf": [1.0]}
    fill(model, {**weights, "units.2.gmf": [4.0], "bias": [[0.5], [0.25], [-1.0]]})
    # 6 + 0.5 = 6.5; (2 + 6.5) / 2 + 0.25 = 4.5; (8 + 4.5) / 2 - 1 = 5.25.
    assert_all_agree(model, np.array([[[6.5, 4.5, 5.25]]]))
    parts = NMTRScorer(model).stages(np.array([0]), np.array([0]))
    np.testing.assert_array_equal(parts.own, [[6, 1, 4]])
    assert parts.kept == 0.5


@in_every_mix
@pytest.mark.parametrize("cascade", ["sum", "mean", "none"])
@pytest.mark.parametrize("embedding", ["shared", "separate"])
def test_every_cascade_gives_the_stages_of_its_units_alone(
    units: tuple[Unit, ...], cascade: Any, embedding: Any
) -> None:
    """Each unit is tried on its own, on the block of the embeddings that is its, and then added up by hand."""
    torch.manual_seed(0)
    model = NMTR(5, 7, units, embedding_size=4, layers=2, cascade=cascade, embedding=embedding)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.7)
    kept, own = {"sum": (1, 1), "mean": (0.5, 0.5), "none": (0, 1)}[cascade]
    out = np.zeros((5, 7))
    stages = []
    for r, unit in enumerate(units):
        alone = NMTR(5, 7, (unit,), embedding_size=4, layers=2)
        part = slice(4 * r, 4 * r + 4) if embedding == "separate" else slice(0, 4)
        state = {
            "users.weight": model.users.weight[:, part],
            "items.weight": model.items.weight[:, part],
            "bias": torch.zeros(1, 7),
        }
        prefix = f"units.{r}."
        state |= {
            name.replace(prefix, "units.0."): w for name, w in model.state_dict().items() if name.startswith(prefix)
        }
        alone.load_state_dict(state)
        f = by_over_items(alone)[:, :, 0]
        out = (f if r == 0 else kept * out + own * f) + model.bias[r].detach().numpy()
        stages.append(out)
    assert_all_agree(model.eval(), np.stack(stages, 2))
