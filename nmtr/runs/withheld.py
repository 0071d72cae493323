"""Which test figures are shown: of a study's runs only those of the choice that was finalized.

A study chooses among its runs by validation. Whoever saw what each is worth on test would choose by that, so pages and
commands show validation of these runs and nothing of the test, before and after the study is finalized. Exempt are
suites, which report every run of theirs and let nobody choose, and archives, which are files. A run that was trained
before a study took it is not a study's.
"""

from __future__ import annotations

import json
from dataclasses import replace

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from nmtr.evaluation.result import Slice
from nmtr.runs.record import Run
from nmtr.runs.schema import runs
from nmtr.training.report import EpochReport

#: The attribute of a study that names the point that was finalized and its runs.
FINALIZED = "finalized"
_attributes = Table(
    "study_user_attributes", MetaData(), Column("key", String), Column("value_json", String)
)  # Optuna's


def finalized(db: Connection) -> frozenset[str]:
    """Ids of the runs of all choices that were finalized, but for those that lost a run since."""
    if not inspect(db).has_table(_attributes.name):
        return frozenset()
    kept = db.scalars(select(_attributes.c.value_json).where(_attributes.c.key == FINALIZED))
    choices = [frozenset(json.loads(value)["runs"]) for value in kept]
    there = set(db.scalars(select(runs.c.id).where(runs.c.id.in_(frozenset().union(*choices)))))
    return frozenset().union(*(choice for choice in choices if choice <= there))


def without_test(run: Run) -> Run:
    """The run with nothing of its test."""
    if run.result is None:
        return run
    nobody = Slice(users=0, metrics={})
    hidden = {"test": {}, "intervals": {}, "visited": nobody, "not_visited": nobody, "best_test": None}
    return replace(run, result=run.result.model_copy(update=hidden))


def report_without_test(report: EpochReport) -> EpochReport:
    """The report of an epoch with nothing of the test, which some runs watch."""
    return report.model_copy(update={"test": None})


def said(run: Run) -> str:
    """Why the run's test figures are not shown, as a sentence that goes on from its name."""
    return (
        f"its test figures are not shown: it is a point of study {run.study}, which chooses by validation; finalize "
        "the study to see those of its choice."
    )
