"""What a run is said to take, against runs that have finished."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo
from nmtr.errors import CapacityError
from nmtr.estimate import _INSTANCE, check_capacity, estimate, work

FUNNEL = ("view", "cart", "buy")
MIX = {"view": "gmf", "cart": "mlp", "buy": "neumf"}


def info_of(users: int = 20_000, items: int = 8_000, pairs: int = 300_000) -> DatasetInfo:
    return DatasetInfo(
        name="shop",
        behaviors=FUNNEL,
        users=users,
        items=items,
        interactions=dict.fromkeys(FUNNEL, pairs),
        test_users=users,
        fingerprint="0123456789abcdef",
        source="test",
        licence="none",
        made="",
        synthetic=True,
        created=datetime(2025, 1, 1, tzinfo=UTC),
    )


def config_of(**options: Any) -> RunConfig:
    return RunConfig.parse({"data": "shop", "threads": 2} | options).resolve(FUNNEL)


KINDS = [
    {},
    {"loss": "sampled"},
    {"loss": "squared", "batch_size": 25},
    {"unit": "neumf"},
    {"unit": "mlp", "loss": "exact"},
    {"unit": MIX},
    {"method": "bpr"},
]
of_every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


@of_every_kind
def test_estimate_is_near_what_the_same_run_took_before(kind: dict[str, Any]) -> None:
    config, info = config_of(**kind), info_of(500, 300, 10_000)
    said = estimate(config, info, [(config, info, 9.0), (config, info, 30.0), (config, info, 10.0)])
    # Above the 60 epochs' training by their validation: a third of it where that, too, goes over every pair.
    assert said.measured and 60 * 10.0 <= said.seconds < 60 * 14.0


@of_every_kind
def test_estimate_follows_the_work_from_a_smaller_run_to_a_larger(kind: dict[str, Any]) -> None:
    small, large = info_of(50, 300, 1_000), info_of(500, 300, 10_000)
    config = config_of(**kind)
    said = estimate(config, large, [(config, small, 1.0)])
    assert 60 * 10.0 <= said.seconds < 60 * 14.0


def test_runs_of_another_kind_say_nothing_about_this_one() -> None:
    info = info_of()
    others = [
        config_of(loss="sampled"),
        config_of(loss="squared"),
        config_of(unit="mlp", loss="exact"),
        config_of(method="bpr"),
        config_of(threads=1),
    ]
    said = estimate(config_of(), info, [(other, info, 1e6) for other in others])
    assert said == estimate(config_of(), info, []) and not said.measured


def test_estimate_without_finished_runs_is_of_the_right_order() -> None:
    """Beibei, cart + buy, GMF, exact: an epoch takes 2 to 4 s on two cores."""
    config = RunConfig.parse({"data": "shop", "epochs": 100}).resolve(("cart", "buy"))
    said = estimate(config, info_of(21_716, 7_977, 500_000), [])
    assert 100 * 1 < said.seconds < 100 * 12


def test_refit_trains_twice_and_ranks_once() -> None:
    once, twice = (estimate(config_of(refit=refit), info_of(), []).seconds for refit in (False, True))
    rarely, refitted = (estimate(config_of(refit=refit, rank_every=10**4), info_of(), []).seconds for refit in (0, 1))
    assert twice - once == pytest.approx(refitted - rarely) and once < twice < 2 * once
    assert refitted - 3 == pytest.approx(2 * (rarely - 3), rel=0.05), "but for one ranking"


def test_only_rankings_that_happen_are_counted() -> None:
    every, third, fifth, last = (
        estimate(config_of(epochs=10, rank_every=n), info_of(), []).seconds for n in (1, 3, 5, 99)
    )
    ranking = (every - last) / 9
    assert ranking > 0 and third == pytest.approx(last + 3 * ranking) and fifth == pytest.approx(last + ranking)


def test_rules_take_moments_and_no_tables() -> None:
    rule, model = (estimate(config_of(method=method), info_of(), []) for method in ("popularity", "nmtr"))
    assert rule.seconds < 10 and rule.bytes < model.bytes


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"embedding_size": 32}, {"embedding_size": 64}),
        ({"unit": "mlp"}, {"unit": "neumf"}),
        ({"unit": "mlp", "layers": 2}, {"unit": "mlp", "layers": 3}),
        ({"loss": "sampled", "negatives": 4}, {"loss": "sampled", "negatives": 8}),
        ({"loss": "squared", "batch_size": 1024}, {"loss": "squared", "batch_size": 256}),
        ({"loss": "squared"}, {"loss": "exact"}),
        ({"loss": "squared"}, {"loss": "squared", "embedding": "separate"}),
        ({"loss": "exact"}, {"loss": "exact", "embedding": "separate"}),
        ({"behaviors": ["cart", "buy"]}, {}),
    ],
    ids=str,
)
def test_more_to_compute_is_more_work(less: dict[str, Any], more: dict[str, Any]) -> None:
    assert work(config_of(**less), info_of()) < work(config_of(**more), info_of())


def test_pairs_of_later_behaviors_are_more_work_since_they_pass_more_stages() -> None:
    views, buys = ({"view": 1_000, "cart": 1_000, "buy": 1_000} | {most: 9_000} for most in ("view", "buy"))
    config = config_of(loss="sampled")
    early, late = (work(config, info_of().model_copy(update={"interactions": pairs})) for pairs in (views, buys))
    # In thousands of pairs, each through so many stages: 9 + 2 + 3 against 1 + 2 + 27. Drawing costs both the same.
    drawing = 5 * 11_000 * _INSTANCE
    assert (late - drawing) / (early - drawing) == pytest.approx(30 / 14)


def test_tables_are_counted_as_wide_and_as_long_as_they_are() -> None:
    """A million users; of separate embeddings, and of CMF's users where items are shared, one row a behavior."""
    options: list[dict[str, Any]] = [
        {"loss": "squared"},
        {"loss": "squared", "embedding": "separate"},
        {"method": "cmf", "shared_side": "user"},
        {"method": "cmf", "shared_side": "item"},
    ]
    sizes = [estimate(config_of(**own), info_of(users=1_000_000), []).bytes for own in options]
    assert sizes[1] - sizes[0] >= 2 * 4 * 64 * 1_000_000 and sizes[3] - sizes[2] >= 2 * 4 * 64 * 1_000_000


