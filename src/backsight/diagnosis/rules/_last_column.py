"""BKS408: time and batch are swapped, as what the loss reads shows, or what the layer is given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, of_module
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["LastColumn"]


CURVES, POOLED = 3.0, 7.0

TOLD = {
    1.0: "sequences end in padding",
    2.0: "the target of each step is the next input",
    CURVES: "curves run",
    4.0: "targets depend on an input near theirs",
}
"""By what ``time_across`` says."""

ALONG = {
    5.0: "the attention runs over the batch: what it takes for steps are the sequences",
    6.0: "a softmax runs over the batch: its weights add up to 1 over the sequences, not the steps",
}
"""The same, where no layer has an axis for the batch."""


@dataclass
class LastColumn(InARow):
    """The last sequence at every step, in the place of the last step of every sequence; or a layer
    that runs along another axis than its data."""

    code: ClassVar[str] = "BKS408"
    title: ClassVar[str] = "batch and time swapped"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("last_column", "time_across")
    leads_to: ClassVar = (
        "BKS101",
        "BKS105",
        "BKS301",
        "BKS302",
        "BKS303",
    )
    explanation: ClassVar[str] = (
        "The layer runs over the batch, and what it remembers comes from other sequences. Either "
        "the loss reads the output of the last sequence of the batch at every step, and of no "
        "other one: the code takes the last step of the output where its batch axis is. Or the "
        "data run along the axis that the layer takes for the batch."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the gradient on the output is not zero for the last of "
        "several sequences (or for it and the first of at least four) at every one of several "
        "steps, it is exactly zero for all other sequences, and the loss takes that sequence by an "
        "index. A weight of zero for all other sequences, such as that of padding, does not count. "
        "Or, in as many, sequences end in padding along the axis that the layer takes for the "
        "batch and not along the other one, or the target of each step is the next input along it, "
        "or depends on one of the three inputs on either side of its own there, and on none of the "
        "nearest ones along the axis that the layer takes for time, or is a sum of inputs before "
        "it, which by themselves do not go with each other; where no layer of PyTorch's "
        "runs, of a loop of one's own, too. Curves of inputs, or of targets, that run along it are "
        "an info: the sequences of a batch may be neighbours. Or all attentions of a model run "
        "along an axis that has a target for each element, or along which symbols do not move on, "
        "as they do along the other one; or a softmax runs along the axis that a layer takes for "
        "the batch. Or a mean, a maximum or a sum is taken along that axis alone, the loss asks "
        "for one answer of each step, and the same steps come again, with the same answers, some "
        "in the order of before and some against it: no time does that."
    )
    causes: ClassVar = (
        "batch_first=True was forgotten: output[:, -1] is the last sequence then",
        "output[-1] where the batch comes first",
        "output.mean(1), or output.max(1), of a layer that was created without batch_first=True",
        "an input of shape (batch, time, features) for a layer that expects time first, such as a "
        "TransformerEncoderLayer without batch_first=True",
        "softmax(dim=0) of attention weights (batch, time)",
    )
    remedies: ClassVar = (
        "create the layer with batch_first=True, or transpose its input",
        "take the last step along the time axis: output[:, -1] with batch_first=True, output[-1] "
        "without",
    )
    source: ClassVar[str] = "Backsight; a frequent question about batch_first"

    _across: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By layer, what its data tell, of the newest iteration that was looked at."""
    _read: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By layer, of how many sequences the loss reads the last one, of the newest sample."""

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Negative is what the data tell; of two, the one that says more."""
        across = now.numbers("time_across")
        self._across.update(across)
        read = now.numbers("last_column")
        self._read.update(read)
        found = {path: n for path, n in read.items() if n or not self._across.get(path)}
        for path, told in across.items():
            if told and not found.get(path):
                found[path] = -told
            elif not self._read.get(path):
                found.setdefault(path, 0.0)
        return found

    def severity_of(self, value: float) -> Severity:
        """Of curves alone, it is a hint."""
        return "info" if value == -CURVES else self.severity

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Of how many sequences, or by what."""
        if -value in ALONG:
            return ALONG[-value], {"told by": -value}
        if value == -POOLED:
            return (
                f"sequences are pooled at each step{of_module(where)}, for an answer of its own: "
                "these steps are the rows of a data set, which come again in another order",
                {"told by": POOLED},
            )
        if value < 0:
            layer = "a loop" if where == "loop" else where
            told = f"{TOLD[-value]} along the axis that {layer} takes for the batch"
            return told, {"told by": -value}
        count = math.floor(value)
        which = "last" if count == value else "first and the last"
        return (
            f"the loss reads only the {which} of {count} sequences{of_module(where)}, at "
            "every step: batch and time are swapped",
            {"sequences": float(count)},
        )
