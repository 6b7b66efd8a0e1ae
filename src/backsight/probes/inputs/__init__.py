"""How any other sequence model is read: by its embedded input."""

from backsight.probes.inputs._reader import InputReader

__all__ = ["InputReader"]
