"""BKS412: each prediction is held against each target, because their shapes broadcast."""

import math
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
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
        "before they are compared, in {samples:.0f} samples in a row. A note where one target is "
        "broadcast along the steps of a sequence, and held against the answer of each. A target "
        "that alone is broadcast along another axis does not count, nor does a difference whose "
        "sides both carry a gradient."
    )
    causes: ClassVar = (
        "the model returns (N, 1) and the target is (N,), or the other way round",
        "an advantage, or a weight, of (N, 1) that multiplies likelihoods of (N,)",
        "squeeze() took away another axis than was meant",
        "a model that answers at each step, and one value that was wanted of the last one",
    )
    remedies: ClassVar = (
        "give both the same shape: prediction.squeeze(-1), or target.unsqueeze(-1)",
        "compare the last answer alone where one value is wanted: output[:, -1]",
        "heed PyTorch's warning about a target size that is different to the input size",
    )
    source: ClassVar[str] = "PyTorch's warning of mse_loss; a frequent question"

    def severity_of(self, value: float) -> Severity:
        """To ask each step for the answer of the last one may be meant."""
        return self.severity if value > 0 else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many comparisons there are."""
        if value < 0:
            return (
                f"the answers of all {-value:.0f} steps are held against one and the same target, "
                "which the loss broadcasts: is the last one meant, output[:, -1]?",
                {"steps": -value},
            )
        side = math.isqrt(int(value))
        each = f": {side} predictions with each of {side} targets" if side * side == value else ""
        return (
            f"the loss makes {value:,.0f} comparisons{each}; prediction and target are broadcast "
            "against each other",
            {"comparisons": value},
        )
