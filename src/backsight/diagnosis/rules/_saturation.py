"""BS104: units at the end of their range, where no gradient passes."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, percent

__all__ = ["Saturation"]

GATES = ("reset", "update", "new", "input", "forget", "cell", "output")


@dataclass
class Saturation(Rule):
    """Most of a layer's units are stuck at ±1, or most of a gate is open or shut for good."""

    code: ClassVar[str] = "BS104"
    title: ClassVar[str] = "saturation"
    severity: ClassVar = "warning"
    reads: ClassVar = ("saturation",)
    meaning: ClassVar[str] = (
        "Most units are at the flat end of their nonlinearity. The slope there is about zero, and "
        "so is every gradient that passes through."
    )
    decided: ClassVar[str] = (
        "The share of states with |h| > 0.99 is above {state:g}, or the share of a gate's values "
        "within 0.01 of an end above {gate:g} (open or shut gates are how an LSTM remembers, so "
        "that takes nearly all of them); median of {samples:.0f} samples."
    )
    causes: ClassVar = (
        "a recurrent matrix, or an input, that is too large",
        "steps that were too large: weights have grown",
        "input that is not normalised",
    )
    remedies: ClassVar = (
        "normalise the input to a standard deviation of 1",
        "smaller initialisation of the recurrent and the input matrix",
        "lower the learning rate; clip gradients; weight decay",
        "layer normalisation",
    )
    source: ClassVar[str] = "Glorot and Bengio 2010; DeepDiagnosis has half of the units"

    state: float = 0.6
    """Healthy GRUs have had half of their units there in their first iterations."""
    gate: float = 0.95
    """Of a gate's values."""
    samples: float = 3
    """Whose median counts."""
    _recent: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    def _see(self, now: Sample) -> None:
        for where, share in now.numbers("saturation").items():
            recent = self._recent.setdefault(where, Recent(int(self.samples)))
            recent.add(share)
            if not self.finite(where, share) or not recent.full:
                continue
            self.ready = True
            layer, _, last = where.rpartition(".")
            gate = last if last in GATES else ""
            limit = self.gate if gate else self.state
            if recent.median <= limit:
                self.over(where, now.iteration)
                continue
            what = f"the values of the {gate} gate of {layer}" if gate else f"the units of {where}"
            self.found(
                where,
                now.iteration,
                f"{percent(recent.median)} of {what} are saturated",
                {"share saturated": recent.median, "limit": limit},
                signals=(f"saturation/{where}",),
            )
