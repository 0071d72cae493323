"""Presets: options that validation chose for a method on a data set, in files that `nmtr train --config` takes.

Those that come with the package stand in `nmtr/presets/DATA/`, those that `nmtr suite table2` writes in
`NMTR_HOME/presets/DATA/`, which come first. `NAME.json` holds a run's options but for the data set and the seed;
names are a method's and a protocol's: `nmtr-gmf-standard`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmtr.config import Protocol, RunConfig
from nmtr.errors import ConfigError
from nmtr.suites.files import write_whole
from nmtr.suites.methods import Variant

SHIPPED = Path(__file__).parents[1] / "presets"
#: What a preset leaves to the run.
OF_A_RUN = ("data", "seed", "threads", "watch_test")


def name_of(variant: Variant, protocol: Protocol) -> str:
    """The name of the method's preset."""
    return f"{variant.name}-{protocol}"


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


def options_for(home: Path, config: RunConfig, name: str) -> dict[str, Any]:
    """What the preset of this name sets that an unresolved config, with all of its behaviors, leaves open.

    Options that the config's method and way of training do not read are left out, and so are the weights λ of a preset
    for other behaviors. Empty where there is no such preset.
    """
    path = found(home, config.data).get(name)
    if path is None:
        return {}
    options = RunConfig.read(path)
    own = config.model_fields_set | {"behaviors"}
    if tuple(options.get("behaviors", ())) != config.behaviors:
        own |= {"lambdas"}
    # What a method reads depends on its loss, which the preset may name.
    config = config.model_copy(update={"loss": options.get("loss")} if "loss" not in own else {})
    return {option: value for option, value in options.items() if option not in own and config.uses(option)}


def write(home: Path, config: RunConfig, name: str) -> Path:
    """Keep a resolved config's options as the preset of this name; the file."""
    path = home / "presets" / config.data / f"{name}.json"
    chosen = config.to_json().items()
    options = {option: value for option, value in chosen if option not in OF_A_RUN and value not in (None, {})}
    write_whole(path, json.dumps(options, indent=1, ensure_ascii=False) + "\n")
    return path
