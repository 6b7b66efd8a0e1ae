"""BKS414: a direction of a bidirectional layer is read where it has seen a single step."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample, of_module
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["OneStepRead"]


@dataclass
class OneStepRead(InARow):
    """``output[:, -1]`` of both directions, or ``output[:, 0]``."""

    code: ClassVar[str] = "BKS414"
    title: ClassVar[str] = "direction read at its first step"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("one_step_read",)
    explanation: ClassVar[str] = (
        "The reverse half of a bidirectional layer begins at the last step and ends at the first "
        "one. At the last step it has seen that step and nothing else, and so has the forward half "
        "at the first step. The loss reads that half of the output there alone: half of the layer "
        "contributes one step of the sequence."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the gradient on the output of a bidirectional layer "
        "is not zero for the reverse half at the last step of each sequence, and is zero at all "
        "others; or so for the forward half at the first step. A loss that reads a final state, "
        "several steps, or no such half does not count, nor do sequences of two steps."
    )
    causes: ClassVar = (
        "output[:, -1], or output[-1], of a bidirectional layer",
        "output[:, 0], or output[0]",
        "the last valid step of each sequence, gathered from both halves",
    )
    remedies: ClassVar = (
        "read the final states: torch.cat([h_n[-2], h_n[-1]], dim=1)",
        "read each half where it ends: torch.cat([output[:, -1, :H], output[:, 0, H:]], dim=1)",
        "read all steps, by a mean or a maximum over time",
    )
    source: ClassVar[str] = "Backsight; a frequent question about bidirectional layers"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Which half, and where."""
        reverse = "the reverse half of the output", "last"
        forward = "the forward half", "first"
        halves = [h for bit, h in ((1, reverse), (2, forward)) if int(value) & bit]
        told = " and ".join(f"{half}{of_module(where)} at the {step} step" for half, step in halves)
        return (
            f"the loss reads {told} alone: it has seen one step of the sequence there",
            {"halves": float(len(halves))},
        )
