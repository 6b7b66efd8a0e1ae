"""BKS408: the loss reads one sequence of the batch, because time and batch are swapped."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample, of_module
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["LastColumn"]


@dataclass
class LastColumn(InARow):
    """The last sequence at every step, in the place of the last step of every sequence."""

    code: ClassVar[str] = "BKS408"
    title: ClassVar[str] = "batch and time swapped"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
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

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Of how many sequences."""
        return (
            f"the loss reads only the last of {value:.0f} sequences{of_module(where)}, at "
            "every step: batch and time are swapped",
            {"sequences": value},
        )
