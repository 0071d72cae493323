"""The kernels are compiled once, and whatever goes wrong leaves PyTorch to do their work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmtr.errors import ConfigError
from nmtr.native import build
from nmtr.native.build import level, levels, library


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NMTR_NATIVE", raising=False)
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
    assert library() is None and level() is None


def test_levels_are_those_that_the_processor_has_down_from_the_highest_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    macros = "".join(f"echo '#define {name} 1';" for name in ("__AVX__", "__AVX512F__", "__AVX512BF16__"))
    monkeypatch.setenv("CXX", compiler(tmp_path, macros))
    assert levels() == ("bf16", "avx512", "avx2", "sse")
    for allowed, expected in {
        "amx": ("bf16", "avx512", "avx2", "sse"),
        "avx512": ("avx512", "avx2", "sse"),
        "avx2": ("avx2", "sse"),
        "sse": ("sse",),
        "0": (),
    }.items():
        monkeypatch.setenv("NMTR_NATIVE", allowed)
        assert levels() == expected
    monkeypatch.delenv("NMTR_NATIVE")
    monkeypatch.setenv("CXX", compiler(tmp_path, "echo '#define __ARM_NEON 1'"))
    assert levels() == ("sse",)
    monkeypatch.setenv("CXX", compiler(tmp_path, "exit 1"))
    assert levels() == ()


def test_level_that_does_not_exist_is_refused_with_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTR_NATIVE", "avx3")
    with pytest.raises(ConfigError, match=r"amx, bf16, avx512, avx2, sse\), or 0 for no .* got avx3\."):
        library()


def test_nothing_is_forbidden_of_a_processor_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its compiler does not know the options that forbid what it does not have, and would fail."""
    other = compiler(tmp_path, "echo '#define __ARM_NEON 1'")
    assert build._flags(other, "sse") == build._FLAGS
    wide = compiler(tmp_path, "echo '#define __AVX__ 1'; echo '#define __AVX512F__ 1'")
    assert build._flags(wide, "avx2") == (*build._FLAGS, "-mno-avx512f")
    assert build._flags(wide, "sse") == (*build._FLAGS, "-mno-avx512f", "-mno-avx")


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
        keys.append(build._key(compiler(tmp_path, f"echo '#define {feature}'"), build._FLAGS))
    assert keys[0] != keys[1] and os.sep not in keys[0]
