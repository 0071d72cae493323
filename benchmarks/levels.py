"""Training and ranking with AMX and AVX-512 forbidden, beside all that the processor has."""

from __future__ import annotations

from benchmarks.contest import DATA
from benchmarks.core import Case, Measure, Side, Target, figure
from benchmarks.workers import training

#: As `make test-avx2` has them: what NMTR's kernels, PyTorch with its libraries, and numpy's and scipy's BLAS may use.
FORBIDDEN = {
    "NMTR_NATIVE": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
_ALL, _FORBIDDEN, _RATIO = "all that the processor has", "AMX and AVX-512 forbidden", "times as long"
#: Vectors are half as wide; a ranking loses bfloat16, too.
_EPOCH, _RANKING = Target(2), Target(4)


def _pair(name: str, *, ranked: bool = False, **options: object) -> tuple[Side, Side]:
    of_all = training(f"NMTR {name}, {_ALL}", "beibei-shaped", options, ranked=ranked)
    return of_all, training(
        f"NMTR {name}, {_FORBIDDEN}", "beibei-shaped", options, ranked=ranked, environment=FORBIDDEN
    )


def _compared(label: str, sides: tuple[Side, Side], name: str, target: Target) -> tuple[Measure, ...]:
    of_all, forbidden = sides
    return (
        Measure(label, "s", figure(of_all, name, label, "s").of, column=_ALL),
        Measure(label, "s", figure(forbidden, name, label, "s").of, column=_FORBIDDEN),
        Measure(label, "x", lambda figures: figures[forbidden.name][name] / figures[of_all.name][name], target, _RATIO),
    )


EXACT = _pair("GMF exact", unit="gmf", loss="exact", behaviors=["cart", "buy"])
SQUARED = _pair("GMF squared", unit="gmf", loss="squared", behaviors=["cart", "buy"])
SAMPLED = _pair("GMF sampled", unit="gmf", loss="sampled", ranked=True)
SHARED = _pair("NeuMF shared", unit="neumf", loss="shared", ranked=True)

CASES = (
    Case(
        "instruction-sets",
        "With AMX and AVX-512 forbidden",
        f"{DATA}; each named after the benchmark above that times the same work, of NMTR alone, both columns in turns "
        "on one machine. Ranked are the vectors of the sampled GMF and the towers of the shared NeuMF.",
        (*EXACT, *SQUARED, *SAMPLED, *SHARED),
        (
            *_compared("epoch-gmf-exact", EXACT, "seconds", _EPOCH),
            *_compared("epoch-gmf-squared", SQUARED, "seconds", _EPOCH),
            *_compared("epoch-gmf-sampled", SAMPLED, "seconds", _EPOCH),
            *_compared("epoch-neumf-shared", SHARED, "seconds", _EPOCH),
            *_compared("rank-gmf", SAMPLED, "rank_seconds", _EPOCH),
            *_compared("rank-neumf", SHARED, "rank_seconds", _RANKING),
        ),
    ),
)
