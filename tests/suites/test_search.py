"""Tuning: the same trials for all, halved on validation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from nmtr.config import RunConfig
from nmtr.config.search_space import SPACE
from nmtr.config.variants import VARIANTS
from nmtr.errors import CapacityError
from nmtr.suites.search import SEED, Search, Trial, affordable, search

ALL = ("view", "cart", "buy")


def prepare(config: RunConfig) -> RunConfig:
    return config.resolve(ALL)


def config(**options: Any) -> RunConfig:
    return RunConfig.parse({"data": "shop", "seed": SEED, **options})


class Trainer:
    """Gives each trial a value on validation by its options; keeps what it was asked for."""

    def __init__(self, value: Any = lambda config: 0.0) -> None:
        self.value, self.asked = value, []

    def __call__(self, what: str, configs: Sequence[RunConfig]) -> list[Any]:
        self.asked.append(list(configs))
        values = [self.value(config) for config in configs]
        return [
            SimpleNamespace(
                id=f"{len(self.asked)}-{number}",
                result=None
                if value is None
                else SimpleNamespace(valid={"HR@100": value, "NDCG@100": 0.1}, seconds=2.0),
            )
            for number, value in enumerate(values)
        ]


def tune(budget: int, train: Trainer, *configs: RunConfig) -> list[Search]:
    return search(configs or (config(),), budget, prepare, train)  # type: ignore[arg-type]


def test_trials_are_halved_over_epochs_with_the_defaults_always_among_them() -> None:
    train = Trainer(lambda config: config.learning_rate or 0.0)  # the defaults, which name none, are the worst
    (found,) = tune(18, train, config(epochs=60))
    assert [len(rung) for rung in train.asked] == [18, 7, 3]
    assert [{one.epochs for one in rung} for rung in train.asked] == [{7}, {20}, {60}]
    assert found.trials[0].options == {}
    assert [rung.epochs for rung in found.trials[0].rungs] == [7, 20, 60]
    last = [trial for trial in found.trials if len(trial.rungs) == 3]
    assert len(last) == 3 and found.trials[found.chosen] in last


@pytest.mark.parametrize(("budget", "sizes"), [(1, [1]), (2, [2]), (3, [3, 1]), (5, [5, 2]), (9, [9, 3, 1])])
def test_small_budgets_have_fewer_rungs(budget: int, sizes: list[int]) -> None:
    train = Trainer()
    (found,) = tune(budget, train)
    assert [len(rung) for rung in train.asked] == sizes
    assert {one.epochs for one in train.asked[-1]} == {60}  # and the defaults, equal to all, are among the best
    assert len(found.trials) == found.budget == budget


@pytest.mark.parametrize("budget", [3, 4, 9, 12])
def test_defaults_get_to_the_end_however_bad_they_are(budget: int) -> None:
    (found,) = tune(budget, Trainer(lambda config: 0.0 if config.learning_rate is None else 1.0))
    assert found.chosen != 0
    assert [rung.epochs for rung in found.trials[0].rungs][-1] == 60


def test_best_on_validation_is_chosen_and_of_equals_the_defaults() -> None:
    best = max(drawn(12), key=lambda trial: trial.options.get("dropout", 0.0))
    (found,) = tune(12, Trainer(lambda config: config.dropout or 0.0))
    assert found.trials[found.chosen].options == best.options
    assert found.best(config()).dropout == best.options["dropout"]
    (equal,) = tune(12, Trainer())
    assert equal.chosen == 0 and equal.best(config()) == config()


def test_failed_trial_stands_below_all_others() -> None:
    (found,) = tune(3, Trainer(lambda config: None if config.optimizer == "adagrad" else 0.0))
    assert found.trials[0].rungs[0].valid is None
    assert found.trials[found.chosen].options["optimizer"] == "adam"


def drawn(budget: int, **options: Any) -> tuple[Trial, ...]:
    return tune(budget, Trainer(), config(**options))[0].trials


def test_larger_budget_only_adds_trials() -> None:
    few, many = drawn(6), drawn(40)
    assert [trial.options for trial in many[:6]] == [trial.options for trial in few]


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.trains])
def test_drawn_options_are_the_methods_and_vary(name: str) -> None:
    method = VARIANTS[name].options
    found = tune(33, Trainer(), config(**method))[0]
    for trial in found.trials:
        resolved = prepare(config(**method, **trial.options))
        assert all(resolved.uses(option) for option in trial.options)
        assert sum(trial.options.get("lambdas", (1,))) == pytest.approx(1)
    assert set(found.space) == {option for trial in found.trials for option in trial.options}
    usual = prepare(config(**method))
    searched = {option for option in SPACE if usual.uses(option)}
    if name == "nmtr-gmf":
        searched -= {"layers", "l2_towers"}  # which it has no towers for
    assert searched <= set(found.space)
    for option in found.space:
        drawn_anew = [trial.options[option] for trial in found.trials if option in trial.options]
        assert len({str(value) for value in drawn_anew}) > 1, option
        # Of 32, or of as many as have the loss that reads it; the others keep the default.
        assert option == "loss" or 4 < len(drawn_anew) < 24, option


def test_learning_rate_is_drawn_around_the_default_of_the_drawn_loss_and_optimizer() -> None:
    for trial in drawn(60)[1:]:
        chosen = {name: trial.options[name] for name in ("loss", "optimizer") if name in trial.options}
        usual = prepare(config(**chosen)).learning_rate
        assert usual is not None and usual / 8 <= trial.options.get("learning_rate", usual) <= usual * 4


def test_losses_are_those_that_the_machine_affords() -> None:
    assert {trial.options["loss"] for trial in drawn(20)[1:]} == {"exact", "squared"}
    for options in ({"unit": "mlp"}, {"method": "mlp"}):  # of NMTR and alone, by other defaults
        assert {trial.options["loss"] for trial in drawn(20, **options)[1:]} == {"sampled", "shared"}
    assert prepare(config(method="mlp")).loss == "shared"

    def refusing(config: RunConfig) -> RunConfig:
        if config.loss == "shared":
            raise CapacityError("too large")
        return prepare(config)

    (found,) = search([config(unit="mlp")], 20, refusing, Trainer())  # type: ignore[arg-type]
    assert "loss" not in found.space


def without_exact(config: RunConfig) -> RunConfig:
    if (resolved := prepare(config)).loss == "exact":
        raise CapacityError("too large")
    return resolved


def test_usual_loss_that_is_too_dear_gives_way_to_the_methods_next() -> None:
    assert affordable(config(), without_exact).loss == "sampled"
    assert affordable(config(), prepare) == config()  # none is named where none has to be
    assert affordable(config(method="bpr"), without_exact) == config(method="bpr")
    with pytest.raises(CapacityError):
        affordable(config(loss="exact"), without_exact)  # which was asked for

    def no_room(config: RunConfig) -> RunConfig:
        raise CapacityError("too large")

    with pytest.raises(CapacityError):
        affordable(config(), no_room)


def test_search_starts_from_the_next_loss_where_the_usual_one_is_too_dear() -> None:
    train = Trainer()
    (found,) = search([config()], 20, without_exact, train)  # type: ignore[arg-type]
    assert train.asked[0][0].loss == "sampled"  # trial 0, the defaults
    assert {trial.options["loss"] for trial in found.trials[1:]} == {"sampled", "shared"}


def test_what_a_config_sets_is_not_searched() -> None:
    given = {"lambdas": (0.0, 0.5, 0.5), "dropout": 0.1, "loss": "squared"}
    assert all(not set(given) & set(trial.options) for trial in drawn(9, **given))


def test_no_command_waits_for_what_only_a_draw_needs() -> None:
    script = "import sys, nmtr.cli; sys.exit('scipy.stats' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0


def test_configs_are_tuned_together_rung_by_rung() -> None:
    train = Trainer()
    found = tune(4, train, config(), config(method="bpr"))
    assert [len(rung) for rung in train.asked] == [8, 4]
    assert [rung.run for search in found for rung in search.trials[0].rungs] == ["1-0", "2-0", "1-4", "2-2"]


def test_defaults_with_the_other_loss_come_before_what_is_drawn_and_nothing_comes_twice() -> None:
    found = drawn(9)
    assert [trial.options for trial in found[:2]] == [{}, {"loss": "squared"}]
    come_to = {prepare(config(**trial.options)).model_dump_json() for trial in drawn(40)}
    assert len(come_to) == 40


def test_space_that_holds_fewer_trials_than_asked_for_gives_those(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtr.suites.search._POINTS", 5)
    (found,) = tune(9, Trainer(), config(method="ials", l2_embeddings=0.1, unobserved_weight=0.1))
    assert [trial.options for trial in found.trials] == [{}]
