"""How layers are read whose linear recurrence runs over a whole sequence in one call."""

from backsight.probes.scanned._calls import Diagonal
from backsight.probes.scanned._reader import ScanReader

__all__ = ["Diagonal", "ScanReader"]
