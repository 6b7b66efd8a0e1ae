"""BKS417: rows are sorted for packing, and their targets are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["RowsOutOfOrder"]


@dataclass
class RowsOutOfOrder(InARow):
    """``x = x[order]`` without ``y = y[order]``."""

    code: ClassVar[str] = "BKS417"
    title: ClassVar[str] = "rows out of order"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("rows_out_of_order", "rows_sorted")
    explanation: ClassVar[str] = (
        "Packing needs the longest sequence first. The rows were sorted for it, and their targets "
        "were not, so that each prediction is compared with the target of another sequence. "
        "There is nothing to learn but how frequent each target is."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row: the targets of the steps have the very lengths of the "
        "rows, in another order; or rows that an index has sorted before they are packed, and "
        "that nothing puts back, meet targets that are a part of the data, and no sorted copy; or "
        "rows that are sorted by hand have other targets each time they come again; or a model "
        "sorts the rows that it is given, and neither puts its answers back nor returns the order, "
        "or puts them back by another order, as by the one that has sorted them; or the two "
        "batches that make one answer have each been sorted by their own lengths; or a state that "
        "was left sorted meets, row by row, outputs that were put back, or another batch's; or "
        "rows that were sorted are put together again with some of them twice, and others not at "
        "all. Where rows are sorted and not put back, and the order of the targets is not known, "
        "an info says so. enforce_sorted=False sorts and puts back by itself, and does not count."
    )
    causes: ClassVar = (
        "x[order] for pack_padded_sequence, and targets in the order of before",
        "a model that sorts its rows and returns its outputs in that order",
    )
    remedies: ClassVar = (
        "leave the sorting to PyTorch: pack_padded_sequence(x, lengths, enforce_sorted=False)",
        "put the outputs back, and the state with them: output[order.argsort()], "
        "h_n[:, order.argsort()]",
        "sort the targets alike: y = y[order]",
    )
    source: ClassVar[str] = "PyTorch's documentation of pack_padded_sequence; public reports"

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Negative where only the sorting is known."""
        certain = now.numbers("rows_out_of_order")
        hints = {where: -rows for where, rows in now.numbers("rows_sorted").items()}
        return {
            **hints,
            **{where: rows or hints.get(where, 0.0) for where, rows in certain.items()},
        }

    def severity_of(self, value: float) -> Severity:
        """A hint is no warning."""
        return self.severity if value > 0 else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many rows."""
        rows = abs(value)
        if value > 0:
            told = f"{rows:.0f} rows of a batch are compared with the targets of other rows"
        else:
            told = (
                f"{rows:.0f} rows are sorted before they are packed and stay so: their targets "
                "have to be sorted alike"
            )
        return told, {"rows": rows}
