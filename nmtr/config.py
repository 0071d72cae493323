"""What a run is: one frozen, validated object, the same from a page, a command, a file or Python."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nmtr.errors import ConfigError

Unit = Literal["gmf", "mlp", "neumf"]
Method = Literal["nmtr", "bpr", "popularity", "last-behavior"]
Protocol = Literal["standard", "clean"]
Loss = Literal["sampled", "shared", "exact", "squared"]
Optimizer = Literal["adagrad", "adam"]

UNITS: tuple[Unit, ...] = get_args(Unit)
METHODS: tuple[Method, ...] = get_args(Method)
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

METHOD_NAMES: dict[Method, str] = {
    "nmtr": "NMTR",
    "bpr": "BPR-MF",
    "popularity": "Popularity",
    "last-behavior": "Touched before, not bought",
}
UNIT_NAMES: dict[Unit, str] = {"gmf": "GMF", "mlp": "MLP", "neumf": "NeuMF"}

_EVERY_METHOD = frozenset({"data", "behaviors", "protocol", "method", "seed", "threads"})
_TRAINED = frozenset(
    {"epochs", "patience", "refit", "embedding_size", "negatives", "dropout", "optimizer"}
    | {"learning_rate", "l2_embeddings", "batch_size"}
)
#: The options that each method reads, beside those that every run has.
METHOD_OPTIONS: dict[Method, frozenset[str]] = {
    "nmtr": _TRAINED | {"unit", "lambdas", "loss", "unobserved_weight", "layers", "l2_towers"},
    "bpr": _TRAINED,
    "popularity": frozenset(),
    "last-behavior": frozenset(),
}
# The defaults by what is minimized: NMTR's four losses, and BPR's pairwise one.
_DROPOUT = {"sampled": 0.0, "shared": 0.5, "exact": 0.5, "squared": 0.5, "pairwise": 0.5}
_LEARNING_RATE = {
    ("adagrad", "sampled"): 0.05,
    ("adagrad", "shared"): 0.1,
    ("adagrad", "exact"): 0.2,
    ("adagrad", "squared"): 0.05,
    ("adagrad", "pairwise"): 0.05,
    ("adam", "sampled"): 0.001,
    ("adam", "shared"): 0.005,
    ("adam", "exact"): 0.005,
    ("adam", "squared"): 0.002,
    ("adam", "pairwise"): 0.001,
}
_BATCH_SIZE = {"sampled": 4096, "shared": 256, "exact": 512, "squared": 512, "pairwise": 4096}


class RunConfig(BaseModel):
    """Every option of a run, each stated here once (pages and commands take their help texts from here).

    A config may leave open what depends on the data set or on other options (`None`, or no behaviors);
    `resolve` closes it, and only resolved configs are stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field("demo", min_length=1, description="Data set to learn from.")
    behaviors: tuple[str, ...] = Field(
        (), description="Behaviors to use, lowest first, the target last; all of the data set's if not given."
    )
    protocol: Protocol = Field(
        "standard",
        description="standard: as published, the held-out purchase is removed from the target only. "
        "clean: held-out pairs are removed from every lower behavior too.",
    )
    method: Method = Field("nmtr", description="What learns: " + ", ".join(METHODS) + ".")
    unit: Unit | dict[str, Unit] = Field(
        "gmf",
        description="Interaction unit, one for all behaviors or one for each: view=gmf,buy=mlp (Eq. 6-8).",
    )
    lambdas: tuple[float, ...] | None = Field(
        None, description="Loss weights λ, one per behavior, summing to 1 (Eq. 12); equal if not given."
    )
    loss: Loss | None = Field(
        None,
        description="sampled: the paper's mini-batches with ρ negatives for each positive. "
        "shared: each user's negatives are drawn once for all behaviors, popular items more often, and weighted so "
        "that nothing changes in the mean: the fastest for MLP and NeuMF. "
        "exact: the expectation of both, over every user-item pair. "
        "squared: the squared error over every user-item pair, the fastest; beyond the paper, and for GMF units only. "
        "If not given: exact where every unit is GMF, which makes it the cheaper one, else sampled.",
    )
    unobserved_weight: float = Field(
        0.1,
        gt=0.0,
        le=1.0,
        description="What an unobserved pair weighs in the squared loss, beside 1 for an observed one.",
    )
    epochs: int = Field(60, ge=1, le=10_000, description="Most epochs to train.")
    patience: int = Field(
        8,
        ge=0,
        description="Stop after this many epochs without a better validation HR@100 (NDCG@100 among equals); "
        "0 never stops early.",
    )
    refit: bool = Field(
        False,
        description="Train once more on training + validation for the number of epochs that validation chose.",
    )
    embedding_size: int = Field(64, ge=1, le=1024, description="Embedding size E.")
    layers: int = Field(3, ge=1, le=5, description="Hidden layers of an MLP or NeuMF unit's tower.")
    negatives: int = Field(4, ge=1, le=100, description="Negatives for each positive, ρ.")
    dropout: float | None = Field(
        None,
        ge=0.0,
        lt=1.0,
        description="Share of the user vector's entries dropped in training; by loss if not given.",
    )
    optimizer: Optimizer = Field("adagrad", description="adagrad or adam.")
    learning_rate: float | None = Field(
        None, gt=0.0, le=10.0, description="Learning rate; by optimizer and loss if not given."
    )
    l2_embeddings: float = Field(
        0.0, ge=0.0, allow_inf_nan=False, description="L2 penalty on the embeddings and item biases."
    )
    l2_towers: float = Field(
        0.0, ge=0.0, allow_inf_nan=False, description="L2 penalty on the interaction units' weights."
    )
    batch_size: int | None = Field(
        None, ge=1, description="Pairs (sampled) or users (shared, exact, squared) in a step; by loss if not given."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the split, the initial weights and the sampling.")
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, description="Threads to use.")

    @field_validator("lambdas")
    @classmethod
    def _on_the_simplex(cls, lambdas: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if lambdas is None:
            return None
        shown = ", ".join(f"{weight:g}" for weight in lambdas)
        if any(not math.isfinite(weight) or weight < 0 for weight in lambdas):
            raise ValueError(f"lambdas must be numbers of at least 0; got {shown}.")
        if abs(sum(lambdas) - 1) > 1e-3:
            raise ValueError(f"lambdas must sum to 1; got {shown}, which sum to {sum(lambdas):g}.")
        if abs(sum(lambdas) - 1) < 1e-9:
            return lambdas
        # Thirds arrive as .333: within the tolerance they are meant to sum to 1, so make them.
        return tuple(weight / sum(lambdas) for weight in lambdas)

    @model_validator(mode="after")
    def _only_options_of_the_method(self) -> RunConfig:
        for name in sorted(self.model_fields_set):
            if not self.uses(name) and getattr(self, name) != type(self).model_fields[name].default:
                of_loss = name in METHOD_OPTIONS[self.method]
                whose = f"the {self.loss or 'default'} loss" if of_loss else self.method
                other = "loss" if of_loss else "method"
                raise ValueError(f"{whose} has no option {name}; leave it out, or choose another {other}.")
        return self

    @property
    def target(self) -> str:
        """The behavior that is recommended for; the config must name its behaviors."""
        return self.behaviors[-1]

    @property
    def units(self) -> tuple[Unit, ...]:
        """The interaction unit of each behavior, lowest first; of a resolved config."""
        if isinstance(self.unit, str):
            return (self.unit,) * len(self.behaviors)
        return tuple(self.unit[behavior] for behavior in self.behaviors)

    @property
    def label(self) -> str:
        """A short name for people: ``NMTR-GMF``, ``NMTR-GMF+MLP``, ``BPR-MF``."""
        if self.method != "nmtr":
            return METHOD_NAMES[self.method]
        units = [self.unit] if isinstance(self.unit, str) else list(self.unit.values())
        if len(set(units)) == 1:
            units = units[:1]
        return "NMTR-" + "+".join(UNIT_NAMES[unit] for unit in units)

    def uses(self, option: str) -> bool:
        """Whether the method and its loss read the option."""
        other_loss = "negatives" if self.loss == "squared" else "unobserved_weight"
        return option in _EVERY_METHOD | METHOD_OPTIONS[self.method] and option != other_loss

    def resolve(self, behaviors: Sequence[str], users: int = 0) -> RunConfig:
        """This config with everything that was left open filled in for a data set with these behaviors.

        users: how many there are, for a batch size that suits them. Raises ConfigError where the config does not fit.
        """
        available = ", ".join(behaviors)
        chosen = self.behaviors or tuple(behaviors)
        for behavior in chosen:
            if behavior not in behaviors:
                raise ConfigError(f"behaviors must be among {available} of data set {self.data}; got {behavior}.")
        positions = [behaviors.index(behavior) for behavior in chosen]
        if positions != sorted(set(positions)) or chosen[-1] != behaviors[-1]:
            raise ConfigError(
                f"behaviors must be in the order {available}, once each, with the target {behaviors[-1]} last; "
                f"got {', '.join(chosen)}."
            )
        if self.method == "last-behavior" and len(chosen) < 2:
            raise ConfigError(
                f"last-behavior ranks by the behavior before the target, so it needs two or more behaviors; "
                f"got {chosen[-1]} alone."
            )
        filled: dict[str, Any] = {"behaviors": chosen}
        minimized = "pairwise"
        if self.method == "nmtr":
            filled["lambdas"] = self._one_lambda_each(chosen)
            filled["unit"] = unit = self._one_unit_each(chosen)
            minimized = filled["loss"] = self.loss or ("exact" if unit == "gmf" else "sampled")
            if minimized == "squared" and unit != "gmf":
                raise ConfigError(
                    f"the squared loss needs GMF units; got {self.label}: "
                    f"give every behavior the unit gmf, or choose the sampled or the exact loss."
                )
        if self.uses("epochs"):
            filled["dropout"] = _DROPOUT[minimized] if self.dropout is None else self.dropout
            filled["learning_rate"] = self.learning_rate or _LEARNING_RATE[self.optimizer, minimized]
            # A step of the squared loss costs its E^2 for all items, so steps must not grow with the users.
            least = users // 48 if minimized == "squared" else 0
            filled["batch_size"] = self.batch_size or max(_BATCH_SIZE[minimized], least)
        return self.model_copy(update=filled)

    def _one_lambda_each(self, behaviors: tuple[str, ...]) -> tuple[float, ...]:
        lambdas = self.lambdas or (1 / len(behaviors),) * len(behaviors)
        if len(lambdas) != len(behaviors):
            raise ConfigError(
                f"lambdas must have one weight per behavior ({len(behaviors)}: {', '.join(behaviors)}); "
                f"got {len(lambdas)}."
            )
        return lambdas

    def _one_unit_each(self, behaviors: tuple[str, ...]) -> Unit | dict[str, Unit]:
        """One unit for all where they are the same."""
        if isinstance(self.unit, str):
            return self.unit
        if set(self.unit) != set(behaviors):
            raise ConfigError(
                f"unit must name each behavior once ({', '.join(behaviors)}); got {', '.join(self.unit) or 'none'}."
            )
        units = {behavior: self.unit[behavior] for behavior in behaviors}
        return units if len(set(units.values())) > 1 else units[behaviors[0]]

    def to_json(self) -> dict[str, Any]:
        """The options that the method reads, as plain JSON values in the order of the fields."""
        return {name: value for name, value in self.model_dump(mode="json").items() if self.uses(name)}

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> RunConfig:
        """A config from plain values (a JSON object, a command's options); ConfigError where they are wrong."""
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            raise ConfigError(_sentence(error)) from None

    @classmethod
    def read(cls, path: Path) -> dict[str, Any]:
        """The options in a JSON file, to be overridden and parsed; ConfigError where it holds no JSON object."""
        try:
            options = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"--config needs a JSON file; {path} cannot be read ({error.strerror}).") from None
        except UnicodeDecodeError:
            raise ConfigError(f"--config needs a JSON file in UTF-8; {path} is not.") from None
        except json.JSONDecodeError as error:
            raise ConfigError(f"--config needs a JSON file; {path} is not JSON (line {error.lineno}).") from None
        if not isinstance(options, dict):
            raise ConfigError(f"--config needs a JSON object of options; {path} holds a {type(options).__name__}.")
        return options


def _sentence(error: ValidationError) -> str:
    """One of pydantic's complaints as a sentence: the deepest, which is of the alternative that fits best."""
    first = max(error.errors(), key=lambda complaint: len(complaint["loc"]))
    name = str(first["loc"][0]) if first["loc"] else ""
    given = first.get("input")
    match first["type"]:
        case "extra_forbidden":
            return f"{name} is not an option; the options are {', '.join(RunConfig.model_fields)}."
        case "value_error":
            return str(first["ctx"]["error"])
        case "literal_error":
            return f"{name} must be one of {first['ctx']['expected'].replace(chr(39), '')}; got {given}."
    required = re.sub(r"^\w+ should", "must", first["msg"]).partition(", ")[0]
    return f"{name} {required}; got {str(given) or 'nothing'}."
