"""BKS413: a view takes the place of a transposition, so that sequences of the batch mix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample, in_all, parts_of
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["MixedSequences"]


TARGETS, TURNED = " targets", " turned round"


@dataclass
class MixedSequences(InARow):
    """``x.view(T, B, …)`` of an ``x`` of shape ``(B, T, …)``."""

    code: ClassVar[str] = "BKS413"
    title: ClassVar[str] = "sequences mixed by view"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("mixed_rows",)
    explanation: ClassVar[str] = (
        "view() and reshape() change the shape of a tensor and leave its elements in their order. "
        "Where two axes were to be exchanged, or the states of layers and directions to be joined, "
        "each row of the result holds parts of several sequences, and its target belongs to one of "
        "them."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, a view in the graph of the loss, or between the data "
        "and the input or the initial states of a layer, has an axis of the size of the batch "
        "that is not the axis of the batch before it. Which axis that is follows from the calls "
        "of the recurrent layers, or, for data, from the memory that both share. A view that "
        "keeps the axis, or joins it with another one, does not count. Or final states were put "
        "one behind the other along the batch, and a view makes units of them. Or a view gives "
        "the sizes of other axes to each other, makes the steps that a layer or an attention is "
        "given of an axis that came behind features or channels, or, where there is an "
        "attention, makes heads of steps or joins heads to steps: (B, T, H · D) as (B, H, T, D) "
        "or (B · H, T, D). Or the targets of a loss are the next inputs, or end in padding as the "
        "inputs do, or go with the inputs of their steps, in the one order of steps and sequences "
        "alone in which the predictions are not flattened. Or the output of a layer that "
        "was given sequences from their end, by a flip along time, is flipped along the batch."
    )
    causes: ClassVar = (
        "x.view(T, B, -1) of an x of shape (B, T, features), to change the layout",
        "h_n.view(B, -1) of final states of shape (layers · directions, B, hidden)",
        "q.view(B, heads, T, -1) of queries of shape (B, T, features)",
        "output.view(B, T, -1) of an output whose time axis comes first",
        "x.view(B, T, -1) of what a convolution returns, of shape (B, channels, T, ...)",
        "predictions (T, B, classes) and targets (B, T), both flattened",
        "output.flip(1), to put the steps of a reversed layer back, where time comes first",
        "torch.cat([h_n[0], h_n[1]], dim=0), which is (2 · B, hidden), viewed as (B, 2 · hidden)",
        "states that were stored by sequence, (B, layers, hidden), and reshaped to (layers, B, "
        "hidden); a linear layer's output, (B, layers · hidden), likewise",
    )
    remedies: ClassVar = (
        "exchange axes with transpose or permute: x.transpose(0, 1)",
        "part heads with q.view(B, T, heads, -1).transpose(1, 2)",
        "after a convolution, x.permute(0, 2, 1, 3).flatten(2), where axis 2 is time",
        "flatten predictions and targets in the same order: targets.t().reshape(-1)",
        "join states with torch.cat([h_n[-2], h_n[-1]], dim=1), or "
        "h_n.transpose(0, 1).reshape(B, -1)",
    )
    source: ClassVar[str] = "Backsight; a frequent question about view and transpose"

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """The number in all."""
        return in_all(now, "mixed_rows")

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """The first view, with its shapes."""
        kinds = [*parts_of(now, "mixed_rows", where)]
        if kinds and kinds[0].endswith(TARGETS):
            return (
                f"the {kinds[0]} of a loss run along the sequences where its predictions run along "
                "the batch, or the other way round: one of the two has to be transposed before it "
                "is flattened",
                {"views": value},
            )
        if kinds and kinds[0].endswith(TURNED):
            return (
                f"an output of shape {_spelled(kinds[0].removesuffix(TURNED))}, of sequences that "
                "were turned round along time, is turned round along the batch: each row holds "
                "another sequence, and its steps are still in reverse",
                {"outputs": value},
            )
        before, _, after = kinds[0].partition(" as ") if kinds else ("one shape", "", "another")
        more = f" (and {len(kinds) - 1} more)" if len(kinds) > 1 else ""
        mix = "steps" if before.split("×")[0] == after.split("×")[0] else "sequences"
        return (
            f"a view takes a tensor of shape {_spelled(before)} for one of shape "
            f"{_spelled(after)}{more}: the elements stay where they are, and {mix} mix",
            {"views": value},
        )


def _spelled(shape: str) -> str:
    return f"({shape.replace('×', ', ')})" if "×" in shape else shape
