"""BKS437: of all units of a layer, or of all sequences of a batch, the loss reads one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, of_module
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["OneColumnRead"]


@dataclass
class OneColumnRead(InARow):
    """``output[:, :, -1]`` for ``output[:, -1]``; ``h_n[:, -1]`` for ``h_n[-1]``."""

    code: ClassVar[str] = "BKS437"
    title: ClassVar[str] = "one column read"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("one_unit_read", "one_row_read")
    explanation: ClassVar[str] = (
        "An index takes one element along the wrong axis of what a layer returns: a single unit "
        "instead of a step, or a single sequence of the batch. No other unit, or sequence, gets a "
        "gradient from the loss, so that most of the layer, or of the data, is not trained on."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, an index in the graph of the loss takes the same unit "
        "of a layer of several, a matrix is multiplied by what is left, and the gradient on the "
        "output is exactly zero for all other units and for the final states. Or an index takes "
        "the same sequence of several, and the gradient on the output and on the final states is "
        "exactly zero for all others (that the last one is read at every step is BKS408). A unit "
        "that is itself the prediction is told as a note."
    )
    causes: ClassVar = (
        "output[:, :, -1] or output[..., 0] where the last step was meant, output[:, -1]",
        "h_n[:, -1], which is the last sequence of the batch, where h_n[-1] is the last layer",
        "output[0] with batch_first=True, or output[:, 0] without, where a step was meant",
    )
    remedies: ClassVar = (
        "take the step along the time axis: output[:, -1] with batch_first=True, else output[-1]",
        "take the layer of a final state along the first axis, h_n[-1], whatever batch_first is",
        "let a head read all units: nn.Linear(hidden_size, outputs)",
    )
    source: ClassVar[str] = "PyTorch's documentation of nn.LSTM; a frequent question"

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Sequences first, which are the graver."""
        rows = now.numbers("one_row_read")
        units = now.numbers("one_unit_read")
        return {where: rows.get(where, 0.0) or unit for where, unit in units.items()}

    def severity_of(self, value: float) -> Severity:
        """A unit that is the prediction may be meant to be."""
        return self.severity if value > 0 else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """One of how many."""
        many = abs(value)
        if now.numbers("one_row_read").get(where):
            return (
                f"the loss reads one of the {many:.0f} sequences of a batch{of_module(where)} "
                "alone: an index takes it, and no other gets a gradient",
                {"sequences": many},
            )
        alone = " as the prediction" if value < 0 else ""
        return (
            f"the loss reads one of the {many:.0f} units{of_module(where)} alone{alone}: an index "
            "takes it, and no other gets a gradient from the output",
            {"units": many},
        )
