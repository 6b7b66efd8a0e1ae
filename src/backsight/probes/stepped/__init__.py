"""How cells and modules that are called once a step are read: on the caller's own graph."""

from backsight.probes.stepped._profiles import profiles_of_steps
from backsight.probes.stepped._reader import SteppedReader, may_be_stepped

__all__ = ["SteppedReader", "may_be_stepped", "profiles_of_steps"]
