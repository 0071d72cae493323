"""The command that trains a run again, read back by the command line itself."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from nmtr.cli.main import app
from nmtr.config import RunConfig
from nmtr.config.written import command, unusual, usual

THREE = ("view", "cart", "buy")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "popularity", "protocol": "standard"},
        {"unit": {"view": "gmf", "cart": "mlp", "buy": "neumf"}, "lambdas": (0.5, 1 / 3, 1 / 6), "epochs": 7},
        {"loss": "exact", "l2_embeddings": 1e-9, "learning_rate": 0.1 + 0.2, "refit": True, "seed": 12},
        {"sample": {"cart": 0.5, "view": 1 / 3}, "training": "sequential", "watch_test": True},
        {"data": "it's $HOME", "method": "bpr", "patience": 0, "threads": 1},
    ],
)
def test_the_command_trains_the_same_config(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig.parse(options).resolve(THREE)
    started: list[RunConfig] = []

    class Stop(Exception):
        pass

    def start(_: object, config: RunConfig) -> None:
        started.append(config)
        raise Stop

    monkeypatch.setattr("nmtr.cli.training.Workspace.start", start)
    words = shlex.split(command(config))
    assert words[:2] == ["nmtr", "train"]
    with pytest.raises(Stop):
        app(words[1:], standalone_mode=False)
    assert started[0].resolve(THREE).to_json() == config.to_json()


def test_unusual_are_the_options_that_somebody_chose() -> None:
    config = RunConfig.parse({"embedding_size": 7, "protocol": "standard", "seed": 3}).resolve(THREE)
    assert unusual(config) == {"embedding_size": 7, "seed": 3}
    assert unusual(RunConfig.parse({"unit": "mlp"}).resolve(THREE)) == {}
    other = RunConfig.parse({"loss": "sampled"}).resolve(THREE)  # whose own learning rate is usual for it
    assert unusual(other) == {"loss": "sampled"} and usual(other)["loss"] == "exact"
