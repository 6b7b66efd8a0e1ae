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
    explains: ClassVar = ("BKS435",)
    reads: ClassVar = (
        "one_unit_read",
        "one_row_read",
        "one_feature_read",
        "features_alike",
        "one_series_read",
        "one_output_read",
    )
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
        "that is itself the prediction is told as a note, and so is a model that cuts one feature "
        "out of the several that it is given, and reads no other, or is given one that was cut out "
        "of a batch of several (one_feature_read); so are features that are all the same "
        "(features_alike), and overlapping windows of one feature, of which no target is a value, "
        "while the loss is above half of what a constant answer gives (one_series_read), and a "
        "loss that asks for one output of a linear layer, and for that column of a table of "
        "targets that is as wide (one_output_read)."
    )
    causes: ClassVar = (
        "output[:, :, -1] or output[..., 0] where the last step was meant, output[:, -1]",
        "h_n[:, -1], which is the last sequence of the batch, where h_n[-1] is the last layer",
        "an index of one column where all were meant: table[..., :1], table[i : i + steps, 0]",
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
        features = now.numbers("one_feature_read")
        found = {where: rows.get(where, 0.0) or unit for where, unit in units.items()}
        for where, count in features.items():
            found[where] = found.get(where, 0.0) or -count
        for name in self.reads[3:]:
            for where, count in now.numbers(name).items():
                found[where] = found.get(where, 0.0) or -count
        return found

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
        if now.numbers("one_unit_read").get(where):
            alone = " as the prediction" if value < 0 else ""
            return (
                f"the loss reads one of the {many:.0f} units{of_module(where)} alone{alone}: an "
                "index takes it, and no other gets a gradient from the output",
                {"units": many},
            )
        if now.numbers("one_feature_read").get(where):
            return (
                f"of the {many:.0f} features of a batch, {where} reads one alone: the others enter "
                "nowhere",
                {"features": many},
            )
        if now.numbers("features_alike").get(where):
            return (
                f"all {many:.0f} features that {where} is given are the same numbers: one column, "
                f"{many:.0f} times",
                {"features": many},
            )
        if now.numbers("one_output_read").get(where):
            return (
                f"the loss asks for one of the {many:.0f} outputs, and for that column of the "
                "targets: the others are trained by nothing",
                {"outputs": many, "since": 0.0},
            )
        return (
            f"{where} is given windows of one series, and its {many:.0f} targets are no values of "
            "it, of which hardly anything is learned: they may be another column's, and no other "
            "is read",
            {"targets": many, "since": 0.0},
        )
