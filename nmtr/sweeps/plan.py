"""What a study is to try: what stays fixed, what is searched, and by what points are judged."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, field_serializer, field_validator, model_validator

from nmtr.config import RunConfig
from nmtr.config.lambdas import grid
from nmtr.errors import ConfigError
from nmtr.evaluation.metrics import CUTOFFS
from nmtr.frozen import Frozen

Sampler = Literal["grid", "tpe"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)

#: What can be searched.
SEARCHABLE = ("lambdas", "unit", "learning_rate", "l2_embeddings", "unobserved_weight", "dropout", "negatives")
#: What points can be judged by: what a ranking of validation reports.
METRICS = tuple(f"{kind}@{cutoff}" for kind in ("HR", "NDCG") for cutoff in CUTOFFS)
#: The paper's grids, by the number of behaviors: tenths for two, sixths for three.
PAPER_STEPS = {2: 1 / 10, 3: 1 / 6}
#: Points of a grid, at most.
MOST_POINTS = 1000
#: How far 1 / step may be from a whole number: 0.1667 is meant to be a sixth.
_STEP_TOLERANCE = 1e-3


class Plan(Frozen):
    """What a study tries; JSON in and out.

    `config` is unresolved: its data set, method, protocol, unit, loss and whatever else stays fixed. Each point is that
    with the searched options, trained `seeds` times, with the config's seed and those after it. Validated as far as
    that is possible without the data set; `create` checks the rest.
    """

    config: RunConfig
    sampler: Sampler = Field("grid", description="grid: all weights λ by a step. tpe: drawn, going by what was found.")
    step: float | None = Field(
        None, description="Step of the grid: 1/10 for two behaviors and 1/6 for three, as in the paper, if not given."
    )
    trials: int | None = Field(None, ge=1, le=MOST_POINTS, description="Points to draw.")
    search: tuple[str, ...] = Field(("lambdas",), description="What is drawn: " + ", ".join(SEARCHABLE) + ".")
    metric: str = Field("HR@100", description="Validation metric to judge by.")
    prune: bool = Field(False, description="Stop points whose validation curve is not among the best third.")
    seeds: int = Field(1, ge=1, le=100, description="Runs of each point, which all points share the seeds of.")
    jobs: int = Field(2, ge=1, le=256, description="Runs at once, which share the cores.")

    @field_validator("step")
    @classmethod
    def _divides_one(cls, step: float | None) -> float | None:
        if step is not None and (not 0 < step <= 1 or abs(1 / step - round(1 / step)) > _STEP_TOLERANCE / step):
            raise ValueError(f"step must divide 1, such as 0.1 or 1/6; got {step:g}.")
        return step

    @field_validator("search")
    @classmethod
    def _known(cls, search: tuple[str, ...]) -> tuple[str, ...]:
        for name in search:
            if name not in SEARCHABLE:
                raise ValueError(f"search must be among {', '.join(SEARCHABLE)}; got {name}.")
        if not search or len(set(search)) < len(search):
            raise ValueError(f"search must name one option or more, each once; got {', '.join(search) or 'none'}.")
        return search

    @field_validator("metric")
    @classmethod
    def _reported(cls, metric: str) -> str:
        if metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}; got {metric}.")
        return metric

    @model_validator(mode="after")
    def _fits_together(self) -> Plan:
        if self.sampler == "grid":
            if self.search != ("lambdas",):
                raise ValueError(f"a grid is of lambdas alone; got {', '.join(self.search)}: draw by tpe instead.")
            if self.trials is not None:
                raise ValueError("a grid has as many points as its step gives; leave trials out, or draw by tpe.")
        elif self.step is not None:
            raise ValueError("points that are drawn have no step; leave step out, or take a grid.")
        elif self.trials is None:
            raise ValueError("drawing by tpe needs trials: how many points; got none.")
        for name in self.search:
            if not self.config.uses(name) and not (name == "negatives" and "unit" in self.search):
                raise ValueError(f"{self.config.label} has no option {name} to search; leave it out of search.")
            if name in self.config.model_fields_set and getattr(self.config, name) is not None:
                raise ValueError(f"what is searched must be left open; the config sets {name}: leave it out of one.")
        return self

    @property
    def threads(self) -> int:
        """Of each run: the config's if it says so, else its share of the cores."""
        if "threads" in self.config.model_fields_set:
            return self.config.threads
        return max(1, (os.cpu_count() or 1) // self.jobs)

    @field_serializer("config")
    def _as_given(self, config: RunConfig) -> dict[str, Any]:
        # Always named: a study that left it to a default would go on under another one if the default changed.
        return {"protocol": config.protocol, **config.model_dump(mode="json", exclude_unset=True)}

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Plan:
        """A plan from plain values; ConfigError where they are wrong."""
        options = dict(options)
        if isinstance(options.get("config"), Mapping):
            options["config"] = RunConfig.parse(options["config"])
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise ConfigError(_sentence(error)) from None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, which `parse` takes."""
        return self.model_dump(mode="json")


def simplex(behaviors: int, step: float) -> tuple[tuple[float, ...], ...]:
    """Every λ of so many behaviors in multiples of a step that divides 1, the corners among them.

    The first weight rises first to last; of n parts there are C(n + R - 1, R - 1) points. ConfigError for more than
    MOST_POINTS.
    """
    parts = round(1 / step)
    count = 1
    for number in range(1, behaviors):
        count = count * (parts + number) // number
    if count > MOST_POINTS:
        raise ConfigError(
            f"a grid must have {MOST_POINTS} points or fewer; {behaviors} behaviors in steps of 1/{parts} have "
            f"{count}: take a larger step, or draw by tpe."
        )
    return grid(behaviors, parts)


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as a sentence."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    match first["type"]:
        case "extra_forbidden":
            return f"{name} is not part of a plan; its parts are {', '.join(Plan.model_fields)}."
        case "value_error":
            return str(first["ctx"]["error"])
        case "literal_error":
            return f"{name} must be one of {', '.join(SAMPLERS)}; got {first['input']}."
        case "missing":
            return f"a plan needs its {name}; got none."
    required = re.sub(r"^\w+ should", "must", first["msg"]).partition(", ")[0]
    return f"{name} {required}; got {first['input']}."
