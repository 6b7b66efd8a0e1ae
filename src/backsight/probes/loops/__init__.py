"""Recurrences in the graph of a loss: loops over steps that no module's calls show."""

from backsight.probes.loops._reader import LoopReader

__all__ = ["LoopReader"]
