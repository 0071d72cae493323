"""Presets: options that validation chose for a method on a data set, in files that `nmtr train --config` takes.

Those that come with the package stand in `nmtr/presets/DATA/`, those that `nmtr suite table2` writes in
`NMTR_HOME/presets/DATA/`, which come first. `NAME.json` holds a run's options but for the data set and the seed;
names are a method's and a protocol's, and of presets for some of the behaviors theirs: `nmtr-gmf-standard`,
`nmtr-gmf-standard-cart+buy`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmtr.config import Protocol, RunConfig
from nmtr.config.variants import Variant
from nmtr.config.written import option_text
from nmtr.errors import ConfigError
from nmtr.files import write_whole

SHIPPED = Path(__file__).parents[1] / "presets"
#: What a preset leaves to the run.
OF_A_RUN = ("data", "seed", "threads", "watch_test", "hold_out_lower")
#: What a preset was chosen by, which a run of `--config` follows. Suites take it from their order alone: else methods
#: with and without a preset would be chosen, or tested, in different ways.
_CHOSEN_BY = ("validation", "refit")
#: Epochs that runs have if nothing is said of them: a preset of fewer would cut short whatever takes it.
USUAL_EPOCHS: int = RunConfig.model_fields["epochs"].default


@dataclass(frozen=True)
class Preset:
    """A preset that was found for a config."""

    name: str
    tuned: RunConfig  # unresolved, but with its behaviors; what it leaves out is not set

    def options_for(self, config: RunConfig) -> dict[str, Any]:
        """What it sets that an unresolved config leaves open.

        Options that the config's method and way of training do not read are left out, and so are the weights λ of a
        preset for other behaviors.
        """
        own = config.model_fields_set | {"behaviors", *_CHOSEN_BY}
        if self.tuned.behaviors != config.behaviors:
            own |= {"lambdas"}
        # What a method reads depends on its loss, which the preset may name.
        config = config.model_copy(update={"loss": self.tuned.loss} if "loss" not in own else {})
        options = self.tuned.model_dump(exclude_unset=True)
        return {option: value for option, value in options.items() if option not in own and config.uses(option)}

    def tuned_for(self, config: RunConfig) -> str:
        """What it was tuned with where a config sets something else: ``behaviors view+buy``; empty where nothing is."""
        both = (self.tuned.model_fields_set & config.model_fields_set) - {*OF_A_RUN, "refit"} | {"validation"}
        both |= {"sample"} & config.model_fields_set
        unlike = {
            name: value
            for name in RunConfig.model_fields
            if name in both and (value := getattr(self.tuned, name)) != getattr(config, name)
        }
        return ", ".join("all pairs" if value == {} else option_text(name, value) for name, value in unlike.items())


def name_of(variant: Variant, protocol: Protocol, subset: Sequence[str] = ()) -> str:
    """The name of the method's preset; subset: its behaviors where they are not all of the data set's."""
    return "-".join([variant.name, protocol, *(["+".join(subset)] if subset else [])])


def found(home: Path, data: str) -> dict[str, Path]:
    """The data set's presets by name."""
    folders = SHIPPED / data, home / "presets" / data
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}


def read(home: Path, data: str, name: str) -> dict[str, Any]:
    """A run's options, by a preset's name or a file's path; ConfigError where there is neither."""
    there = found(home, data)
    if name in there:
        return RunConfig.read(there[name])
    path = Path(name)
    if path.suffix == ".json" or len(path.parts) > 1 or path.exists():
        return RunConfig.read(path)
    listed = ", ".join(there) or "of which there is none"
    raise ConfigError(f"--config must be a JSON file or a preset of data set {data} ({listed}); got {name}.")


def find(home: Path, variant: Variant, config: RunConfig, available: Sequence[str]) -> Preset | None:
    """The preset for an unresolved config that names its behaviors: one for these, else one for all `available`.

    available: the data set's behaviors. Raises ConfigError where the file holds no options of the method.
    """
    there = found(home, config.data)
    for behaviors in dict.fromkeys([config.behaviors, tuple(available)]):
        name = name_of(variant, config.protocol, _subset(behaviors, available))
        if name in there:
            tuned = _parsed(there[name], variant)
            if (tuned.behaviors or tuple(available)) == behaviors:
                return Preset(name, tuned.model_copy(update={"behaviors": behaviors}))
    return None


def _subset(behaviors: Sequence[str], available: Sequence[str]) -> Sequence[str]:
    return () if tuple(behaviors) == tuple(available) else behaviors


def _parsed(path: Path, variant: Variant) -> RunConfig:
    try:
        return RunConfig.parse(RunConfig.read(path) | variant.options)
    except ConfigError as error:
        raise ConfigError(f"preset {path} must be mended or removed: {error}") from None


def write(home: Path, config: RunConfig, variant: Variant, available: Sequence[str]) -> str:
    """Keep a resolved config's options as the method's preset; its name. available: the data set's behaviors."""
    name = name_of(variant, config.protocol, _subset(config.behaviors, available))
    chosen = config.to_json().items()
    options = {option: value for option, value in chosen if option not in OF_A_RUN and value not in (None, {})}
    path = home / "presets" / config.data / f"{name}.json"
    write_whole(path, json.dumps(options, indent=1, ensure_ascii=False) + "\n")
    return name
