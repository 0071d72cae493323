"""The store's text is a contract: each of its sentences stands here, with the tests that hold it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from nmtr.errors import RunError
from nmtr.runs import checkpoint, job
from nmtr.runs import store as store_module
from nmtr.runs.store import Run, RunStore, State
from tests.runs import fakes
from tests.runs.fakes import FINGERPRINT, Library, config
from tests.runs.test_store import ALLOWED, MAKE, STEPS

#: How each sentence begins, in their order, and where it is tested.
PROMISES = {
    "A run is *queued* when": (
        "test_store.test_new_run_is_queued_and_keeps_its_config",
        "test_store.test_claim_starts_the_oldest_while_there_are_slots",
        "test_store.test_step_is_taken_from_its_states_and_refused_from_others",
    ),
    "A failed or cancelled run can be resumed": (
        "test_store.test_resumed_run_keeps_its_series_and_loses_its_end",
        "test_job.test_run_that_breaks_fails_with_a_sentence_keeps_the_traceback_and_can_be_resumed",
        "test_supervisor.test_cancelled_run_stops_by_itself_and_resumes_to_the_same_result",
    ),
    "A run that is done never changes": (
        "test_store.test_step_is_taken_from_its_states_and_refused_from_others",
        "test_store.test_deleted_run_leaves_nothing_behind",
    ),
    "Every step is one statement": (
        "test_contract.test_step_is_one_statement",
        "test_contract.test_of_many_that_try_the_same_step_one_succeeds_and_the_others_hear_the_state",
    ),
    "A run that was trained elsewhere": (
        "test_archive.test_exported_run_is_the_same_elsewhere_without_its_data",
        "test_archive.test_two_imports_at_once_leave_one_run_whole",
        "test_archive.test_import_without_room_is_refused_and_leaves_nothing",
    ),
    "Of the runs that are done, one": ("test_store.test_one_run_of_a_data_set_is_pinned_at_most",),
    "A run that is deleted can be kept": (
        "test_trash.test_deleted_run_comes_back_whole",
        "test_trash.test_what_is_older_than_a_day_is_removed",
    ),
    "A run in any state can be given": (
        "test_labels.test_run_in_any_state_is_labeled_and_stays_what_it_is",
        "test_labels.test_label_that_cannot_be_is_one_sentence_and_changes_nothing",
    ),
    "`claim` takes the queued run": ("test_queue.test_claim_takes_the_highest_priority_and_of_equals_the_first",),
    "It takes none while": (
        "test_queue.test_nothing_is_claimed_while_the_queue_is_paused",
        "test_store.test_slots_are_not_exceeded_by_threads_that_race",
        "test_queue.test_no_more_runs_of_an_owner_are_claimed_than_allowed",
        "test_queue.test_owners_limit_is_not_exceeded_by_threads_that_race",
        "test_queue.test_run_without_an_owner_counts_for_no_owners_limit",
    ),
    "`create` gives priority and owner": (
        "test_queue.test_run_keeps_its_priority_and_owner",
        "test_queue.test_moved_run_takes_the_priority_that_it_is_given",
    ),
    "A run that a study queued": (
        "test_queue.test_run_of_a_study_is_known_by_the_studys_id_until_somebody_else_resumes_it",
        "test_migrations.test_runs_that_studies_queued_before_version_3_are_recognised_and_no_others",
    ),
    "While as many wait": (
        "test_queue.test_run_too_many_is_refused_and_leaves_nothing",
        "test_queue.test_resume_is_refused_while_the_queue_is_full",
        "test_queue.test_run_that_is_given_back_finds_room_in_a_full_queue",
        "test_queue.test_queue_is_not_overfilled_by_threads_that_race",
    ),
    "A pause ends no run": (
        "test_queue.test_nothing_is_claimed_while_the_queue_is_paused",
        "test_supervisor.test_run_that_trains_when_the_queue_is_paused_is_trained_to_its_end",
    ),
    "A foreground run was never queued": (
        "test_queue.test_foreground_run_starts_whether_the_queue_is_paused_or_full",
        "test_queue.test_foreground_run_counts_for_nobodys_limit",
    ),
    "A running run belongs to one process": (
        "test_supervisor.test_process_that_reuses_a_pid_is_not_taken_for_the_runs_own",
    ),
    "The child that a supervisor spawned": ("test_store.test_one_process_only_can_take_a_claimed_run",),
    "A process that is told to end": (
        "test_supervisor.test_supervisor_told_to_end_gives_its_runs_back_to_the_queue",
        "test_supervisor.test_run_whose_process_is_killed_goes_on_from_its_checkpoint_to_the_same_result",
        "test_store.test_deaths_count_until_an_epoch_is_finished_for_the_first_time",
    ),
    "A queued run is cancelled at once": (
        "test_store.test_step_is_taken_from_its_states_and_refused_from_others",
        "test_supervisor.test_run_cancelled_in_the_queue_is_never_started",
    ),
    "A running one is flagged": (
        "test_store.test_beat_says_when_to_stop",
        "test_job.test_cancelled_run_stops_at_a_batch_and_resumes_to_the_same_result",
    ),
    "A run that is finished before": ("test_store.test_run_that_is_done_before_it_learns_of_a_cancel_has_no_reason",),
    "Of several reasons": (
        "test_store.test_reason_of_a_cancel_is_the_first_that_was_given_until_the_run_is_resumed",
        "test_store.test_run_that_is_done_before_it_learns_of_a_cancel_has_no_reason",
    ),
    "A run that this nmtr cannot read": ("test_unreadable.test_run_that_cannot_be_read_is_named_and_takes_no_step",),
    "It fails when its turn comes": (
        "test_unreadable.test_run_that_cannot_be_read_fails_when_its_turn_comes_and_the_next_is_claimed",
        "test_unreadable.test_running_run_that_cannot_be_read_fails_once_its_process_is_gone",
    ),
    "The series holds one report": (
        "test_store.test_reports_are_one_for_each_phase_and_epoch_in_order",
        "test_store.test_epoch_trained_again_replaces_its_report_and_those_that_followed",
    ),
    "`seconds` counts all": ("test_store.test_epoch_trained_again_replaces_its_report_and_those_that_followed",),
    "Rows live in": ("test_contract.test_files_of_a_run_are_in_its_folder",),
    "A folder's name is": ("test_store.test_folder_is_made_of_an_id_only",),
    "A store of an older version": (
        "test_migrations.test_store_of_version_1_is_brought_forward_with_all_of_its_runs",
        "test_migrations.test_step_that_fails_leaves_the_store_as_it_was",
        "test_migrations.test_store_of_a_newer_version_is_refused_and_left_alone",
    ),
}


def sentences() -> list[str]:
    """Of the store's text, without its first line and the word that each paragraph begins with."""
    _, *paragraphs = (store_module.__doc__ or "").strip().split("\n\n")
    texts = (" ".join(paragraph.split()).partition(". ")[2] for paragraph in paragraphs)
    return [sentence for text in texts for sentence in re.split(r"(?<=\.) (?=[A-Z`])", text)]


