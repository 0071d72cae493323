"""From a suite's name to its outcome: tune if asked to, train what is missing, and put together what there is."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nmtr.compare import Leaderboard, Sparsity, leaderboard, sparsity
from nmtr.config import RunConfig
from nmtr.config.variants import choose
from nmtr.data.summary import describe
from nmtr.errors import DataError
from nmtr.evaluation.metrics import SELECTION
from nmtr.runs.store import Run
from nmtr.suites.cells import Cell, Setting, Suite, find
from nmtr.suites.outcome import CurvePoint, Row, SeedRun, SuiteResult
from nmtr.suites.search import SEED, Search, affordable, search
from nmtr.workspace import Workspace, presets
from nmtr.workspace.batch import Progress, train_all

_PACKAGES = ("torch", "numpy", "scipy")


@dataclass(frozen=True)
class SuiteRequest:
    """What is asked for; checked when it is carried out."""

    suite: str
    data: str
    protocol: str | None = None  # the suite's own if not given
    behaviors: tuple[str, ...] = ()  # all of the data set's if none
    methods: tuple[str, ...] = ()  # all of the suite's if none
    seeds: int = 3
    budget: int | None = None  # trials of tuning a method; the suite's own if not given, 0 for most
    jobs: int = 1
    options: dict[str, Any] = field(default_factory=dict)  # of RunConfig, for every method that reads them

    @property
    def split(self) -> str:
        """By which protocol the data is split, where it is one."""
        return self.protocol or find(self.suite).protocol

    @property
    def command(self) -> str:
        """As it is given to a shell."""
        words = ["nmtr suite", self.suite, f"--data {self.data}"]
        words += [] if find(self.suite).both_protocols else [f"--protocol {self.split}"]
        words += [f"--behaviors {','.join(self.behaviors)}"] if self.behaviors else []
        words += [f"--methods {','.join(self.methods)}"] if self.methods else []
        words += [f"--seeds {self.seeds}"]
        words += [] if self.budget is None else [f"--budget {self.budget}"]
        for name, value in self.options.items():
            flag = f"--{name.replace('_', '-')}"
            words.append(flag if value is True else f"{flag} {value}")
        return " ".join(words)

    def file(self, home: Path) -> Path:
        """Where its outcome is kept if not said otherwise."""
        what = [self.suite, self.data, "both" if find(self.suite).both_protocols else self.split]
        what += ["+".join(some) for some in (self.behaviors, self.methods) if some]
        what += [self.options["validation"]] if "validation" in self.options else []
        return home / "suites" / ("-".join(what) + ".json")


@dataclass(frozen=True)
class _Plan:
    """A cell with what it starts from."""

    cell: Cell
    config: RunConfig  # unresolved
    chosen_by: str
    tuned_for: str = ""  # of a preset: see `Row`
    search: Search | None = None


def carry_out(
    workspace: Workspace,
    order: SuiteRequest,
    on_progress: Callable[[str, Progress], None] = lambda what, progress: None,
) -> SuiteResult:
    """Train what the suite needs and does not find, and put its outcome together.

    on_progress is told what is being done, and how far it is. Raises ConfigError, DataError or CapacityError where the
    order fits no suite, data set or machine, before anything is trained. May be stopped and called again: see
    `queue.train_all`. Runs that fail are named in their row.
    """
    started, began = time.monotonic(), time.time()
    suite = find(order.suite)
    info = workspace.data.info(order.data)
    common = RunConfig.parse(
        {"data": order.data, "behaviors": order.behaviors, "protocol": order.split, **order.options}
    )
    setting = Setting(common.resolve(info.behaviors).behaviors, common.protocol)
    budget = suite.budget if order.budget is None else order.budget
    cells = suite.cells(choose(order.methods, suite.variants), setting)
    if cells and not info.test_users:
        raise DataError(
            f"a suite needs test users; data set {order.data} holds out nobody's purchase: take another data set."
        )
    plans = [_plan(workspace, order, suite, cell, info.behaviors, tunes=budget > 0) for cell in cells]

    def train(what: str, configs: Sequence[RunConfig]) -> list[Run]:
        return train_all(workspace, configs, order.jobs, lambda progress: on_progress(what, progress))

    if budget:
        plans = _tuned(workspace, plans, budget, train)
    runs = train(suite.title, [_seeded(plan.config, seed) for plan in plans for seed in range(order.seeds)])
    each = {run.id: run for run in runs}.values()
    by_plan = [runs[first : first + order.seeds] for first in range(0, len(runs), order.seeds)]
    rows = [_row(workspace, suite, plan, own) for plan, own in zip(plans, by_plan, strict=True)]
    boards, sparse = _compared(workspace, suite, plans, rows)
    return SuiteResult(
        suite=suite.name,
        title=suite.title,
        command=order.command,
        data=order.data,
        fingerprint=info.fingerprint,
        behaviors=setting.behaviors,
        protocols=suite.protocols(common.protocol),
        seeds=order.seeds,
        budget=budget,
        rows=tuple(rows),
        boards=boards,
        sparsity=sparse,
        summary=_summary(workspace, order.data, setting) if suite.name == "table1" else None,
        kept=_kept(workspace, order, plans, info.behaviors) if suite.name == "table2" else "",
        made=datetime.now(UTC).strftime("%d %B %Y"),
        wall_seconds=time.monotonic() - started,
        trained_seconds=sum(run.result.seconds for run in each if run.result),
        searched_seconds=sum(plan.search.seconds for plan in plans if plan.search),
        runs=len(each),
        # Not those of this very command: a chosen trial's last rung is one of the runs.
        runs_there=sum(run.state == "done" and (run.finished or began) < began for run in each),
        cores=os.cpu_count() or 1,
        versions={"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    )


def _plan(
    workspace: Workspace, order: SuiteRequest, suite: Suite, cell: Cell, available: Sequence[str], *, tunes: bool
) -> _Plan:
    """The cell's config: its own options, then what is asked for, then its preset or what tuning will find.

    A suite of both protocols takes presets only where the method has one for each, chosen by the same kind of
    validation: else it would show what tuning does, not what the protocol does.
    """
    own = {"data": order.data, **cell.variant.options, **cell.options}
    own["threads"] = max(1, (os.cpu_count() or 1) // order.jobs)
    config = RunConfig.parse(own)
    if suite.watches_test and config.uses("watch_test"):
        own["watch_test"] = True
    asked = {name: value for name, value in order.options.items() if config.uses(name)}
    config = RunConfig.parse(own | asked)
    if not cell.variant.trains:
        return _Plan(cell, config, "nothing to choose")
    if tunes:
        return _Plan(cell, config, "defaults")
    found = {
        protocol: presets.find(
            workspace.home, cell.variant, config.model_copy(update={"protocol": protocol}), available
        )
        for protocol in suite.protocols(config.protocol)
    }
    preset = found[config.protocol]
    kinds = {one.tuned.validation if one else None for one in found.values()}
    if preset is None or None in kinds or len(kinds) > 1:
        usual = affordable(config, lambda config: workspace.prepare(config)[0])
        dear = "" if usual.loss == config.loss else f", {usual.loss} loss"  # the usual one is too dear here
        return _Plan(cell, usual, f"defaults{dear}")
    chosen = RunConfig.parse(preset.options_for(config) | own | asked)
    return _Plan(cell, chosen, f"preset {order.data}/{preset.name}", preset.tuned_for(config))


def _tuned(
    workspace: Workspace, plans: Sequence[_Plan], budget: int, train: Callable[[str, Sequence[RunConfig]], list[Run]]
) -> list[_Plan]:
    """The plans with what validation chose; those of methods that do not train as they are."""
    trained = [plan for plan in plans if plan.cell.variant.trains]
    configs = [_seeded(plan.config, SEED) for plan in trained]

    def prepare(config: RunConfig) -> RunConfig:
        return workspace.prepare(config)[0]

    searches = iter(search(configs, budget, prepare, train))
    found = [next(searches) if plan.cell.variant.trains else None for plan in plans]
    return [
        plan
        if result is None
        else replace(plan, config=affordable(result.best(plan.config), prepare), search=result, chosen_by="tuning")
        for plan, result in zip(plans, found, strict=True)
    ]


def _seeded(config: RunConfig, seed: int) -> RunConfig:
    return config.model_copy(update={"seed": seed})


def _row(workspace: Workspace, suite: Suite, plan: _Plan, runs: Sequence[Run]) -> Row:
    """A cell's runs, with their curves where the suite draws them."""
    config = workspace.prepare(plan.config)[0]
    finished = []
    for run in runs:
        if run.result is not None:
            reports = workspace.runs.reports(run.id) if suite.curves else ()
            curve = tuple(
                CurvePoint(epoch=report.epoch, loss=report.loss, valid=report.valid, test=report.test)
                for report in reports
                if report.phase == "select"
            )
            finished.append(SeedRun(run=run.id, seed=run.config.seed, result=run.result, curve=curve))
    return Row(
        group=plan.cell.group,
        label=plan.cell.label,
        variant=plan.cell.variant.name,
        protocol=config.protocol,
        options={name: value for name, value in config.to_json().items() if name not in presets.OF_A_RUN},
        chosen_by=plan.chosen_by,
        tuned_for=plan.tuned_for,
        search=plan.search,
        runs=tuple(finished),
        failed=tuple(_what_happened(run) for run in runs if run.result is None),
    )


