"""BKS436: all units of a layer have the same weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, named
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["SameWeights"]


@dataclass
class SameWeights(InARow):
    """Weights that were initialised with zeros, ones or another constant."""

    code: ClassVar[str] = "BKS436"
    title: ClassVar[str] = "units alike"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("units_alike", "zero_weights")
    explanation: ClassVar[str] = (
        "All units of a recurrent layer have the same weights, so that all compute the same: the "
        "layer works like one with a single unit. Their gradients are alike as well, so that "
        "training hardly tells them apart. Two layers of zeros, one behind the other, never leave "
        "them: what the first gives is zero, so that the second gets no gradient, and the second "
        "lets none through to the first."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, in each gate of a layer, the rows of the input weights "
        "and those of the recurrent weights differ by at most 1 % of the largest weight. Biases "
        "do not count, nor does a recurrent matrix of zeros beside input weights that differ. Of "
        "matrices of no such layer, two or more whose rows, or columns, are alike in the same way, "
        "and so are their gradients: a cell by hand that begins as one number. Or, "
        "in as many samples, at least two weight matrices of any layers are zero throughout, and "
        "their gradients are exactly zero while that of another parameter is not. A layer whose "
        "units are alike before the first step, and part before the third sample, is a note: its "
        "biases, or dropout, tell them apart."
    )
    causes: ClassVar = (
        "weights set to zeros, ones or another constant",
        "an initialisation that was meant for biases or for layer normalisation, applied to all "
        "parameters",
        "two layers in a row that both begin at zero, so that their output does",
    )
    remedies: ClassVar = (
        "leave the weights as PyTorch initialises them, or use nn.init.xavier_uniform_ for the "
        "input weights and nn.init.orthogonal_ for the recurrent ones",
        "apply a constant to biases alone: if 'bias' in name",
        "where an output is to begin at zero, set the last layer alone to zero",
    )
    source: ClassVar[str] = "Goodfellow, Bengio and Courville 2016, section 8.4"

    _zero: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Modules of zeros, and how many numbers each has; 0 of one that has left them."""

    _began: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Layers, and how many of their units were alike before the first step."""

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Both; of zeros, the modules that were told of are looked at again."""
        zeros = now.numbers("zero_weights")
        if zeros:
            self._zero = dict.fromkeys(self._zero, 0.0) | {
                where: count for where, count in zeros.items() if where or not count
            }
        alike = dict(now.numbers("units_alike"))
        for where, count in alike.items():
            if now.iteration == 0:
                self._began[where] = count
            told = self.findings.get(where)
            if not count and (told is None or told.severity == "info"):
                alike[where] = -self._began.get(where, 0.0)
        return {**(self._zero if zeros else {}), **alike}

    def severity_of(self, value: float) -> Severity:
        """Units that have parted are a note."""
        return self.severity if value > 0 else "info"

    def signal(self, where: str, value: float) -> str:
        """Either of them."""
        return named("zero_weights" if where in self._zero else self.reads[0], where)

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many they are."""
        if where in self._zero:
            return (
                f"all {value:,.0f} weights of {where} are zero, and so is their gradient, which "
                "other weights of zeros hide: they stay so",
                {"weights": value},
            )
        if value < 0:
            return (
                f"all {-value:.0f} units of {where} began with the same weights: nothing but their "
                "biases, or what is dropped, tells them apart",
                {"units": -value, "since": 0},
            )
        return (
            f"all {value:.0f} units of {where} have the same weights and compute the same",
            {"units": value},
        )
