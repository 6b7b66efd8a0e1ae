"""How often it is looked at how a training is wired: it does not change every day."""

from backsight.monitor.measurements._measurement import Schedule

__all__ = ["FIRST_AND_RARELY"]

FIRST_AND_RARELY = Schedule(samples=8, first=6)
"""The first samples, in which most of what is wrong is wrong already; then a few of the others."""
