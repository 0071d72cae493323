"""The shoppers of a report: what each would get, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard import charts
from dashboard.charts.behaviors import cues
from dashboard.findings import stage_rows
from dashboard.report.blocks import Block, Code, Figure, Table
from dashboard.text import headline, item_name, measure, odds, signed
from nmtr.chances import Chances
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation, Fitted, Recommendations, explain, recommend
from nmtr.runs.store import Run
from nmtr.workspace import Workspace

TOP = 10  # items of each shopper's list


def shoppers(
    workspace: Workspace, run: Run, info: DatasetInfo, users: Sequence[str], theme: charts.Theme
) -> Iterator[Block]:
    """Each shopper's list and the cascade of its first item; DataError for a shopper who is not there."""
    fitted = workspace.fitted(run.id)
    chances = workspace.chances(run.id, fitted)
    where = " · ".join(
        [info.name, run.config.protocol, f"{run.config.label} {run.id}", *(["synthetic demo data"] * info.synthetic)]
    )
    for user in users:
        top = recommend(fitted, user, TOP, chances)
        yield _list(run, top, where)
        if top.items:
            yield from _why(run, fitted, chances, info, explain(fitted, user, top.items[0].item, chances), where, theme)


def _list(run: Run, top: Recommendations, where: str) -> Table:
    rows = []
    for item in top.items:
        told = {"chance": None if item.chance is None else odds(item.chance.next)}
        stages = {stage.behavior: signed(stage.logit) for stage in item.stages}
        name = f"{'★ ' if item.held_out else ''}{item_name(item.title, item.item)}"
        rows.append({"#": item.rank + 1, "item": name, **(stages or {"score": f"{item.logit:.2f}"}), **told})
    notes = [f"ranked among {top.candidates:,} items not yet bought; ★: the purchase held out for the test"]
    notes += ["the numbers of a step are its score"] if rows and "score" not in rows[0] else []
    python = f"recommend(fitted, {top.user!r}, {TOP}, workspace.chances({run.id!r}, fitted))"
    code = Code(f"nmtr recommend {run.id} --user {top.user}", _python(run, "recommend", python))
    table = Table.of(f"Shopper {top.user}: the first {len(rows)} items", rows, where, code)
    return Table(table.title, table.columns, table.rows, where, tuple(notes), code)


def _why(
    run: Run,
    fitted: Fitted,
    chances: Chances,
    info: DatasetInfo,
    why: Explanation,
    where: str,
    theme: charts.Theme,
) -> Iterator[Block]:
    if why.stages:
        python = f"explain(fitted, {why.user!r}, {why.item!r}, workspace.chances({run.id!r}, fitted))"
        yield Figure(
            f"{item_name(why.title, why.item)}. {headline(why)}",
            f"how the {measure(why)} of shopper {why.user} adds up, stage by stage; pale: inherited",
            where,
            charts.cascade(why, cues(info.behaviors), theme),
            stage_rows(why),
            Code(f"nmtr explain {run.id} --user {why.user} --item {why.item}", _python(run, "explain", python)),
        )


def _python(run: Run, function: str, call: str) -> str:
    return (
        f"from nmtr.explain import {function}\nfrom nmtr.workspace import Workspace\n\nworkspace = Workspace()\n"
        f"fitted = workspace.fitted({run.id!r})\n{call}"
    )
