"""What a run is: one frozen, validated object, the same from a page, a command, a file or Python."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from nmtr.config.methods import METHODS, Loss, Unit
from nmtr.errors import ConfigError
from nmtr.frozen import Frozen

Protocol = Literal["standard", "clean"]
Validation = Literal["random", "newest"]
Optimizer = Literal["adagrad", "adam"]
Cascade = Literal["sum", "mean", "none"]
Embedding = Literal["shared", "separate"]
Training = Literal["joint", "sequential"]
Side = Literal["item", "user"]
Solver = Literal["descent", "als"]

UNITS: tuple[Unit, ...] = get_args(Unit)
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
UNIT_NAMES: dict[Unit, str] = {"gmf": "GMF", "mlp": "MLP", "neumf": "NeuMF"}

#: The options that every run has.
EVERY_METHOD = frozenset({"data", "behaviors", "sample", "protocol", "validation", "method", "seed", "threads"})
#: The option that each loss reads beside the method's.
OF_LOSS: dict[Loss, str] = {
    "sampled": "negatives",
    "shared": "negatives",
    "exact": "negatives",
    "squared": "unobserved_weight",
}
#: What alternating least squares has no use for.
OF_DESCENT = frozenset(
    {"optimizer", "learning_rate", "batch_size", "dropout", "layers", "l2_towers", "embedding", "training", "item_bias"}
)
T = TypeVar("T")


def given(value: T | None) -> T:
    """An option of a resolved config that its method reads."""
    assert value is not None, "the config is resolved"
    return value


class RunConfig(Frozen):
    """Every option of a run, each stated here once (pages and commands take their help texts from here).

    A config may leave open what depends on the data set or on other options (`None`, or no behaviors);
    `resolve` closes it, and only resolved configs are stored.
    """

    data: str = Field("demo", min_length=1, description="Data set to learn from.")
    behaviors: tuple[str, ...] = Field(
        (), description="Behaviors to use, lowest first, the target last; all of the data set's if not given."
    )
    protocol: Protocol = Field(
        "clean",
        description="clean: held-out pairs are removed from every behavior. standard: as published, the held-out "
        "purchase is removed from the target only, and can often be read off the lower behaviors.",
    )
    validation: Validation = Field(
        "random",
        description="Which purchase of each user the options and epochs are chosen by, where the source names none. "
        "random: any. newest: of the item that stands last in the data set, nearest to the last purchase where items "
        "are numbered as they came on sale, as Beibei's are.",
    )
    sample: dict[str, float] = Field(
        {}, description="Share of a lower behavior's pairs to learn from, drawn at random: cart=0.5; all if not given."
    )
    method: str = Field("nmtr", description="What learns: " + ", ".join(METHODS) + ".")
    unit: Unit | dict[str, Unit] = Field(
        "gmf",
        description="Interaction unit, one for all behaviors or one for each: view=gmf,buy=mlp (Eq. 6-8).",
    )
    lambdas: tuple[float, ...] | None = Field(
        None, description="Loss weights λ, one per behavior, summing to 1 (Eq. 12); equal if not given."
    )
    cascade: Cascade = Field(
        "sum",
        description="sum: a stage adds to the one before (Eq. 9). mean: it takes the mean with the one before, as the "
        "authors' code does. none: the stages share embeddings only.",
    )
    embedding: Embedding = Field(
        "shared", description="shared: one embedding a user and item for all behaviors (Eq. 4). separate: one for each."
    )
    training: Training = Field(
        "joint",
        description="joint: all behaviors at once (Eq. 12). sequential: one after the other, the target last, each for "
        "an equal part of the epochs (Table V).",
    )
    shared_side: Side = Field(
        "item", description="Which side has one embedding for all behaviors in CMF: item or user."
    )
    item_bias: bool = Field(False, description="Give a factorization a bias for each item.")
    unseen_share: float = Field(
        0.9,
        ge=0.0,
        le=1.0,
        description="Chance that a negative is an item that the user never touched, rather than one that they viewed "
        "or carted and went no further with.",
    )
    loss: Loss | None = Field(
        None,
        description="sampled: the paper's mini-batches with ρ negatives for each positive. "
        "shared: each user's negatives are drawn once for all behaviors, popular items more often, and weighted so "
        "that nothing changes in the mean: the fastest for MLP and NeuMF. "
        "exact: the expectation of both, over every user-item pair. "
        "squared: the squared error over every user-item pair, the fastest; beyond the paper, and for GMF units only. "
        "If not given: exact for GMF and for NMTR with GMF units only, sampled for other NMTR, shared for MLP and "
        "NeuMF, squared for CMF.",
    )
    solver: Solver = Field(
        "descent",
        description="descent: steps along the gradient. als: alternating least squares, which finds the exact minimum "
        "over all users, all items and all stages in turn; no learning rate, no dropout, and some ten epochs. For the "
        "squared loss, of GMF units and CMF.",
    )
    l2_scaling: bool = Field(
        True,
        description="Scale the L2 penalty of each user and item by how much of the loss is about it (Rendle et al., "
        "2022); of the als solver.",
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
    rank_every: int = Field(
        1,
        ge=1,
        le=10_000,
        description="Rank the validation purchases after every n-th epoch only, and after the last: no other epoch can "
        "be chosen, and patience ends a training where one was ranked. Saves time where ranking takes as long as "
        "training.",
    )
    refit: bool = Field(
        False,
        description="Train once more on training + validation for the number of epochs that validation chose; rules "
        "count the validation purchases in.",
    )
    watch_test: bool = Field(
        False,
        description="Rank the test purchases too, where validation is ranked, to show the best test epoch beside the "
        "result, as the paper reports; nothing is ever chosen by it.",
    )
    hold_out_lower: bool = Field(
        False,
        description="Hide one pair a user of each lower behavior, too, and rank it by that behavior's own scores: how "
        "well each behavior is foretold as a target of its own. Chooses nothing, but costs those pairs.",
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
    initial_scale: float | None = Field(
        None, gt=0.0, le=1.0, description="Standard deviation of the embeddings' first values; by method if not given."
    )
    learning_rate: float | None = Field(
        None, gt=0.0, le=10.0, description="Learning rate; by optimizer and loss if not given."
    )
    l2_embeddings: float | None = Field(
        None,
        ge=0.0,
        allow_inf_nan=False,
        description="L2 penalty on the embeddings and item biases; by method if not given.",
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
        if not lambdas:
            raise ValueError("lambdas is empty; give one weight per behavior, or leave it out for equal weights.")
        shown = ", ".join(f"{weight:g}" for weight in lambdas)
        if any(not math.isfinite(weight) or weight < 0 for weight in lambdas):
            raise ValueError(f"lambdas must be numbers of at least 0; got {shown}.")
        if abs(sum(lambdas) - 1) > 1e-3:
            raise ValueError(f"lambdas must sum to 1; got {shown}, which sum to {sum(lambdas):g}.")
        if abs(sum(lambdas) - 1) < 1e-9:
            return lambdas
        # Thirds arrive as .333: within the tolerance they are meant to sum to 1, so make them.
        return tuple(weight / sum(lambdas) for weight in lambdas)

    @field_validator("method")
    @classmethod
    def _a_method(cls, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method}.")
        return method

    @field_validator("sample")
    @classmethod
    def _shares(cls, sample: dict[str, float]) -> dict[str, float]:
        for behavior, share in sample.items():
            if not 0 < share <= 1:
                raise ValueError(f"sample must be shares above 0 and up to 1; got {share:g} of {behavior}.")
        return sample

    @model_validator(mode="after")
    def _only_options_of_the_method(self) -> RunConfig:
        losses = METHODS[self.method].losses
        if self.solver == "als" and self.loss not in (None, "squared") and self.uses("solver"):
            raise ValueError(f"the als solver minimizes the squared loss; got {self.loss}: leave one of the two out.")
        if self.loss is not None and losses and self.loss not in losses:
            what = f"{self.method} learns by the losses {', '.join(losses)}"
            raise ValueError(f"{what}; got {self.loss}: choose one of these, or another method.")
        for name in sorted(self.model_fields_set):
            if not self.uses(name) and getattr(self, name) != type(self).model_fields[name].get_default():
                if name == "lambdas" and self.training == "sequential" and "lambdas" in METHODS[self.method].options:
                    raise ValueError("sequential training weighs one behavior at a time; leave lambdas out.")
                of_loss = name in OF_LOSS.values() and bool(losses)
                of_descent = self.solver == "als" and name in OF_DESCENT and name in METHODS[self.method].options
                if of_descent or (name == "l2_scaling" and self.uses("solver")):
                    raise ValueError(f"the {self.solver} solver has no option {name}; leave it out, or take the other.")
                whose = f"the {self.loss or 'default'} loss" if of_loss else self.method
                other = "loss" if of_loss else "method"
                raise ValueError(f"{whose} has no option {name}; leave it out, or choose another {other}.")
        return self

    @property
    def target(self) -> str:
        """The behavior that is recommended for; the config must name its behaviors."""
        return self.behaviors[-1]

    @property
    def learned(self) -> tuple[str, ...]:
        """The behaviors that the model has scores and losses of, lowest first: all, or the target alone."""
        return self.behaviors if METHODS[self.method].several else self.behaviors[-1:]

    @property
    def units(self) -> tuple[Unit, ...]:
        """The interaction unit of each learned behavior, lowest first; of a resolved config whose method has units."""
        unit = METHODS[self.method].unit or self.unit
        if isinstance(unit, str):
            return (unit,) * len(self.learned)
        return tuple(unit[behavior] for behavior in self.behaviors)

    @property
    def epochs_a_stage(self) -> int:
        """For how many epochs sequential training stays with each behavior before the target."""
        return self.epochs // len(self.behaviors)

    @property
    def earliest(self) -> int:
        """The first epoch that may be chosen: the first that trains the target."""
        return 1 if self.training == "joint" else (len(self.behaviors) - 1) * self.epochs_a_stage + 1

    @property
    def rankings(self) -> int:
        """After how many epochs validation is ranked, if it does not stop early."""
        return -(-self.epochs // self.rank_every)

    def ranks(self, epoch: int) -> bool:
        """Whether validation is ranked after this epoch, from 1."""
        return epoch % self.rank_every == 0 or epoch == self.epochs

    @property
    def label(self) -> str:
        """A short name for people: ``NMTR-GMF``, ``NMTR-GMF+MLP``, ``NMTR-GMF, mean``, ``BPR-MF``."""
        if self.method != "nmtr":
            return METHODS[self.method].label
        units = [self.unit] if isinstance(self.unit, str) else list(self.unit.values())
        if len(set(units)) == 1:
            units = units[:1]
        variants = (
            {"sum": "", "mean": ", mean", "none": ", no cascade"}[self.cascade],
            "" if self.embedding == "shared" else ", separate",
            "" if self.training == "joint" else ", sequential",
        )
        return "NMTR-" + "+".join(UNIT_NAMES[unit] for unit in units) + "".join(variants)

    def uses(self, option: str) -> bool:
        """Whether the method and its loss read the option."""
        method = METHODS[self.method]
        if option == "lambdas" and self.training == "sequential":
            return False
        if self.solver == "als" and option in OF_DESCENT:
            return False
        if option == "l2_scaling":
            return self.solver == "als" and "solver" in method.options
        if option in EVERY_METHOD | method.options:
            return True
        loss = self.loss or (self.usual_loss() if method.losses else None)
        return loss is not None and option == OF_LOSS[loss]

    def usual_loss(self) -> Loss:
        """The method's default loss; NMTR's is the exact one where every unit is GMF, and then the cheaper one."""
        if self.solver == "als":
            return "squared"
        if self.method != "nmtr":
            return METHODS[self.method].losses[0]
        units = {self.unit} if isinstance(self.unit, str) else set(self.unit.values())
        return "exact" if units == {"gmf"} else "sampled"

    def resolve(self, behaviors: Sequence[str], users: int = 0) -> RunConfig:
        """This config with everything that was left open filled in for a data set with these behaviors.

        users: how many there are, for a batch size that suits them. Raises ConfigError where the config does not fit.
        """
        from nmtr.config.resolving import filled

        return self.model_copy(update=filled(self, behaviors, users))

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