def test_every_sentence_of_the_contract_is_listed_in_its_order() -> None:
    said = sentences()
    assert len(said) == len(PROMISES) > 20
    for sentence, beginning in zip(said, PROMISES, strict=True):
        assert sentence.startswith(beginning)


@pytest.mark.parametrize("promise", PROMISES)
def test_every_test_that_a_sentence_names_is_there(promise: str) -> None:
    assert PROMISES[promise]
    for name in PROMISES[promise]:
        module, _, function = name.partition(".")
        source = ast.parse((Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
        assert function in {node.name for node in source.body if isinstance(node, ast.FunctionDef)}, name


def statements_of(store: RunStore, step: Callable[[], object]) -> int:
    """How many statements the step sends to the database."""
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(store._engine, "before_cursor_execute", note)
    step()
    event.remove(store._engine, "before_cursor_execute", note)
    return len(sent)


@pytest.mark.parametrize(("state", "step"), [pair for pair in ALLOWED if pair[1] != "report"])
def test_step_is_one_statement(store: RunStore, state: State, step: str) -> None:
    run = MAKE[state](store)
    assert statements_of(store, lambda: STEPS[step](store, run)) == 1


def test_step_that_makes_or_takes_a_run_is_one_statement(store: RunStore) -> None:
    assert statements_of(store, lambda: store.create(config(), FINGERPRINT)) == 1
    assert statements_of(store, lambda: store.create(config(), FINGERPRINT, foreground=True)) == 1
    assert statements_of(store, lambda: store.claim(1, per_owner=1)) == 1
    (claimed,) = (run for run in store.list("running") if not run.foreground)
    assert statements_of(store, lambda: store.attach(claimed.id)) == 1


ENDS = {pair: state for pair, state in ALLOWED.items() if state != pair[0]}


@pytest.mark.parametrize(("state", "step"), ENDS)
def test_of_many_that_try_the_same_step_one_succeeds_and_the_others_hear_the_state(
    store: RunStore, state: State, step: str
) -> None:
    run = MAKE[state](store)

    def attempt(_: int) -> str | None:
        try:
            STEPS[step](store, run)
        except RunError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        refusals = [refusal for refusal in pool.map(attempt, range(16)) if refusal is not None]
    assert len(refusals) == 15
    assert all(f"run {run.id} is {ENDS[state, step]}" in refusal for refusal in refusals)


def test_files_of_a_run_are_in_its_folder(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "new_experiment", fakes.Experiment)
    run: Run = store.create(config(), FINGERPRINT, foreground=True)
    seen: set[str] = set()
    job.execute(
        *(store, Library(store.root), run.id),
        on_report=lambda _: seen.update(path.name for path in (store.root / "runs" / run.id).iterdir()),
    )
    assert "checkpoint.pt" in seen
    assert store.folder(run.id) == store.root / "runs" / run.id and (store.root / "nmtr.db").is_file()
    assert {path.name for path in store.folder(run.id).iterdir()} == {checkpoint.WEIGHTS, checkpoint.RANKS}
    assert job.LOG == "log.txt"  # which a child process writes to: see test_supervisor.starts
