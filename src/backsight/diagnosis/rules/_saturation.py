"""BKS104: units at the end of their range, where no gradient passes."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, percent

__all__ = ["SaturatedUnits"]

GATES = ("reset", "update", "new", "input", "forget", "cell", "output")


@dataclass
class SaturatedUnits(Rule):
    """Most of a layer's units are stuck at ±1, or most of a gate is open or shut for good."""

    code: ClassVar[str] = "BKS104"
    title: ClassVar[str] = "saturation"
    severity: ClassVar = "warning"
    reads: ClassVar = ("saturation",)
    judges_rate: ClassVar[bool] = True
    leads_to: ClassVar = (
        "BKS101",
        "BKS102",
        "BKS105",
        "BKS301",
        "BKS302",
        "BKS303",
        "BKS402",
        "BKS405",
    )
    explanation: ClassVar[str] = (
        "Most units are in the flat part of their nonlinearity. The slope there is almost zero, "
        "and so is every gradient that passes through them."
    )
    criterion: ClassVar[str] = (
        "The share of states with |h| > 0.99 is above {nearly:g}, or is above {state:g} in "
        "{patience:.0f} samples in a row, or the share of a gate's values within 0.01 of an end of "
        "their range is above {shut:g}, or above {gate:g} in {stays:.0f} samples in a row (these "
        "limits are high because an LSTM remembers through open and shut gates). Each share is a "
        "median of {samples:.0f} samples."
    )
    causes: ClassVar = (
        "a recurrent matrix or an input that is too large",
        "steps that were too large, after which the weights are large",
        "input that is not normalised",
    )
    remedies: ClassVar = (
        "normalise the input to a standard deviation of 1",
        "initialise the recurrent and the input matrix with smaller values",
        remedy("lower the learning rate, clip gradients, or add weight decay", lr=-1),
        "add layer normalisation",
    )
    studied_remedies: ClassVar = ("orthogonal", "lr-third", "lr-fit", "clip", "layer-norm")
    source: ClassVar[str] = "Glorot and Bengio 2010; DeepDiagnosis uses half of the units"

    nearly: float = 0.85
    """So many units that hardly any is left to learn with."""
    state: float = 0.6
    """Of units, where it lasts."""
    patience: float = 25
    """Samples. Deep GRUs and RNNs have had 0.7 for 17 of them early on, and learned out of it."""
    gate: float = 0.95
    """Of a gate's values, where it lasts."""
    shut: float = 0.99
    """So many that a gate is none any more."""
    stays: float = 10
    """Samples. Adam drives the candidates of an LSTM to 0.96 in its first 100 iterations, and they
    come back by themselves."""
    samples: float = 3
    """Whose median counts."""
    _recent: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The samples of its median."""
        return self.require(int(self.samples), "sample", "of saturation")

    def _update(self, now: Sample) -> None:
        shares = now.numbers("saturation")
        for where, share in shares.items():
            recent = self._recent.setdefault(where, Recent(int(self.samples)))
            recent.add(share)
            if not self.finite(where, share):
                continue
            self.usable(where)
            if not recent.full:
                continue
            self.ready = True
            layer, _, last = where.rpartition(".")
            gate = last if last in GATES else ""
            if gate == "cell" and f"{layer}.forget" not in shares:
                gate = ""  # a module of that name
            limit = self.gate if gate else self.state
            if recent.median <= limit:
                self._row[where] = 0
                self.resolve(where, now.iteration)
                continue
            self._row[where] = self._row.get(where, 0) + 1
            most, patience = (self.shut, self.stays) if gate else (self.nearly, self.patience)
            slow = recent.median <= most
            if slow and self._row[where] < patience:
                continue
            what = f"the values of the {gate} gate of {layer}" if gate else f"the units of {where}"
            self.found(
                where,
                now.iteration,
                f"{percent(recent.median)} of {what} are saturated",
                {"share saturated": recent.median, "limit": limit if slow else most},
                signals=(f"saturation/{where}",),
            )
