"""BKS408: the loss reads one sequence of the batch, because time and batch are swapped."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module

__all__ = ["LastColumn"]


@dataclass
class LastColumn(Rule):
    """The last sequence at every step, in the place of the last step of every sequence."""

    code: ClassVar[str] = "BKS408"
    title: ClassVar[str] = "batch and time swapped"
    severity: ClassVar = "error"
    reads: ClassVar = ("last_column",)
    leads_to: ClassVar = (
        "BKS101",
        "BKS105",
        "BKS301",
        "BKS302",
        "BKS303",
    )
    explanation: ClassVar[str] = (
        "The loss reads the output of the last sequence of the batch at every step, and of no "
        "other sequence. The code takes the last step of the output where its batch axis is: the "
        "layer runs over the batch, and what it remembers comes from other sequences."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the gradient on the output is not zero for the last "
        "of several sequences at every one of several steps, it is exactly zero for all other "
        "sequences, and the loss takes that sequence by an index. A weight of zero for all other "
        "sequences, such as that of padding, does not count."
    )
    causes: ClassVar = (
        "batch_first=True was forgotten: output[:, -1] is the last sequence then",
        "output[-1] where the batch comes first",
        "an input of shape (batch, time, features) for a layer that expects time first",
    )
    remedies: ClassVar = (
        "create the layer with batch_first=True, or transpose its input",
        "take the last step along the time axis: output[:, -1] with batch_first=True, output[-1] "
        "without",
    )
    source: ClassVar[str] = "Backsight; a frequent question about batch_first"

    samples: float = 3
    """In a row."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so."""
        return self.require(
            self.samples, "sample", "of last_column in a row, all of one kind",
            sooner=(1, "the loss reads several sequences") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for layer, sequences in now.numbers("last_column").items():
            if not self.finite(layer, sequences):
                continue
            if not sequences:
                self._row[layer] = 0
                self.ready = True
                self.resolve(layer, now.iteration)
                continue
            self._row[layer] = self._row.get(layer, 0) + 1
            self.usable(layer, self._row[layer])
            if self._row[layer] < self.samples:
                continue
            self.ready = True
            self.found(
                layer,
                now.iteration,
                f"the loss reads only the last of {sequences:.0f} sequences{of_module(layer)}, at "
                "every step: batch and time are swapped",
                {"sequences": sequences},
                signals=(named("last_column", layer),),
            )
