"""nmtr train"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nmtr.cli.console import Json, fail, mistakes, out, say, table, training_progress
from nmtr.cli.data import names, pairs
from nmtr.config import RunConfig
from nmtr.errors import ConfigError
from nmtr.runs.store import Run
from nmtr.workspace import Workspace


def _option(name: str, metavar: str | None = None) -> Any:
    """A command-line option whose help is the config's own description of it."""
    flag = "--" + name.replace("_", "-")
    return typer.Option(flag, metavar=metavar, help=RunConfig.model_fields[name].description, show_default=False)


def train(
    data: Annotated[str | None, _option("data")] = None,
    behaviors: Annotated[str | None, _option("behaviors", "B,B,…")] = None,
    protocol: Annotated[str | None, _option("protocol", "standard|clean")] = None,
    method: Annotated[str | None, _option("method")] = None,
    unit: Annotated[str | None, _option("unit", "gmf|mlp|neumf or B=U,B=U,…")] = None,
    lambdas: Annotated[str | None, _option("lambdas", "W,W,…")] = None,
    loss: Annotated[str | None, _option("loss", "sampled|exact")] = None,
    epochs: Annotated[str | None, _option("epochs", "N")] = None,
    patience: Annotated[str | None, _option("patience", "N")] = None,
    refit: Annotated[
        bool | None, typer.Option("--refit/--no-refit", help=RunConfig.model_fields["refit"].description)
    ] = None,
    embedding_size: Annotated[str | None, _option("embedding_size", "E")] = None,
    layers: Annotated[str | None, _option("layers", "L")] = None,
    negatives: Annotated[str | None, _option("negatives", "N")] = None,
    dropout: Annotated[str | None, _option("dropout", "SHARE")] = None,
    optimizer: Annotated[str | None, _option("optimizer", "adagrad|adam")] = None,
    learning_rate: Annotated[str | None, _option("learning_rate", "RATE")] = None,
    l2_embeddings: Annotated[str | None, _option("l2_embeddings", "L2")] = None,
    l2_towers: Annotated[str | None, _option("l2_towers", "L2")] = None,
    batch_size: Annotated[str | None, _option("batch_size", "B")] = None,
    seed: Annotated[str | None, _option("seed", "S")] = None,
    threads: Annotated[str | None, _option("threads", "T")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Take options from a JSON file; those given here come before it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a run in the foreground: choose the epoch on validation, test once. It is seen live on the Runs page."""
    given = {name: value for name, value in locals().items() if name in RunConfig.model_fields and value is not None}
    with mistakes():
        options = {**(RunConfig.read(config) if config else {}), **_parsed(given)}
        workspace = Workspace()
        parsed = RunConfig.parse(options)
        try:
            with training_progress(parsed.label) as on_report:
                run = workspace.train(parsed, on_report)
        except KeyboardInterrupt:
            raise fail("stopped; see nmtr runs for the run, and nmtr resume to go on from its last epoch.") from None
    say(summary(run), as_json, lambda: show_result(run))


def _parsed(given: dict[str, Any]) -> dict[str, Any]:
    """Lists and mappings from their written form; everything else is left to the config to read."""
    if "behaviors" in given:
        given["behaviors"] = names(given["behaviors"])
    if "lambdas" in given:
        given["lambdas"] = tuple(_number(part) for part in given["lambdas"].split(","))
    if "=" in given.get("unit", ""):
        given["unit"] = pairs(given["unit"], "--unit")
    return given


def _number(text: str) -> float:
    """A number, or a fraction such as 1/3."""
    try:
        above, slash, below = text.partition("/")
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"--lambdas must be numbers or fractions such as 0.4,0.6 or 1/3,2/3; got {text}.") from None


def summary(run: Run) -> dict[str, Any]:
    """The JSON contract of `nmtr train`, and of `nmtr show` for runs that are done."""
    assert run.result is not None, "the run is done"
    options, result = run.config.to_json(), run.result
    return {
        "run": run.id,
        "data": run.config.data,
        "behaviors": list(run.config.behaviors),
        "fingerprint": run.fingerprint,
        "protocol": run.config.protocol,
        "method": run.config.method,
        "unit": options.get("unit"),
        "loss": options.get("loss"),
        "lambdas": options.get("lambdas"),
        "seed": run.config.seed,
        **result.model_dump(mode="json"),
    }


def show_result(run: Run) -> None:
    """The figures with their protocol, for people."""
    assert run.result is not None, "the run is done"
    result, config = run.result, run.config
    how = f"{config.data} ({', '.join(config.behaviors)}), {config.protocol}, seed {config.seed}"
    epoch = f", epoch {result.best_epoch} chosen on validation" if result.best_epoch else ""
    refit = ", refitted on training + validation" if result.refit else ""
    out.print(f"run {run.id}: {config.label} on {how}{epoch}{refit}, {result.seconds:.1f} s", markup=False)
    rows = [
        [name, f"{value:.4f}", f"± {result.intervals[name]:.4f}" if name in result.intervals else ""]
        for name, value in result.test.items()
    ]
    table("", ["test", "value", "95 % interval"], rows)
    if not rows:
        out.print("no purchase could be held out for testing: no user has two or more.")
