"""Compiles the kernels for this machine, once, and loads them."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from ctypes import c_char_p, c_double, c_float, c_int, c_long, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from nmtr.errors import ConfigError

_SOURCE = Path(__file__).with_name("kernels.cpp")
_FLAGS = ("-O3", "-march=native", "-std=c++17", "-fno-math-errno", "-shared", "-fPIC")
_SECONDS = 120  # a compiler that takes longer is not worth waiting for

#: The instruction sets beyond 128-bit vectors that the kernels make use of, highest first: what the compiler defines
#: where the processor has one, and the option that forbids it.
_SETS = {
    "amx": ("__AMX_BF16__", "-mno-amx-bf16"),
    "bf16": ("__AVX512BF16__", "-mno-avx512bf16"),
    "avx512": ("__AVX512F__", "-mno-avx512f"),
    "avx2": ("__AVX__", "-mno-avx"),
}
#: What kernels can be compiled for, highest first: matrix tiles, AVX-512 with bfloat16, AVX-512, AVX2, 128-bit vectors.
LEVELS = (*_SETS, "sse")

#: What each kernel returns and takes.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "level": (c_char_p, []),
    "lanes": (c_int, []),
    "count_ahead": (c_int, [c_long] * 2 + [c_void_p] * 4),
    "exact_block": (c_double, [c_long] * 2 + [c_void_p] * 6 + [c_long] * 2 + [c_void_p] * 3),
    "multiply": (None, [c_long] * 3 + [c_void_p] + [c_long] * 2 + [c_void_p] * 2),
    "adagrad_rows": (None, [c_long, c_void_p, c_long, c_void_p, c_float, c_float, c_void_p, c_void_p]),
    "products": (None, [c_long] * 3 + [c_void_p] * 4),
    "dot_forward": (None, [c_long] + [c_void_p] * 4 + [c_long, c_void_p]),
    "dot_backward": (None, [c_long] + [c_void_p] * 4 + [c_long] + [c_void_p] * 3),
    "tower_forward": (None, [c_void_p] * 5 + [c_long, c_void_p]),
    "tower_forward_bf16": (None, [c_void_p] * 5 + [c_long, c_void_p]),
    "has_tiles": (c_int, []),
    "tower_grid": (None, [c_void_p] * 2 + [c_long, c_void_p, c_long, c_void_p]),
    "solve_rows": (c_long, [c_long] * 2 + [c_void_p] * 3 + [c_long] + [c_void_p] * 5),
    "pair_products": (None, [c_long] * 2 + [c_void_p] * 6),
    "tower_backward": (None, [c_void_p] * 5 + [c_long] + [c_void_p] * 5),
}

log = logging.getLogger(__name__)


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where there is no compiler, where it fails, or where NMTR_NATIVE is 0.

    The file is kept under the user's cache folder, by a hash of the source, the compiler and the processor's features:
    a home that machines share holds one file for each kind. ConfigError where NMTR_NATIVE is none of LEVELS and not 0.
    """
    highest, compiler = _highest(), _compiler()
    if compiler is None or highest is None:
        return None
    try:
        flags = _flags(compiler, highest)
        path = _cache() / f"kernels-{_key(compiler, flags)}.so"
        if not path.exists():
            _compile(compiler, flags, path)
        kernels = ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        log.info("kernels are not compiled, PyTorch does their work: %s", error)
        return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(kernels, name, None)
        if function is not None:  # bfloat16 and matrix tiles need a processor that has them
            function.restype, function.argtypes = result, arguments
    return kernels


def level() -> str | None:
    """Which of LEVELS the kernels are compiled for; None where there are none."""
    kernels = library()
    return None if kernels is None else kernels.level().decode()


def levels() -> tuple[str, ...]:
    """Those of LEVELS that this processor has and NMTR_NATIVE allows; none without a compiler."""
    highest, compiler = _highest(), _compiler()
    if compiler is None or highest is None:
        return ()
    try:
        here = _sets(compiler)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(each for each in LEVELS[LEVELS.index(highest) :] if each in (*here, LEVELS[-1]))


def _highest() -> str | None:
    """The highest level that NMTR_NATIVE allows, all without it; None for no kernels."""
    given = os.environ.get("NMTR_NATIVE", LEVELS[0])
    if given not in (*LEVELS, "0"):
        raise ConfigError(
            f"NMTR_NATIVE must be the highest instruction set that compiled kernels may use ({', '.join(LEVELS)}), "
            f"or 0 for no compiled kernels; got {given}."
        )
    return None if given == "0" else given


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "c++", "g++", "clang++"))), None)


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nmtr"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _sets(compiler: str) -> list[str]:
    """The instruction sets that the processor has and the compiler knows."""
    macros = _macros(compiler, _FLAGS).decode().split()
    return [name for name, (macro, _) in _SETS.items() if macro in macros]


def _flags(compiler: str, highest: str) -> tuple[str, ...]:
    """Those for this processor, without its instruction sets above the highest that is allowed.

    Only a set that is here is forbidden: a compiler for another kind of processor does not know the option.
    """
    above = LEVELS[: LEVELS.index(highest)]
    here = _sets(compiler) if above else []
    return (*_FLAGS, *(_SETS[name][1] for name in above if name in here))


def _key(compiler: str, flags: Sequence[str]) -> str:
    """A hash of all that the compiled file depends on: the compiler's macros name its version and the processor."""
    return hashlib.sha256(_macros(compiler, flags) + _SOURCE.read_bytes()).hexdigest()[:16]


def _macros(compiler: str, flags: Sequence[str]) -> bytes:
    command = [compiler, *flags, "-x", "c++", "-dM", "-E", os.devnull]
    return subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS).stdout


def _compile(compiler: str, flags: Sequence[str], path: Path) -> None:
    """Compiles beside and renames, so that two processes may do it at once."""
    handle, beside = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    try:
        command = [compiler, *flags, "-o", beside, str(_SOURCE)]
        subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)