def _compared(
    workspace: Workspace, suite: Suite, plans: Sequence[_Plan], rows: Sequence[Row]
) -> tuple[tuple[Leaderboard, ...], tuple[Sparsity, ...]]:
    """What may be compared, beside the reference that validation chooses."""
    together: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(rows):
        if row.runs:
            together.setdefault((row.protocol, row.variant if suite.by_method else ""), []).append(number)
    boards, sparse = [], []
    dataset = workspace.data.load(plans[0].config.data) if together else None
    for numbers in together.values():
        runs = [run.run for number in numbers for run in rows[number].runs]
        best = max(_references(suite, plans, numbers), key=lambda number: rows[number].validated)
        reference = rows[best].runs[0].run
        boards.append(leaderboard(workspace, runs, reference=reference, dataset=dataset, withhold=False))
        if suite.sparsity:
            sparse += [
                sparsity(workspace, runs, reference=reference, metric=metric, dataset=dataset, withhold=False)
                for metric in SELECTION
            ]
    return tuple(boards), tuple(sparse)


def _references(suite: Suite, plans: Sequence[_Plan], numbers: Sequence[int]) -> list[int]:
    """Which of these others may be compared with: what the suite says, else what is not NMTR, else all."""
    named = [number for number in numbers if suite.reference(plans[number].cell)]
    others = [number for number in numbers if plans[number].cell.variant.family != "nmtr"]
    return named or others or list(numbers)


def _what_happened(run: Run) -> str:
    return f"run {run.id} (seed {run.config.seed}) {run.error or f'was {run.state}; resume it.'}"


def _kept(workspace: Workspace, order: SuiteRequest, plans: Sequence[_Plan], available: Sequence[str]) -> str:
    """Keep what was tuned as presets, and say which; nothing that would cut the suites short that take it."""
    usual = presets.USUAL_EPOCHS
    if order.options.get("epochs", usual) < usual:
        return f"kept no presets, which later suites would take: --epochs is less than the usual {usual}"
    tuned = [plan for plan in plans if plan.search and plan.search.trials[plan.search.chosen].rungs[-1].valid]
    if not tuned:
        return "kept no presets: nothing was tuned"
    prepared = [(plan.cell.variant, workspace.prepare(plan.config)[0]) for plan in tuned]
    names = [presets.write(workspace.home, config, variant, available) for variant, config in prepared]
    return f"kept as presets of {order.data}: {', '.join(names)}"


def _summary(workspace: Workspace, data: str, setting: Setting) -> dict[str, Any]:
    return describe(workspace.data.load(data).select(setting.behaviors)).to_json()
