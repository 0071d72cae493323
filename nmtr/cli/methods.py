"""nmtr methods"""

from __future__ import annotations

from nmtr.cli.console import Json, say, show
from nmtr.config import EVERY_METHOD, RunConfig
from nmtr.config.methods import METHODS


def list_methods(as_json: Json = False) -> None:
    """What can learn, with a line each and its options.

    Those that every run has (data, behaviors, sample, protocol, validation, seed, threads) are not repeated.
    """
    value = [
        {
            "method": name,
            "label": method.label,
            "family": method.family,
            "about": method.about,
            "losses": list(method.losses),
            "options": options_of(name),
        }
        for name, method in METHODS.items()
    ]

    def for_people() -> None:
        for name, method in METHODS.items():
            say(f"{name} – {method.label}: {method.about}")
            say("options: " + (" ".join(f"--{option.replace('_', '-')}" for option in options_of(name)) or "none"))

    show(value, as_json, for_people)


def options_of(name: str) -> list[str]:
    """The options that a method reads by any of its losses, beside those that every run has."""
    method = METHODS[name]
    configs = [
        RunConfig.parse({"method": name, **({"loss": loss} if loss else {})}) for loss in method.losses or (None,)
    ]
    return [
        option
        for option in RunConfig.model_fields
        if option not in EVERY_METHOD and any(config.uses(option) for config in configs)
    ]
