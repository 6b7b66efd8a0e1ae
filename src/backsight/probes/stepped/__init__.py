"""How cells and modules that are called once a step are read: on the caller's own graph."""

from backsight.probes.stepped._gates import gate_saturation
from backsight.probes.stepped._memory import StepRun, followed
from backsight.probes.stepped._profiles import profiles_of_steps
from backsight.probes.stepped._reader import SteppedReader, may_be_stepped
from backsight.probes.stepped._runs_reader import RunsReader, any_arrived
from backsight.probes.stepped._state_tally import StateTally

__all__ = [
    "RunsReader",
    "StateTally",
    "StepRun",
    "SteppedReader",
    "any_arrived",
    "followed",
    "gate_saturation",
    "may_be_stepped",
    "profiles_of_steps",
]
