"""The sections of a report, out of the functions that pages and commands call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from dashboard import charts
from dashboard.charts.behaviors import cues
from dashboard.findings import comparing, leads, measured, sparsity_finding, standing_row, verdict, visited_finding
from dashboard.report.blocks import Block, Code, Figure, Section, Table, Words
from dashboard.report.request import SECTIONS, Request
from dashboard.report.shoppers import shoppers
from dashboard.text import and_list, metric, past, raw, share
from nmtr.audit import audit
from nmtr.compare import Interval, Leaderboard, Sparsity, against_best, leaderboard, leak, sparsity
from nmtr.config.written import option_text
from nmtr.data.library import DatasetInfo
from nmtr.data.summary import Summary, describe
from nmtr.errors import DataError, RunError
from nmtr.evaluation.metrics import SELECTION
from nmtr.runs.store import Run
from nmtr.suites.outcome import SuiteResult
from nmtr.suites.tables import tables
from nmtr.workspace import Workspace

_ELSEWHERE = ("data", "protocol", "method", "unit", "seed", "threads")  # stand beside the options
PAPER = charts.LIGHT  # a report is read on white, on screen and in print


@dataclass(frozen=True, eq=False)
class Subject:
    """What a report is about: what its sections are made of, each worked out once."""

    workspace: Workspace
    request: Request
    outcomes: tuple[SuiteResult, ...] = ()

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        found = tuple(self.workspace.runs.get(run) for run in dict.fromkeys(self.request.runs))
        for run in found:
            if run.state != "done":
                raise RunError(f"a report is of finished runs; {run.id} is {run.state}: leave it out.")
        return found

    @cached_property
    def info(self) -> DatasetInfo:
        return self.workspace.data.info(self.runs[0].config.data)

    @cached_property
    def facts(self) -> Summary:
        return describe(self.workspace.data.load(self.info.name))

    @cached_property
    def board(self) -> Leaderboard:
        return leaderboard(self.workspace, self._ids, reference=self.request.reference, metric=self.request.metric)

    @cached_property
    def looks(self) -> dict[str, charts.Look]:
        return charts.looks([entry.name for entry in self.board.entries], self.board.reference)

    @property
    def where(self) -> str:
        """Data set · protocol, and whether the data is invented; of all runs."""
        return " · ".join(
            [self.info.name, self.runs[0].config.protocol, *(["synthetic demo data"] if self.info.synthetic else [])]
        )

    @property
    def _ids(self) -> list[str]:
        return [run.id for run in self.runs]

    def compared(self, function: str = "leaderboard", options: str = "") -> Code:
        """How a comparison of these runs is had again."""
        return Code(*comparing(self._ids, self.request.metric, self.request.reference, function, options))


def sections(subject: Subject) -> tuple[Section, ...]:
    """The sections that were asked for and have something to show of these runs; DataError where none has."""
    found = []
    for name in (name for name in SECTIONS if name in subject.request.sections):
        blocks = tuple(_MAKERS[name](subject))
        note = subject.request.notes.get(name, "")
        if blocks or note:
            found.append(Section(name, SECTIONS[name], blocks, note))
    if not found:
        raise DataError("none of the sections has anything to show of these runs; choose others, or other runs.")
    return tuple(found)


def _summary(subject: Subject) -> Iterator[Block]:
    run = subject.runs[0]
    board = against_best(subject.workspace, run, metric=subject.request.metric)
    title, sentences = verdict(board, run)
    where = f"{subject.where} · {run.config.label} {run.id}"
    yield Words(raw(title), tuple(map(raw, sentences)), where)
    looks = charts.looks([entry.name for entry in board.entries], board.reference)
    ids = [run_id for entry in board.entries for run_id in entry.runs]
    yield Figure(
        raw(leads(board)),
        f"{raw(measured(board))}, {board.test_users:,} test shoppers, 95 % intervals",
        where,
        charts.intervals(_measured(board, looks), PAPER),
        board.rows(),
        Code(
            f"nmtr compare {' '.join(ids)} --metric {board.metric}",
            "from nmtr.compare import against_best\nfrom nmtr.workspace import Workspace\n\nworkspace = Workspace()\n"
            f"against_best(workspace, workspace.runs.get({run.id!r}), metric={board.metric!r}).rows()",
        ),
    )


def _measured(board: Leaderboard, looks: dict[str, charts.Look]) -> list[charts.Measured]:
    return [
        charts.Measured(
            entry.test[board.metric].value,
            entry.test[board.metric].half_width or 0.0,
            entry.name,
            entry.name == board.reference and len(board.entries) > 1,
            looks[entry.name],
        )
        for entry in board.entries
    ]


def _data(subject: Subject) -> Iterator[Block]:
    facts, cue = subject.facts, cues(subject.facts.behaviors)
    where = subject.where.replace(f" · {subject.runs[0].config.protocol}", "")
    code = Code(
        f"nmtr data show {subject.info.name}",
        "from nmtr.data.summary import describe\nfrom nmtr.workspace import Workspace\n\n"
        f"describe(Workspace().data.load({subject.info.name!r}))",
    )
    first, last = facts.funnel[0], facts.funnel[-1]
    yield Figure(
        f"{facts.users:,} shoppers, {facts.items:,} items: {share(first.bought)} of what was {past(first.behavior)} "
        f"was {past(last.behavior)} too",
        "distinct shopper-item pairs",
        where,
        charts.funnel(facts.interactions, cue, PAPER),
        [{"behavior": name, "pairs": pairs} for name, pairs in facts.interactions.items()],
        code,
    )
    if facts.leak:
        worst = max(facts.leak, key=facts.leak.__getitem__)
        yield Figure(
            f"The standard protocol shows a model {share(facts.leak[worst])} of its test answers",
            f"share of held-out pairs in a lower behavior; what follows is by {subject.runs[0].config.protocol}",
            where,
            charts.shares(facts.leak, cue, PAPER),
            [{"behavior": name, "share of held-out pairs": value} for name, value in facts.leak.items()],
            code,
        )
    judged = audit(subject.workspace.data.load(subject.info.name)).verdict
    yield Words("What its test can be trusted for", judged, where)
    yield Words("Where the data is from", (facts.origin.source, *(facts.origin.steps or (facts.origin.made,))), where)


def _models(subject: Subject) -> Iterator[Block]:
    board = subject.board
    if len(board.entries) < 2:
        yield Words("One model alone", ("The report is of one model, so there is none beside it.",), subject.where)
        return
    yield Figure(
        raw(leads(board)),
        f"{raw(measured(board))}, {board.test_users:,} test shoppers, 95 % intervals; grey: {board.reference}",
        subject.where,
        charts.intervals(_measured(board, subject.looks), PAPER),
        board.rows(),
        subject.compared(),
    )
    rows = [standing_row(entry, board, with_paper=False) for entry in board.entries]
    notes = "± is half a 95 % interval over shoppers; p is of a paired t-test, corrected by Holm for all models shown."
    table = Table.of(f"{board.metric} and its difference to {board.reference}", rows, subject.where, subject.compared())
    yield Table(table.title, table.columns, table.rows, table.where, (notes,), table.code)


def _leak(subject: Subject) -> Iterator[Block]:
    board = subject.board
    if sentence := leak(board):
        yield Words("One kind of shopper", (sentence,), subject.where)
        return
    rows = [
        charts.Parted(entry.name, _part(entry.visited[board.metric]), _part(entry.not_visited[board.metric]))
        for entry in board.entries
        if entry.visited and entry.not_visited
    ]
    if rows:
        yield Figure(
            raw(visited_finding(rows[0])),
            f"{board.metric} by whether the shopper had visited the held-out item, 95 % intervals",
            subject.where,
            charts.parted(rows, subject.looks, PAPER),
            [row for row in board.rows() if row["metric"] == board.metric],
            subject.compared(),
        )


def _part(score: Interval) -> tuple[float, float | None]:
    return score.value, score.half_width


def _sparsity(subject: Subject) -> Iterator[Block]:
    table: Sparsity = sparsity(
        subject.workspace,
        [run.id for run in subject.runs],
        reference=subject.request.reference,
        metric=subject.request.metric,
    )
    yield Figure(
        raw(sparsity_finding(table)),
        f"{table.metric} by how many {table.target} pairs a shopper has in training, 95 % intervals",
        subject.where,
        charts.by_group(
            {group.name: group.users for group in table.groups},
            {entry.name: [_part(score) for score in entry.groups] for entry in table.entries},
            charts.looks([entry.name for entry in table.entries], table.reference),
            PAPER,
        ),
        table.rows(),
        subject.compared("sparsity", " --by sparsity"),
    )


def _training(subject: Subject) -> Iterator[Block]:
    name = SELECTION[0]
    curves: dict[str, dict[int, float]] = {}
    for entry in subject.board.entries:
        reports = subject.workspace.runs.reports(entry.runs[0])
        found = {report.epoch: report.valid[name] for report in reports if report.phase == "select" and report.valid}
        curves |= {entry.name: found} if found else {}
    kinds = {run.config.validation for run in subject.runs}
    if not curves or len(kinds) > 1:
        why = (
            "Their validation purchases were drawn in different ways, so curves of them cannot stand side by side."
            if curves
            else "Rules learn nothing, so they have no curves."
        )
        yield Words("No curves", (why,), subject.where)
        return
    best = max(curves, key=lambda run: max(curves[run].values()))
    epoch = max(curves[best], key=curves[best].__getitem__)
    yield Figure(
        f"On validation {best} gets furthest: {metric(curves[best][epoch])} at epoch {epoch}",
        f"{name} on the validation purchases, by epoch, of each model's first seed",
        subject.where,
        charts.by_epoch(curves, subject.looks, name, PAPER),
        [{"model": run, "epoch": at, name: value} for run, curve in curves.items() for at, value in curve.items()],
        Code(
            f"nmtr show {subject.runs[0].id} --json",
            f"from nmtr.workspace import Workspace\n\nWorkspace().runs.reports({subject.runs[0].id!r})",
        ),
    )


def _shoppers(subject: Subject) -> Iterator[Block]:
    if subject.request.shoppers:
        yield from shoppers(subject.workspace, subject.runs[0], subject.info, subject.request.shoppers, PAPER)


def _suites(subject: Subject) -> Iterator[Block]:
    for outcome in subject.outcomes:
        for shown in tables(outcome):
            where = f"{outcome.data} · {' and '.join(outcome.protocols)}"
            code = Code(
                outcome.command,
                "from nmtr.suites.outcome import SuiteResult\nfrom nmtr.suites.tables import tables\n\n"
                "tables(SuiteResult.read('results.json'))",
            )
            cells = tuple(map(tuple, shown.rows))
            yield Table(f"{outcome.title}: {shown.title}", tuple(shown.columns), cells, where, shown.notes, code)


def _options(subject: Subject) -> Iterator[Block]:
    rows = []
    for run in subject.runs:
        options = [option_text(name, value) for name, value in run.config.to_json().items() if name not in _ELSEWHERE]
        rows.append(
            {
                "run": run.id,
                "model": run.config.label,
                "seed": run.config.seed,
                "options": " · ".join(options),
                "trained": datetime.fromtimestamp(run.finished or run.created, UTC).strftime("%Y-%m-%d"),
            }
        )
    title = f"{and_list([run.config.label for run in subject.runs])} on {subject.info.name}"
    yield Table.of(title, rows, f"{subject.where} · data {subject.info.fingerprint[:12]}")


_MAKERS: dict[str, Callable[[Subject], Iterator[Block] | Sequence[Block]]] = {
    "summary": _summary,
    "data": _data,
    "models": _models,
    "leak": _leak,
    "sparsity": _sparsity,
    "training": _training,
    "shoppers": _shoppers,
    "suites": _suites,
    "options": _options,
}
