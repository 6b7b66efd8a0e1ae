"""Recurrences in the graph of a loss: loops over steps that no module's calls show."""

from backsight.probes.loops._reader import LoopReader, read_as_loop

__all__ = ["LoopReader", "read_as_loop"]
