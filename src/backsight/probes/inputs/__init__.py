"""How any other sequence model is read: by its embedded inputs and its blocks, which are found."""

from backsight.probes.inputs._reader import InputReader
from backsight.probes.inputs._settings import (
    check_inputs,
    check_layout,
    listed_inputs,
    no_such_module,
)

__all__ = ["InputReader", "check_inputs", "check_layout", "listed_inputs", "no_such_module"]
