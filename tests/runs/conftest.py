from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nmtr.runs.store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(tmp_path)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Child processes import nmtr and these tests from the working folder."""
    monkeypatch.chdir(Path(__file__).parents[2])
