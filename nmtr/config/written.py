"""A run's options in writing: which of them are the usual ones, and the command that trains the run again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from nmtr.config import RunConfig

_SAID = ("data", "protocol", "method")  # even where they are what is taken if nothing is said


def unusual(config: RunConfig) -> dict[str, Any]:
    """The options of a resolved config that are not the usual ones of its method, unit, loss and optimizer, in order.

    Not among them is what stands beside every run: data, protocol, method, unit and threads.
    """
    options = config.to_json()
    likely, always = usual(config, "loss", "optimizer"), usual(config)
    return {
        name: value
        for name, value in options.items()
        if name not in ("data", "protocol", "method", "unit", "threads", "behaviors")
        and value != (always if name in ("loss", "optimizer") else likely).get(name)
    }


def usual(config: RunConfig, *given: str) -> dict[str, Any]:
    """The options, as plain values, of a run of this method and unit with nothing else chosen but what is given.

    The protocol, which has no influence on others, is the config's.
    """
    options = config.to_json()
    chosen = {name: options[name] for name in ("data", "protocol", "method", "unit", *given) if name in options}
    return _resolved(json.dumps(chosen), config.behaviors)


@lru_cache(maxsize=1_000)
def _resolved(chosen: str, behaviors: tuple[str, ...]) -> dict[str, Any]:
    return RunConfig.parse(json.loads(chosen)).resolve(behaviors).to_json()


def command(config: RunConfig) -> str:
    """The shell command that trains a run of this config: `nmtr train` with what it does not take by itself."""
    words = ["nmtr", "train"]
    for name, value in config.to_json().items():
        if value is None or (value == _taken(name) and name not in _SAID):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", _text(value)]
    return shlex.join(words)


def _taken(name: str) -> Any:
    return RunConfig.model_fields[name].get_default(call_default_factory=True)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={part}" for key, part in value.items())
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def option_text(name: str, value: Any) -> str:
    """An option with its value, short and for people: ``λ .33/.67``, ``behaviors cart+buy``, ``epochs 20``."""
    if name == "lambdas":
        return "λ " + "/".join(f"{weight:.2f}".removeprefix("0") for weight in value)
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, Mapping):
        value = "+".join(f"{key}={part}" for key, part in value.items())
    elif isinstance(value, list | tuple):
        value = "+".join(map(str, value))
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
