"""BKS412: each prediction is held against each target, because their shapes broadcast."""

import math
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["LossBroadcast"]


@dataclass
class LossBroadcast(InARow):
    """``(N, 1)`` against ``(N,)``."""

    code: ClassVar[str] = "BKS412"
    title: ClassVar[str] = "loss broadcasts"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("loss_broadcast",)
    explanation: ClassVar[str] = (
        "Prediction and target have shapes that broadcast against each other, such as (N, 1) and "
        "(N,): the loss compares every prediction with every target. Its minimum is then the mean "
        "of all targets for every input, and that is what the model learns."
    )
    criterion: ClassVar[str] = (
        "In the graph of the loss, prediction and target are both broadcast, along different axes, "
        "before they are compared, in {samples:.0f} samples in a row. A target that alone is "
        "broadcast does not count, nor does a difference whose sides both carry a gradient."
    )
    causes: ClassVar = (
        "the model returns (N, 1) and the target is (N,), or the other way round",
        "squeeze() took away another axis than was meant",
    )
    remedies: ClassVar = (
        "give both the same shape: prediction.squeeze(-1), or target.unsqueeze(-1)",
        "heed PyTorch's warning about a target size that is different to the input size",
    )
    source: ClassVar[str] = "PyTorch's warning of mse_loss; a frequent question"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many comparisons there are."""
        side = math.isqrt(int(value))
        each = f": {side} predictions with each of {side} targets" if side * side == value else ""
        return (
            f"the loss makes {value:,.0f} comparisons{each}; prediction and target are broadcast "
            "against each other",
            {"comparisons": value},
        )
