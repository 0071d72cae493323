"""Commands show no test figures of a study's run; how it is finalized is tested with the studies."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from nmtr.runs import schema
from nmtr.workspace import Workspace
from tests.cli.conftest import Nmtr, events


def test_a_studys_run_is_shown_by_validation_alone(nmtr: Nmtr, own_home: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(events(), encoding="utf-8")
    nmtr("data", "add", "shop", "--from", tmp_path / "shop.csv")
    small = ("--embedding-size", 4, "--epochs", 2, "--threads", 1, "--watch-test", "--json")
    point, own = (nmtr("train", "--data", "shop", "--seed", seed, *small).json["run"] for seed in (0, 1))
    workspace = Workspace(own_home)
    with workspace.runs._engine.begin() as db:
        db.execute(update(schema.runs).where(schema.runs.c.id == point).values(study="abcdefgh"))
    valid = workspace.runs.get(point).result.valid["HR@100"]  # type: ignore[union-attr]

    listed = {run["run"]: run for run in nmtr("runs", "--json").json}
    assert (listed[point]["withheld"], listed[point]["test"], listed[point]["best_test"]) == (True, {}, None)
    assert listed[point]["visited"]["metrics"] == listed[point]["not_visited"]["metrics"] == {}
    assert listed[point]["valid"]["HR@100"] == valid
    assert not listed[own]["withheld"] and "HR@100" in listed[own]["test"]
    answer = nmtr("runs")
    assert "no HR@100: a point of a study" in answer.err and answer.out.count("1.0000") == 1

    shown = nmtr("show", point, "--json").json
    assert shown["test"] == {} and [report["test"] for report in shown["reports"]] == [None, None]
    assert shown["reports"][0]["valid"]["HR@100"] == nmtr("show", point, "--json").json["reports"][0]["valid"]["HR@100"]
    for_people = nmtr("show", point).out
    assert "validation" in for_people and f"{valid:.4f}" in for_people
    assert "it is a point of study abcdefgh" in " ".join(for_people.split()) and "95 % interval" not in for_people
    assert "95 % interval" in nmtr("show", own).out
    for command in (
        ("evaluate", point),
        ("calibration", point),
        ("compare", point),
        ("compare", own, "--reference", point),
    ):
        refused = nmtr(*command)
        assert (refused.code, refused.out) == (2, "") and "its test figures are not shown" in refused.err
