"""BKS416: sequences are packed with the length of the padded batch, or of other sequences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample, named, of_module, percent, short
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["PaddingPacked"]


@dataclass
class PaddingPacked(InARow):
    """``pack_padded_sequence(x, [x.shape[1]] * len(x))``."""

    code: ClassVar[str] = "BKS416"
    title: ClassVar[str] = "packed with wrong lengths"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("padding_packed", "lengths_unlike")
    explanation: ClassVar[str] = (
        "The batch was packed, but each sequence with the length of the padded batch: nothing is "
        "left out, and the layer runs over the padding as if the batch were not packed. The final "
        "states are those after the padding. Or it was packed with the lengths of other sequences: "
        "then some are cut short, and others are read into their padding."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, all sequences of a packed batch are equally long, at "
        "least half of them end in one and the same value, over at least three different numbers "
        "of steps, that value makes up at most 10 % of the steps before, and at least {share:.0%} "
        "of all steps are such an end; and the loss reads the final state, or the last step alone. "
        "Or, in as many, at least 20 % of the sequences of a batch are packed with a smaller "
        "length than that of what is before their padding, and 20 % with a greater one; or half "
        "of them with one that is smaller by two or more, at different steps, and with 20 % of all "
        "steps left out; or each "
        "length is the number of steps that are not 0, and at least 20 % of the sequences have "
        "zeros before the last of these, so that they are cut short (lengths_unlike)."
    )
    causes: ClassVar = (
        "lengths that were taken from the padded batch: x.shape[1], or len of a padded row",
        "lengths that are those of the longest sequence, for all",
        "lengths that were made smaller, as for layers that shorten a sequence, where none does",
        "lengths that were sorted for pack_padded_sequence, of sequences that were not",
        "lengths that count what is not 0, of data that are 0 at times: (x != 0).sum(1)",
    )
    remedies: ClassVar = (
        "pass the length of each sequence before it was padded",
        "leave the order alone: pack_padded_sequence(x, lengths, enforce_sorted=False)",
        "count the symbols that are not padding: lengths = (x != PAD).sum(1), if PAD stands for "
        "nothing else",
    )
    source: ClassVar[str] = "Backsight; PyTorch's documentation of pack_padded_sequence"

    share: float = 0.1
    """Of all steps; a step or two hardly matter."""

    def signal(self, where: str, value: float) -> str:
        """By what was told."""
        return named(self.reads[value < 0], where)

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Negative where lengths are those of other sequences."""
        whole = dict(now.numbers("padding_packed"))
        for where, share in now.numbers("lengths_unlike").items():
            whole[where] = -share or whole.get(where, 0.0)
        return whole

    def counts(self, value: float) -> bool:
        """Whether there is enough of it."""
        return value < 0 or value >= self.share

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How much of the batch is padding, or how many lengths are wrong."""
        if value < 0:
            return (
                f"{percent(-value)} of the sequences{of_module(where)} are packed with another "
                "length than theirs: they are cut short, or read into their padding",
                {"sequences": float(short(-value))},
            )
        return (
            f"the packed input{of_module(where)} has sequences of the same length only, and ends "
            f"in padding all the same ({percent(value)} of all steps): the lengths are wrong",
            {"padding": float(short(value))},
        )
