"""BKS436: all units of a layer have the same weights."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["SameWeights"]


@dataclass
class SameWeights(InARow):
    """Weights that were initialised with zeros, ones or another constant."""

    code: ClassVar[str] = "BKS436"
    title: ClassVar[str] = "units alike"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("units_alike",)
    explanation: ClassVar[str] = (
        "All units of a recurrent layer have the same weights, so that all compute the same: the "
        "layer works like one with a single unit. Their gradients are alike as well, so that "
        "training hardly tells them apart."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, in each gate of a layer, the rows of the input weights "
        "and those of the recurrent weights differ by at most 1 % of the largest weight. Biases "
        "do not count, nor does a recurrent matrix of zeros beside input weights that differ."
    )
    causes: ClassVar = (
        "weights set to zeros, ones or another constant",
        "an initialisation that was meant for biases or for layer normalisation, applied to all "
        "parameters",
    )
    remedies: ClassVar = (
        "leave the weights as PyTorch initialises them, or use nn.init.xavier_uniform_ for the "
        "input weights and nn.init.orthogonal_ for the recurrent ones",
        "apply a constant to biases alone: if 'bias' in name",
    )
    source: ClassVar[str] = "Goodfellow, Bengio and Courville 2016, section 8.4"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many they are."""
        return (
            f"all {value:.0f} units of {where} have the same weights and compute the same",
            {"units": value},
        )
