"""Optuna's tables, which stand in the same database as the runs."""

from __future__ import annotations

import secrets
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from nmtr.errors import RunError, StoreError
from nmtr.runs.schema import LOCK_TIMEOUT, prepare
from nmtr.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage

#: The attribute that a study is known by: it is written last, so that one without is not complete, or not ours.
PLAN = "plan"


def new_id() -> str:
    """A name that no study has, made as a run's id is."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))


def folder(home: Path) -> Path:
    """Where locks and logs of studies are; made if it is not there."""
    found = home / "studies"
    found.mkdir(exist_ok=True)
    return found


def is_used(home: Path) -> bool:
    """Whether there may be studies; asked before what takes half a second."""
    return (home / "studies").exists()


def storage(workspace: Workspace) -> RDBStorage:
    """Optuna's storage over the store of runs; takes half a second for the first one in a process."""
    return _opened(workspace.home / "nmtr.db", inode(workspace))


def inode(workspace: Workspace) -> int:
    """Which file the store is in, since one that takes its place is another; 0 where it is gone."""
    try:
        return (workspace.home / "nmtr.db").stat().st_ino
    except FileNotFoundError:
        return 0


@lru_cache(maxsize=8)
def _opened(path: Path, inode: int) -> RDBStorage:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with FileLock(folder(path.parent) / "opening.lock"):  # of two processes that make the tables, the second would fail
        url = URL.create(
            "sqlite", database=str(path)
        ).render_as_string()  # a path may hold what means something in a URL
        try:
            opened = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": LOCK_TIMEOUT}})
        except SQLAlchemyError as error:
            raise StoreError(path, reason(error)) from error
    prepare(opened.engine)
    opened.engine.dispose()  # the connections that were made before
    return opened


def is_fault(error: Exception) -> bool:
    """Whether the error is the database's, as where it is locked or its disk is full."""
    from optuna.exceptions import StorageInternalError

    return isinstance(error, StoreError | StorageInternalError | SQLAlchemyError)


def reason(fault: Exception) -> str:
    """What the database says of it, on one line."""
    from optuna.exceptions import StorageInternalError

    if isinstance(fault, StoreError):
        return fault.reason
    found = fault.__cause__ if isinstance(fault, StorageInternalError) else fault
    return " ".join(str(getattr(found, "orig", None) or found or fault).split())


def find(workspace: Workspace, study_id: str) -> tuple[int, dict[str, Any]]:
    """Optuna's number of the study, and the study's attributes; RunError where there is none."""
    kept = storage(workspace)
    try:
        number = kept.get_study_id_from_name(study_id)
        attributes = kept.get_study_user_attrs(number)
    except KeyError:
        attributes = {}
    if PLAN not in attributes:
        raise RunError(
            f"a study must be named by its id; there is no study {study_id[:40]}, so see the list of studies."
        )
    return number, attributes


def load(
    workspace: Workspace, study_id: str, sampler: BaseSampler | None = None, pruner: BasePruner | None = None
) -> OptunaStudy:
    """The study as Optuna has it."""
    import optuna

    return optuna.load_study(study_name=study_id, storage=storage(workspace), sampler=sampler, pruner=pruner)
