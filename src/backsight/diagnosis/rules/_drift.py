"""BKS103: the hidden state grows over the steps of a sequence."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import ProfileRow, Rule, Sample, of_module, short
from backsight.diagnosis.rules._updates import Paying
from backsight.diagnosis.stability import LossHistory

__all__ = ["HiddenDrift"]


@dataclass
class HiddenDrift(Rule):
    """Larger with every step, with no end in the window."""

    code: ClassVar[str] = "BKS103"
    title: ClassVar[str] = "hidden state drifts"
    severity: ClassVar = "warning"
    reads: ClassVar = ("hidden_norm",)
    optional_signals: ClassVar = ("saturation", "loss")
    leads_to: ClassVar = (
        "BKS102",
        "BKS104",
        "BKS201",
        "BKS202",
        "BKS203",
        "BKS204",
        "BKS206",
    )
    explanation: ClassVar[str] = (
        "The norm of the hidden state grows from step to step and has not levelled off at the end "
        "of the window. On longer sequences it keeps growing, and overflows. A network that is "
        "meant to sum must grow like this, so the finding is an info where the loss falls with it."
    )
    criterion: ClassVar[str] = (
        "The mean norm over the last quarter of the window is more than {times:g} times the mean "
        "norm over the second quarter (the first quarter is the transient from the initial state). "
        "From the third quarter to the last the norm grows by at least {onward:g} of its growth "
        "from the second to the third, so it does not level off. Both hold in {samples:.0f} "
        "samples in a row. (Growth in proportion to time gives a factor of 2.33, a random walk "
        "1.53.) A state that is bounded, as with tanh, only fills up, and is not judged. The "
        "finding is an info if the norm grows at most {onward_at_most:g} times as much from the "
        "third quarter to the last as before, and the loss has fallen to {learned:g} of its "
        "initial level or lower, or by {pays:g} of it over these samples."
    )
    causes: ClassVar = (
        "a recurrent matrix with a spectral radius above 1, together with ReLU or small states",
        "a state that accumulates its input, as with an identity initialisation",
        "a state that is carried from window to window and never reset",
    )
    remedies: ClassVar = (
        (
            "initialise the recurrent matrix orthogonally with a gain below 1; apply weight decay "
            "to it"
        ),
        "use tanh instead of ReLU, or a GRU or an LSTM",
        "apply layer normalisation to the state",
        "reset the state at intervals",
    )
    studied_remedies: ClassVar = ("orthogonal", "gru", "lstm", "layer-norm")
    source: ClassVar[str] = "Backsight"

    times: float = 1.8
    """Over half a window: between a random walk and growth in proportion to time."""
    onward: float = 0.6
    """Bounded states that fill up come to rest: theirs is below a half; steady growth is 1."""
    samples: float = 20
    """In a row: networks that begin as an identity grow at first, and learn not to."""
    onward_at_most: float = 3.0
    """Growth in proportion to the square of time is 1.67; a state that multiplies passes it."""
    learned: float = 0.7
    """Of the initial loss: the network uses what its state has summed up."""
    pays: float = 0.08
    """Of where the loss began, as of BKS207: it still learns what to do with its state."""
    least: float = 8
    """Steps that the window must have."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _bounded: set[str] = field(default_factory=set, init=False, repr=False)
    """Layers whose states have an end of their range, at which they saturate."""
    _paying: Paying | None = field(default=None, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """One; that it lasts is a question of its own."""
        return self.require(1, "sample", f"of hidden_norm over {self.least:g} steps or more")

    def _update(self, now: Sample) -> None:
        self._bounded.update(now.numbers("saturation"))
        self._paying = self._paying or Paying(int(self.samples))
        falls = self._paying.share(now) > self.pays
        for layer, row in now.rows("hidden_norm").items():
            if len(row) < self.least or not self.finite(layer, row):
                continue
            self.ready = True
            quarter = len(row) // 4
            second, third, last = (
                _mean(row[i * quarter : (i + 1) * quarter if i < 3 else None]) for i in (1, 2, 3)
            )
            growing = (
                layer not in self._bounded
                and second > 0
                and last > self.times * second
                and second < third
                and last - third >= self.onward * (third - second)
            )
            if not growing:
                self._row[layer] = 0
                self.resolve(layer, now.iteration)
                continue
            self._row[layer] = self._row.get(layer, 0) + 1
            if self._row[layer] >= self.samples:
                course = now.courses.get(now.label)
                steady = last - third <= self.onward_at_most * (third - second)
                useful = falls or (course is not None and _has_fallen(course, self.learned))
                finding = self.found(
                    layer,
                    now.iteration,
                    f"the hidden-state norm{of_module(layer)} grows over the sequence, from "
                    f"{short(second)} in the second quarter of {len(row)} steps to {short(last)} "
                    "in the last",
                    {"second quarter": second, "third quarter": third, "last quarter": last},
                    signals=(f"hidden_norm/{layer}",),
                )
                finding.severity = "info" if steady and useful else self.severity


def _mean(norms: ProfileRow) -> float:
    """Infinite where the sum overflows: a state of float32 may be as large as its numbers go."""
    with np.errstate(over="ignore"):
        return float(norms.mean(dtype=np.float64))


def _has_fallen(course: LossHistory, share: float) -> bool:
    """Whether the loss is a good part below where it began, and was above zero there."""
    return course.settled and course.began > 0 and course.level <= share * course.began
