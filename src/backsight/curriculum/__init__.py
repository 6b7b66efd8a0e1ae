"""How long the sequences are: short ones first, and longer ones as the model can use them."""

from backsight.curriculum._adaptive import AdaptiveLength
from backsight.curriculum._length import Length
from backsight.curriculum._linear import LinearLength
from backsight.curriculum._stepwise import StepwiseLength

__all__ = ["AdaptiveLength", "Length", "LinearLength", "StepwiseLength"]
