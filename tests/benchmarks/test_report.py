"""What is written into docs/performance.md, and the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import report, results
from benchmarks.core import Case, Measure, Side, Target, figure
from benchmarks.errors import BenchmarkError
from benchmarks.places import REPORT, ROOT
from benchmarks.results import CaseResult
from benchmarks.suite import CASES
from tests.benchmarks.test_core import MACHINE


def result(seconds: float = 2.5) -> CaseResult:
    ours = Side("ours", lambda: {"seconds": seconds})
    case = Case("quick", "A quick one", "made up.", (ours,), (figure(ours, "seconds", "epoch", "s", Target(2)),))
    return CaseResult.of(case, [{"ours": {"seconds": seconds}}], MACHINE)


def test_report_replaces_the_tables_and_keeps_the_prose(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text(f"# Prose\n\n{report.BEGIN}\nold\n{report.END}\nmore prose\n", encoding="utf-8")
    for _ in range(2):
        report.write([result()], path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# Prose\n\n{report.BEGIN}\n") and text.endswith(f"{report.END}\nmore prose\n")
    assert "old" not in text
    assert text.count("| epoch | 2.5 s | 2.5 | at most 2 s | missed |") == 1
    assert "`python -m benchmarks run quick`. made up." in text


def test_a_target_that_was_reached_says_so() -> None:
    assert "| `quick` | epoch | 2 s | at most 2 s | reached |" in report.markdown([result(2)])


def test_measures_with_columns_stand_side_by_side() -> None:
    ours = Side("ours", dict)
    measures = (
        Measure("epoch", "s", lambda _: 2, column="wide"),
        Measure("epoch", "s", lambda _: 3, column="narrow"),
        Measure("epoch", "x", lambda _: 1.5, Target(2), "times as long"),
    )
    text = report.markdown([CaseResult.of(Case("sets", "Both", "made up.", (ours,), measures), [{}], MACHINE)])
    assert "|  | wide | narrow | times as long |\n| --- | --- | --- | --- |\n| epoch | 2 s | 3 s | 1.5 x |\n" in text
    assert "| `sets` | epoch, times as long | 1.5 x | at most 2 x | reached |" in text


def test_report_without_its_marks_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="must hold the lines"):
        report.write([result()], tmp_path / "performance.md")


def test_documented_tables_are_those_of_the_kept_results() -> None:
    kept = results.load()
    made = report.markdown([kept[case.name] for case in CASES if case.name in kept])
    assert made in REPORT.read_text(encoding="utf-8"), "python -m benchmarks report writes them anew"


def test_names_are_those_of_files_and_each_case_has_a_target() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert all(any(measure.target for measure in case.measures) for case in CASES)


def test_run_keeps_what_it_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> dict[str, float]:
        raise BenchmarkError("it is not there.")

    ours, theirs = Side("ours", lambda: {"seconds": 1.0}), Side("theirs", refuse)
    good = Case("good", "Good", "made up.", (ours,), (figure(ours, "seconds", "epoch", "s"),))
    bad = Case("bad", "Bad", "made up.", (ours, theirs), (figure(theirs, "seconds", "epoch", "s"),))
    monkeypatch.setattr(command, "CASES", (good, bad))
    saved: list[CaseResult] = []
    monkeypatch.setattr(results.CaseResult, "save", lambda self: saved.append(self))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "run", "all", "--rounds", "2"])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 1
    assert [(own.case, len(own.rounds)) for own in saved] == [("good", 2)]
    assert "bad has no result: it is not there." in capsys.readouterr().err


def test_an_unknown_name_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", "epoch"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "a benchmark must be one of those that list names, or all; got epoch.\n"


def test_kept_results_are_small() -> None:
    assert all(len(json.dumps(own.model_dump(mode="json"))) < 40_000 for own in results.load().values())
