"""The kernels are compiled once, and whatever goes wrong leaves PyTorch to do their work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmtr.native import build
from nmtr.native.build import library


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.cache_clear()
    yield tmp_path / "nmtr"
    monkeypatch.undo()
    library.cache_clear()


def compiler(folder: Path, script: str) -> str:
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_kernels_are_compiled_once_and_kept_for_this_user_alone(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library() is None:
        pytest.skip("this machine has no C++ compiler")
    (compiled,) = own_cache.iterdir()
    assert own_cache.stat().st_mode & 0o077 == 0
    library.cache_clear()
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("compiled again"))
    assert library() is not None and [*own_cache.iterdir()] == [compiled]


def test_without_a_compiler_there_are_no_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert library() is None


def test_kernels_are_switched_off_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTR_NATIVE", "0")
    assert library() is None


@pytest.mark.parametrize("script", ["exit 1", 'case "$*" in *-E*) echo macros;; *) exit 1;; esac', "exec sleep 5"])
def test_compiler_that_fails_leaves_nothing_behind(
    script: str, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler(tmp_path, script))
    monkeypatch.setattr(build, "_SECONDS", 0.5)
    assert library() is None
    assert [*own_cache.iterdir()] == []


def test_compiled_file_that_cannot_be_loaded_leaves_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that writes nothing: the file is there, and empty."""
    monkeypatch.setenv("CXX", compiler(tmp_path, "exit 0"))
    assert library() is None


def test_folder_that_cannot_be_written_leaves_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert library() is None


def test_a_changed_processor_compiles_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    for feature in ("avx2", "avx512"):
        keys.append(build._key(compiler(tmp_path, f"echo '#define {feature}'")))
    assert keys[0] != keys[1] and os.sep not in keys[0]