def test_wide_blocks_of_the_exact_loss_count_as_memory() -> None:
    """A step holds the logits of a block of users with all items for each of three stages, as single floats."""
    few, many = (estimate(config_of(batch_size=size), info_of(items=500_000), []).bytes for size in (256, 1024))
    assert many - few >= 4 * (1024 - 256) * 500_000 * 3


def test_run_that_does_not_fit_the_machine_is_refused_with_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    config, info = config_of(), info_of()
    needed = estimate(config, info, []).bytes
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=needed))
    check_capacity(config, info)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=needed - 1))
    sentence = (
        rf"^the run needs about {needed / 2**30:.1f} GiB of memory and this machine has .* GiB: "
        r"take a smaller embedding size than 64, or a smaller data set\.$"
    )
    with pytest.raises(CapacityError, match=sentence):
        check_capacity(config, info)


@pytest.mark.parametrize(("unit", "others"), [("gmf", "shared, sampled or squared"), ("mlp", "shared or sampled")])
def test_exact_run_whose_epochs_take_hours_is_refused_with_the_alternatives(
    unit: str, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=1 << 40))
    large = info_of(1_000_000, 200_000, 100_000_000)
    sentence = (
        r"^an epoch of the exact loss over 1,000,000 users x 200,000 items takes about [\d,]+ minutes, "
        rf"and may take 10: choose the {others} loss\.$"
    )
    with pytest.raises(CapacityError, match=sentence):
        check_capacity(config_of(unit=unit, loss="exact"), large)
    for other in others.replace(",", " or").split(" or "):
        check_capacity(config_of(unit=unit, loss=other), large)
    check_capacity(config_of(unit=unit, loss="exact"), info_of())


def test_more_threads_carry_a_larger_exact_run() -> None:
    info = info_of(200_000, 200_000)
    with pytest.raises(CapacityError, match="minutes"):
        check_capacity(config_of(unit="neumf", loss="exact", batch_size=1), info)
    check_capacity(config_of(unit="neumf", loss="exact", batch_size=1, threads=256), info)
