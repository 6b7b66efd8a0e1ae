"""BKS104: units at the end of their range, where no gradient passes."""

import math
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
    optional_signals: ClassVar = ("guess_loss", "loss")
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
        "median of {samples:.0f} samples. Or all gates of a layer are above {began:g} in the first "
        "{samples:.0f} samples and ever since, and after {losses:.0f} losses their level is above "
        "that of the best constant answer: the weights began too large. A gate is told as a note "
        "while the loss is below {learned:g} of that answer's (guess_loss)."
    )
    causes: ClassVar = (
        "a recurrent matrix or an input that is too large",
        "steps that were too large, after which the weights are large",
        "weights, or biases, that were initialised with too wide a spread",
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
    began: float = 0.7
    """Of the values of all gates, before anything was learned. PyTorch begins with none at all."""
    losses: float = 100
    """In which what can be learned is better than a constant."""
    learned: float = 0.25
    """Of the loss of the best constant answer: a gate that is shut serves a task without memory."""
    _guess: float = field(default=math.nan, init=False, repr=False)
    _begun: set[str] = field(default_factory=set, init=False, repr=False)
    """Layers that began so, and still are."""
    _recent: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The samples of its median."""
        return self.require(int(self.samples), "sample", "of saturation")

    def _update(self, now: Sample) -> None:
        shares = now.numbers("saturation")
        began = self._began(now)
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
            if gate and layer in began:
                self._tell_begun(where, gate, layer, recent.median, now)
                continue
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
            one = self.found(
                where,
                now.iteration,
                f"{percent(recent.median)} of {what} are saturated",
                {"share saturated": recent.median, "limit": limit if slow else most},
                signals=(f"saturation/{where}",),
            )
            course = now.courses.get(now.label)
            learned = course is not None and course.level < self.learned * max(self._guess, 0.0)
            note = bool(gate) and learned
            if one.severity == "info" and not note:
                self.raised.append((now.iteration, one))
            one.severity = "info" if note else self.severity

    def _began(self, now: Sample) -> set[str]:
        """Layers whose gates have all been at an end from the start, where nothing was learned."""
        gates: dict[str, list[float]] = {}
        for where, share in now.numbers("saturation").items():
            layer, _, last = where.rpartition(".")
            if last in GATES:
                gates.setdefault(layer, []).append(share)
        wide = {layer for layer, all_ in gates.items() if len(all_) > 2 and min(all_) > self.began}
        if now.iteration == 0:
            self._begun = wide
        self._begun -= set(gates) - wide
        self._guess = now.numbers("guess_loss").get(now.label, self._guess)
        course = now.courses.get(now.label)
        late = course is not None and course.count >= self.losses and course.level > self._guess
        return self._begun if late else set()

    def _tell_begun(self, where: str, gate: str, layer: str, share: float, now: Sample) -> None:
        self.found(
            where,
            now.iteration,
            f"{percent(share)} of the values of the {gate} gate of {layer} are saturated, and most "
            "of all gates were at the first iteration: its weights were initialised too large",
            {"share saturated": share, "limit": self.began, "since": 0},
            signals=(f"saturation/{where}",),
        )
