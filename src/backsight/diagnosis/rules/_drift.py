"""BKS103: the hidden state grows over the steps of a sequence."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, of_module, short

__all__ = ["HiddenDrift"]


@dataclass
class HiddenDrift(Rule):
    """Larger with every step, with no end in the window."""

    code: ClassVar[str] = "BKS103"
    title: ClassVar[str] = "hidden state drifts"
    severity: ClassVar = "warning"
    reads: ClassVar = ("hidden_norm",)
    explanation: ClassVar[str] = (
        "The norm of the hidden state grows from step to step and has not levelled off at the end "
        "of the window. On longer sequences it keeps growing, saturates or overflows."
    )
    criterion: ClassVar[str] = (
        "The mean norm over the last quarter of the window is more than {times:g} times the mean "
        "norm over the second quarter (the first quarter is the transient from the initial state). "
        "From the third quarter to the last the norm grows by at least {onward:g} of its growth "
        "from the second to the third, so it does not level off. Both hold in {samples:.0f} "
        "samples in a row. (Growth in proportion to time gives a factor of 2.33, a random walk "
        "1.53.)"
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
    least: float = 8
    """Steps that the window must have."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """One; that it lasts is a question of its own."""
        return self.require(1, "sample", f"of hidden_norm over {self.least:g} steps or more")

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("hidden_norm").items():
            if len(row) < self.least or not self.finite(layer, row):
                continue
            self.ready = True
            quarter = len(row) // 4
            second, third, last = (
                float(row[i * quarter : (i + 1) * quarter if i < 3 else None].mean())
                for i in (1, 2, 3)
            )
            growing = (
                second > 0
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
                self.found(
                    layer,
                    now.iteration,
                    f"the hidden-state norm{of_module(layer)} grows over the sequence, from "
                    f"{short(second)} in the second quarter of {len(row)} steps to {short(last)} "
                    "in the last",
                    {"second quarter": second, "third quarter": third, "last quarter": last},
                    signals=(f"hidden_norm/{layer}",),
                )
