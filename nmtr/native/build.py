"""Compiles the kernels for this machine, once, and loads them."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from ctypes import c_double, c_float, c_int, c_long, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).with_name("kernels.cpp")
_FLAGS = ("-O3", "-march=native", "-std=c++17", "-fno-math-errno", "-shared", "-fPIC")
_SECONDS = 120  # a compiler that takes longer is not worth waiting for

#: What each kernel returns and takes.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "lanes": (c_int, []),
    "count_ahead": (c_int, [c_long] * 2 + [c_void_p] * 4),
    "exact_block": (c_double, [c_long] * 2 + [c_void_p] * 6 + [c_long] * 2 + [c_void_p] * 3),
    "multiply": (None, [c_long] * 3 + [c_void_p] + [c_long] * 2 + [c_void_p] * 2),
    "adagrad_rows": (None, [c_long, c_void_p, c_long, c_void_p, c_float, c_float, c_void_p, c_void_p]),
    "products": (None, [c_long] * 3 + [c_void_p] * 4),
    "dot_forward": (None, [c_long] + [c_void_p] * 4 + [c_long, c_void_p]),
    "dot_backward": (None, [c_long] + [c_void_p] * 4 + [c_long] + [c_void_p] * 3),
    "tower_forward": (None, [c_void_p] * 5 + [c_long, c_void_p]),
    "has_bf16": (c_int, []),
    "tower_forward_bf16": (None, [c_void_p] * 5 + [c_long, c_void_p]),
    "has_tiles": (c_int, []),
    "tower_grid": (None, [c_void_p] * 2 + [c_long, c_void_p, c_long, c_void_p]),
    "tower_backward": (None, [c_void_p] * 5 + [c_long] + [c_void_p] * 5),
}

log = logging.getLogger(__name__)


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where there is no compiler, where it fails, or where NMTR_NATIVE is 0.

    The file is kept under the user's cache folder, by a hash of the source, the compiler and the processor's features:
    a home that machines share holds one file for each kind.
    """
    if os.environ.get("NMTR_NATIVE") == "0":
        return None
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "c++", "g++", "clang++"))), None)
    if compiler is None:
        return None
    try:
        path = _cache() / f"kernels-{_key(compiler)}.so"
        if not path.exists():
            _compile(compiler, path)
        kernels = ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        log.info("kernels are not compiled, PyTorch does their work: %s", error)
        return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(kernels, name, None)
        if function is not None:  # bfloat16 and matrix tiles need a processor that has them
            function.restype, function.argtypes = result, arguments
    return kernels


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nmtr"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _key(compiler: str) -> str:
    """A hash of all that the compiled file depends on: the compiler's macros name its version and the processor."""
    macros = subprocess.run(
        [compiler, *_FLAGS, "-x", "c++", "-dM", "-E", os.devnull], capture_output=True, check=True, timeout=_SECONDS
    )
    return hashlib.sha256(macros.stdout + _SOURCE.read_bytes()).hexdigest()[:16]


def _compile(compiler: str, path: Path) -> None:
    """Compiles beside and renames, so that two processes may do it at once."""
    handle, beside = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    try:
        command = [compiler, *_FLAGS, "-o", beside, str(_SOURCE)]
        subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)
