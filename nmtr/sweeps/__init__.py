"""Studies of the loss weights λ, and of what goes with them: draw points, train them, tell which are equally good.

Everything is chosen on validation; a study says nothing of test purchases until its choice is finalized.
"""

from nmtr.sweeps.cautions import cautions, leaks
from nmtr.sweeps.choosing import final_runs, finalize, keep
from nmtr.sweeps.driver import drive, revive, start, stop
from nmtr.sweeps.importance import Importance, importances
from nmtr.sweeps.judging import Sensitivity, TradeOff, sensitivity, trade_off
from nmtr.sweeps.plan import METRICS, SEARCHABLE, Plan, Sampler, simplex
from nmtr.sweeps.record import Point, PointState, Study, StudyState
from nmtr.sweeps.study import create, curve, extend, read, studies

__all__ = [
    "METRICS",
    "SEARCHABLE",
    "Importance",
    "Plan",
    "Point",
    "PointState",
    "Sampler",
    "Sensitivity",
    "Study",
    "StudyState",
    "TradeOff",
    "cautions",
    "create",
    "curve",
    "drive",
    "extend",
    "final_runs",
    "finalize",
    "importances",
    "keep",
    "leaks",
    "read",
    "revive",
    "sensitivity",
    "simplex",
    "start",
    "stop",
    "studies",
    "trade_off",
]
